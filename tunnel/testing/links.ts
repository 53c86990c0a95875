/** Both ends of a link over memory: what is below the records, and above TLS, can be looked at and changed. */

import type { Clock } from "../../lib/base/clock.ts";
import { duplexPair } from "../../lib/base/duplex_pair.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import type { Channel } from "../channel.ts";
import { DEVICE_TO_NODE, NODE_TO_DEVICE } from "../keys.ts";
import type { Link } from "../link.ts";
import { LinkPump } from "../link_pump.ts";
import type { RenewalLimits } from "../record.ts";
import type { Wire } from "../sender.ts";
import { testDirection } from "./records.ts";

export interface LinkPairOptions {
  readonly clock?: Clock;
  readonly renewal?: RenewalLimits;
  /** Tells this pair's keys and link id from another's. */
  readonly seed?: number;
  readonly chunkBytes?: number;
  readonly windowBytes?: number;
  /** How long the link outlives its connection; not at all unless given. */
  readonly resumeWindowMs?: number;
  /** The end whose link does not outlive its connection all the same. */
  readonly withoutWindow?: "device" | "node";
  /** The device's name; "laptop" unless given. */
  readonly name?: string;
  /** What becomes of each write of the device on its way to the node. */
  readonly meddle?: (bytes: Uint8Array) => readonly Uint8Array[];
}

export interface LinkPair {
  readonly device: LinkPump;
  readonly node: LinkPump;
  /** The connections below, to be cut. */
  readonly wires: { readonly device: Wire; readonly node: Wire };
  /** Both ends lose the connection that they have, if any, and go on over another, as if they had proved who they are. */
  reconnect(): void;
}

export function linkPair(options: LinkPairOptions = {}): LinkPair {
  const { clock = systemClock, renewal, seed = 1, meddle } = options;
  const connect = () =>
    duplexPair({
      ...(options.chunkBytes ? { chunkBytes: options.chunkBytes } : {}),
      ...(options.windowBytes ? { windowBytes: options.windowBytes } : {}),
    });
  const [near, far] = connect();
  const up = testDirection({ seed, direction: DEVICE_TO_NODE });
  const down = {
    ...testDirection({ seed: seed + 100, direction: NODE_TO_DEVICE }),
    linkId: up.linkId,
  };
  const wire: Wire = meddle
    ? {
      read: () => near.read(),
      write: async (bytes) => {
        for (const piece of meddle(bytes)) await near.write(piece);
      },
      close: () => near.close(),
      abort: (reason) => near.abort(reason),
    }
    : near;
  const common = { linkId: up.linkId, primitives, clock };
  const more = (side: "device" | "node") => ({
    ...(renewal ? { renewal } : {}),
    ...(options.resumeWindowMs && options.withoutWindow !== side
      ? { resume: { secret: up.secret, windowMs: options.resumeWindowMs } }
      : {}),
  });
  const peer = (name: string) => ({
    name,
    fingerprint: "f".repeat(64),
    certificate: new Uint8Array(0),
    address: "memory:0",
  });
  const reconnect = () => {
    device.pause("cut by the test");
    node.pause("cut by the test");
    const [near, far] = connect();
    const expected = { device: device.next, node: node.next };
    node.resume(far, { next: expected.device, peer: node.peer });
    device.resume(near, { next: expected.node, peer: device.peer });
  };
  const device = new LinkPump({
    ...common,
    ...more("device"),
    wire,
    side: "device",
    peer: peer("node"),
    send: up,
    receive: down,
  });
  const node = new LinkPump({
    ...common,
    ...more("node"),
    wire: far,
    side: "node",
    peer: peer(options.name ?? "laptop"),
    send: down,
    receive: up,
  });
  return { device, node, wires: { device: near, node: far }, reconnect };
}

/** The node's end alone: the other end of `wire` is the test's to play. Keys are those of `linkPair`. */
export function linkOverWire(wire: Wire, resumeWindowMs = 0): LinkPump {
  const receive = testDirection({ seed: 1, direction: DEVICE_TO_NODE });
  return new LinkPump({
    linkId: receive.linkId,
    primitives,
    clock: systemClock,
    wire,
    side: "node",
    peer: {
      name: "laptop",
      fingerprint: "f".repeat(64),
      certificate: new Uint8Array(0),
      address: "memory:0",
    },
    send: {
      ...testDirection({ seed: 101, direction: NODE_TO_DEVICE }),
      linkId: receive.linkId,
    },
    receive,
    ...(resumeWindowMs
      ? { resume: { secret: receive.secret, windowMs: resumeWindowMs } }
      : {}),
  });
}

/** A channel of `pair`, asked for by the device. */
export async function channelPair(
  pair: { readonly device: Link; readonly node: Link },
): Promise<{ device: Channel; node: Channel }> {
  const asked = pair.device.open({ kind: "test" });
  const incoming = await pair.node.accept();
  const node = incoming!.accept({ ok: true });
  return { device: await asked, node };
}

/** Reads `length` bytes, or as many as come before the end. */
export async function readExactly(
  channel: Channel,
  length: number,
): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const bytes = await channel.read();
    if (!bytes) return all.subarray(0, at);
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

/** Bytes that tell where they stand. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    bytes[at] = (at ^ (at >>> 8) ^ (at >>> 16)) + seed;
  }
  return bytes;
}
