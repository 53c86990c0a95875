/** One byte conversation in a link. */

import type { Duplex } from "../lib/base/duplex.ts";
import type { ErrorKind } from "../lib/base/errors.ts";

/** What a channel is opened with: a small JSON object, such as `{ kind: "iscsi", volume: "photos", readOnly: false }`. */
export type ChannelRequest = Readonly<Record<string, unknown>>;

/**
 * A conversation inside a link. `read` lends a view of the record that brought the bytes, which have been authenticated;
 * `write` copies once, into the record that will carry them.
 */
export interface Channel extends Duplex {
  /** What it was opened with. */
  readonly request: ChannelRequest;
  /** What the other end said when it accepted. */
  readonly answer: ChannelRequest;
}

/** Why a channel is refused: becomes the VaultError of whoever asked. */
export interface Refusal {
  /** A sentence for the person at the other end. */
  readonly reason: string;
  readonly hint?: string;
  readonly kind?: ErrorKind;
}

/** A channel that the other end asks for. Exactly one of `accept` and `refuse` is called; later calls do nothing. */
export interface IncomingChannel {
  readonly request: ChannelRequest;
  /** Where the other end or the link is gone by now, or it was refused, the channel is one whose reads and writes reject. */
  accept(answer?: ChannelRequest): Channel;
  refuse(refusal: Refusal | string): void;
}
