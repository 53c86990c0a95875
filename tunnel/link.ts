/** One tunnel between two vaults, as the rest of the house sees it. */

import type { Channel, ChannelRequest, IncomingChannel } from "./channel.ts";

/** Who is at the other end, proved by the handshake. */
export interface LinkPeer {
  /** A device's name, or "node". */
  readonly name: string;
  /** SHA-256 of the certificate (DER) in lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** HOST:PORT of the TCP connection. */
  readonly address: string;
}

/** Why a link ended. `goodbye` is the only clean end. */
export type LinkEndKind =
  | "goodbye" // an authenticated goodbye of either side
  | "cut" // the connection ended without one, and no other came in time
  | "silent" // the peer was not heard of for too long
  | "tampered" // a MAC, a sequence number or a length was wrong
  | "violation" // authentic records that break the protocol
  | "refused" // this end was refused, or refuses the other (revoked, expired)
  | "aborted"; // from within

export interface LinkEnd {
  readonly kind: LinkEndKind;
  /** A sentence for a log. */
  readonly reason: string;
}

/** Counters of one direction since the link came up. */
export interface DirectionStats {
  /** Bytes of channels' payload. */
  readonly bytes: number;
  readonly records: number;
  readonly frames: number;
  /** How often the direction's keys were renewed. */
  readonly keyUpdates: number;
}

export interface LinkStats {
  readonly sent: DirectionStats;
  readonly received: DirectionStats;
  readonly macFailures: number;
  /** Of the last ping, or undefined before the first answer. */
  readonly rttMs: number | undefined;
  readonly channels: number;
}

/** How long a link waits for another connection, unless told otherwise. */
export const RESUME_WINDOW_MS = 120_000;

/** Whether a link has a connection just now. One that has none waits for another, for as long as its resume window is open. */
export type LinkState = "up" | "paused" | "ended";

export interface Link {
  /** Unlike any other link's, 32 hexadecimal digits. */
  readonly id: string;
  readonly peer: LinkPeer;
  /** When it came up: milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly stats: LinkStats;
  readonly state: LinkState;
  /** Calls `then` whenever the link is paused or goes on, with the reason; not when it ends. */
  watch(then: (state: LinkState, reason: string) => void): void;
  /** Resolves when the link has ended; never rejects. */
  readonly closed: Promise<LinkEnd>;

  /**
   * Asks the other end for a conversation.
   *
   * @throws {VaultError} with the other end's reason where it refuses
   * @throws {ConnectionLost} where the link ends first
   */
  open(request: ChannelRequest): Promise<Channel>;
  /** The next conversation that the other end asks for, or undefined once the link has ended. */
  accept(): Promise<IncomingChannel | undefined>;
  /** Sends what was written, says goodbye, and ends. Resolves when ended. */
  close(): Promise<void>;
  /** Ends at once. Every read and write of its channels rejects with {@linkcode ConnectionLost}. */
  abort(reason: string, kind?: LinkEndKind): void;
}
