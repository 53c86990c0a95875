/** One byte conversation in a link. */

import type { Duplex } from "../lib/base/duplex.ts";

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

/** A channel that the other end asks for. Exactly one of `accept` and `refuse` is called. */
export interface IncomingChannel {
  readonly request: ChannelRequest;
  accept(answer?: ChannelRequest): Channel;
  /** `reason` is a sentence for the person at the other end, at most 1 KiB. */
  refuse(reason: string): void;
}
