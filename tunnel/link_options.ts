/** What a link is made of. */

import type { Clock } from "../lib/base/clock.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { IncomingChannel } from "./channel.ts";
import type { LinkPeer } from "./link.ts";
import type { RecordDirection, RenewalLimits } from "./record.ts";
import type { Wire } from "./sender.ts";

export interface LinkOptions {
  readonly wire: Wire;
  readonly side: "node" | "device";
  /** 16 bytes. */
  readonly linkId: Uint8Array;
  readonly peer: LinkPeer;
  readonly send: RecordDirection;
  readonly receive: RecordDirection;
  readonly primitives: Primitives;
  readonly clock: Clock;
  /** Bytes that came with the last message of the handshake: the first of records. */
  readonly first?: Uint8Array;
  readonly renewal?: RenewalLimits;
  /** Is shown each channel that the peer asks for before `accept` is; true: it took it. */
  readonly intercept?: (incoming: IncomingChannel) => boolean;
  /** What lets the link outlive its connection; without it, it does not. */
  readonly resume?: ResumeOptions;
}

export interface ResumeOptions {
  /** Proves on another connection to be this link (keys.ts). */
  readonly secret: Uint8Array;
  /** How long the link waits for another connection. */
  readonly windowMs: number;
}
