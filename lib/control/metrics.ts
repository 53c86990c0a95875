/**
 * What `status` tells, for Prometheus: each figure a sample, in its text format 0.0.4. Nothing is counted here: who asks gets what is so at
 * that moment. A counter begins again at 0 with what it counts: a volume that is served again, a session, a link.
 */

import { Counter, Gauge, Registry } from "prom-client";
import type { LinkInfo, NodeStatus, SessionInfo } from "./operations.ts";
import { VOLUME_METRICS } from "./volume_metrics.ts";

/** One figure, and of what it is. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One name, and all that bears it. */
export interface Metric {
  /** In base units; what ends with `_total` only ever grows. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (status: NodeStatus, nowMs: number) => Sample[];
}

/** A page of them. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

const NODE_METRICS: readonly Metric[] = [
  {
    name: "vault_build_info",
    help: "1, with the version of the program that serves.",
    labels: ["version"],
    samples: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: "vault_start_time_seconds",
    help: "When this node began to serve, in seconds since 1970.",
    labels: [],
    samples: ({ since }) =>
      since === undefined ? [] : [{
        labels: {},
        value: Date.parse(since) / 1000,
      }],
  },
  {
    name: "vault_mac_failures_total",
    help:
      "Records that were not what the device sent, of all links since the start. Each has ended its link: somebody on the way changes bytes.",
    labels: [],
    samples: ({ macFailures }) => [{ labels: {}, value: macFailures ?? 0 }],
  },
  {
    name: "vault_links",
    help:
      "Links with devices. A paused one has lost its connection and waits for another.",
    labels: ["state"],
    samples: ({ links }) =>
      ["up", "paused"].map((state) => ({
        labels: { state },
        value: links.filter((link) => link.state === state).length,
      })),
  },
];

const LINK_METRICS = [
  ofLinks({
    name: "vault_link_up",
    help: "1 where the link has its connection, 0 where it is paused.",
    of: ({ state }) => state === "up" ? 1 : 0,
  }),
  ofLinks({
    name: "vault_link_sent_bytes_total",
    help: "Bytes to the device, without the headers of what carries them.",
    of: ({ sent }) => sent.bytes,
  }),
  ofLinks({
    name: "vault_link_received_bytes_total",
    help: "Bytes from the device, without the headers of what carries them.",
    of: ({ received }) => received.bytes,
  }),
];

const SESSION_METRICS = [
  ofSessions({
    name: "vault_session_commands_total",
    help: "SCSI commands of the initiator since it logged in.",
    of: ({ commands }) => commands,
  }),
  ofSessions({
    name: "vault_session_read_bytes_total",
    help: "Bytes to the initiator since it logged in.",
    of: ({ read }) => read.bytes,
  }),
  ofSessions({
    name: "vault_session_written_bytes_total",
    help: "Bytes from the initiator since it logged in.",
    of: ({ written }) => written.bytes,
  }),
];

/** All that there are, in the order of the page. */
export const METRICS: readonly Metric[] = [
  ...NODE_METRICS,
  ...VOLUME_METRICS,
  ...SESSION_METRICS,
  ...LINK_METRICS,
];

interface Figure<T> extends Pick<Metric, "name" | "help"> {
  readonly of: (thing: T) => number;
}

/** The port of the other end tells two links of one device apart. */
function ofLinks({ name, help, of }: Figure<LinkInfo>): Metric {
  return {
    ...{ name, help, labels: ["device", "address"] },
    samples: ({ links }) =>
      links.map((link) => ({
        labels: { device: link.device, address: link.address },
        value: of(link),
      })),
  };
}

/** The handle tells two sessions of one initiator apart: summed up they would fall when one ends, and count twice. */
function ofSessions({ name, help, of }: Figure<SessionInfo>): Metric {
  return {
    ...{ name, help, labels: ["volume", "device", "initiator", "session"] },
    samples: ({ sessions }) =>
      sessions.map((session) => {
        const { volume, device, initiator, tsih } = session;
        return {
          labels: { volume, device, initiator, session: String(tsih) },
          value: of(session),
        };
      }),
  };
}

/** The page of a node that is so at that time. */
export async function metricsPage(
  status: NodeStatus,
  nowMs: number,
): Promise<MetricsPage> {
  // A new one each time: what is no more has no sample.
  const registry = new Registry();
  for (const { name, help, labels, samples } of METRICS) {
    const found = samples(status, nowMs);
    if (found.length === 0) continue;
    const options = { name, help, labelNames: labels, registers: [registry] };
    if (name.endsWith("_total")) {
      const counter = new Counter(options);
      for (const { labels, value } of found) counter.inc(labels, value);
    } else {
      const gauge = new Gauge(options);
      for (const { labels, value } of found) gauge.set(labels, value);
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() };
}
