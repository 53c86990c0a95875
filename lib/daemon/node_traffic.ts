/** What goes through a node, for `status`. */

import type { Clock } from "../base/clock.ts";
import type { Flow, LinkInfo, SessionInfo } from "../control/operations.ts";
import type { Targets } from "../target/targets.ts";
import type { Link } from "../../tunnel/link.ts";
import type { LinkListener } from "../../tunnel/listen.ts";
import { Rates } from "./rates.ts";

export interface NodeTrafficOptions {
  readonly clock: Clock;
  readonly links: LinkListener;
  readonly targets: Targets;
}

export class NodeTraffic {
  readonly #rates: Rates;
  readonly #options: NodeTrafficOptions;

  constructor(options: NodeTrafficOptions) {
    this.#options = options;
    this.#rates = new Rates(options.clock);
  }

  start(): void {
    this.#rates.start(() => this.#counters());
  }

  stop(): void {
    this.#rates.stop();
  }

  links(): LinkInfo[] {
    return this.#options.links.links.map((link) => linkInfo(link, this.#rates));
  }

  sessions(): SessionInfo[] {
    return this.#options.targets.sessions().map((session) => ({
      volume: session.volume,
      initiator: session.initiator,
      device: session.device,
      tsih: session.tsih,
      since: new Date(session.since).toISOString(),
      commands: session.commands,
      read: this.#flow(`read ${session.tsih}`, session.read),
      written: this.#flow(`written ${session.tsih}`, session.written),
    }));
  }

  #flow(name: string, { bytes, pdus }: { bytes: number; pdus: number }): Flow {
    return { bytes, pdus, bytesPerSecond: this.#rates.perSecond(name, bytes) };
  }

  *#counters(): Generator<readonly [string, number]> {
    for (const { tsih, read, written } of this.#options.targets.sessions()) {
      yield [`read ${tsih}`, read.bytes];
      yield [`written ${tsih}`, written.bytes];
    }
    for (const link of this.#options.links.links) yield* linkCounters(link);
  }
}

/** The counters of a link by the names that {@linkcode linkInfo} looks for. */
export function linkCounters(link: Link): (readonly [string, number])[] {
  const { sent, received } = link.stats;
  return [
    [`sent ${link.id}`, sent.bytes],
    [`received ${link.id}`, received.bytes],
  ];
}

export function linkInfo(link: Link, rates: Rates): LinkInfo {
  const { sent, received, macFailures } = link.stats;
  return {
    device: link.peer.name,
    address: link.peer.address,
    since: new Date(link.sinceMs).toISOString(),
    state: link.state === "paused" ? "paused" : "up",
    sent: {
      bytes: sent.bytes,
      pdus: sent.frames,
      bytesPerSecond: rates.perSecond(`sent ${link.id}`, sent.bytes),
    },
    received: {
      bytes: received.bytes,
      pdus: received.frames,
      bytesPerSecond: rates.perSecond(`received ${link.id}`, received.bytes),
    },
    macFailures,
  };
}
