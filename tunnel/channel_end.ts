/**
 * This end of a channel: what was received and not read, what was written and not sent, and the credit both ways.
 *
 *     open ──close()──► write ended ──┐
 *       └──peer's END──► read ended ──┴─► gone          abort(), RESET, end of the link: gone from everywhere
 *
 * Invariants: the peer never sends more than WINDOW_BYTES that the reader here has not done with, so that is all a slow reader can make
 * this end hold; bytes written wait here only for credit.
 */

import { fromUtf8, putU32, utf8 } from "../lib/base/bytes.ts";
import { ConnectionLost, PeerError } from "../lib/base/errors.ts";
import { MAX_PDU_BYTES } from "../lib/base/limits.ts";
import type { Channel, ChannelRequest } from "./channel.ts";
import { CREDIT_BYTES, FrameType, MAX_REASON_BYTES } from "./frame.ts";
import { Ring } from "./ring.ts";
import { sentence } from "./sentence.ts";

/** What either end may send on a channel before the other has read any of it. */
export const WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Credit is given back in pieces of at least that size. The longest whole write must fit what is left when all but one byte less
 * than this was given back, or it would wait for ever.
 */
export const CREDIT_STEP_BYTES = WINDOW_BYTES / 4;

/** A longer write is sent in pieces of this size. */
export const MAX_PIECE_BYTES = MAX_PDU_BYTES;

/** Where a channel's frames go. */
export interface Carrier {
  data(channel: number, bytes: Uint8Array): void;
  frame(type: number, channel: number, body: Uint8Array): void;
  /** Undefined where more may be sent now, else a promise of that. */
  room(): Promise<void> | undefined;
  /** See {@linkcode Duplex.pauses}. */
  readonly pauses: number;
  /** The channel is over; its frames are of no interest any more. */
  forget(channel: number): void;
}

const DONE: Promise<void> = Promise.resolve();
const EMPTY = new Uint8Array(0);

interface Waiter<T> {
  resolve(value: T): void;
  reject(reason: Error): void;
}

export class ChannelEnd implements Channel {
  readonly id: number;
  readonly request: ChannelRequest;
  readonly answer: ChannelRequest;
  readonly #carrier: Carrier;

  /** Received, authenticated, and not read or still lent to the reader. */
  readonly #inbox = new Ring(WINDOW_BYTES);
  #reader: Waiter<Uint8Array | undefined> | undefined;
  #readEnded = false;
  /** What the peer may still send. */
  #granted = WINDOW_BYTES;
  /** Read since credit was last given back. */
  #owed = 0;

  /** Written, waiting for credit: the writers' own arrays, lent until their promises resolve. */
  #unsent: Uint8Array[] = [];
  #writers: Waiter<void>[] = [];
  #writeEnded = false;
  #endSent = false;
  #credit = WINDOW_BYTES;

  #lost: Error | undefined;

  constructor(
    carrier: Carrier,
    options: { id: number; request: ChannelRequest; answer: ChannelRequest },
  ) {
    this.#carrier = carrier;
    this.id = options.id;
    this.request = options.request;
    this.answer = options.answer;
  }

  get pauses(): number {
    return this.#carrier.pauses;
  }

  read(): Promise<Uint8Array | undefined> {
    this.#giveBack(this.#inbox.release());
    if (this.#inbox.waiting > 0) return Promise.resolve(this.#inbox.take());
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#readEnded) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }

  takes(bytes: number): boolean {
    return bytes <= MAX_PIECE_BYTES && bytes <= this.#credit &&
      this.#unsent.length === 0;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#writeEnded) {
      return Promise.reject(new ConnectionLost("Written after close"));
    }
    if (this.takes(bytes.length)) {
      if (bytes.length > 0) this.#send(bytes);
      return this.#carrier.room() ?? DONE;
    }
    for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) {
      this.#unsent.push(bytes.subarray(at, at + MAX_PIECE_BYTES));
    }
    this.#sendWaiting();
    if (this.#unsent.length === 0) return this.#carrier.room() ?? DONE;
    return new Promise((resolve, reject) =>
      this.#writers.push({ resolve, reject })
    );
  }

  close(): Promise<void> {
    if (!this.#writeEnded && !this.#lost) {
      this.#writeEnded = true;
      this.#sendWaiting();
    }
    return DONE;
  }

  abort(reason: Error = new ConnectionLost("Aborted")): void {
    if (this.#lost || (this.#endSent && this.#readEnded)) {
      this.#inbox.clear();
      this.#lost ??= reason;
      return;
    }
    this.#carrier.frame(FrameType.RESET, this.id, reasonBytes(reason.message));
    this.fail(reason);
    this.#carrier.forget(this.id);
  }

  /** The peer sent bytes: `body` is lent for the call. @throws {PeerError} where it had no credit for them */
  received(body: Uint8Array): void {
    if (this.#readEnded) throw new PeerError("Data after a channel's end");
    if (body.length === 0) throw new PeerError("A frame of data without data");
    if (body.length > this.#granted) {
      throw new PeerError(
        `${body.length} bytes on a channel with credit for ${this.#granted}`,
      );
    }
    this.#granted -= body.length;
    this.#inbox.push(body);
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.resolve(this.#inbox.take());
  }

  /** The peer read. @throws {PeerError} where it gives more than it can have had */
  credited(bytes: number): void {
    if (this.#credit + bytes > WINDOW_BYTES) {
      throw new PeerError(`Credit of ${bytes} bytes that were never sent`);
    }
    this.#credit += bytes;
    this.#sendWaiting();
  }

  /** The peer's direction has ended. @throws {PeerError} where it had already */
  ended(): void {
    if (this.#readEnded) throw new PeerError("A channel's end came twice");
    this.#readEnded = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
    this.#forgetWhenOver();
  }

  /** The peer cut the channel. */
  reset(body: Uint8Array): void {
    const reason = sentence(fromUtf8(body.subarray(0, MAX_REASON_BYTES)) ?? "");
    this.fail(
      new ConnectionLost(`The other end cut it: ${reason || "no reason"}`),
    );
  }

  /** The link ended cleanly: what the peer had ended before stays readable. */
  linkEnded(reason: Error): void {
    if (!this.#readEnded) return this.fail(reason);
    this.#writeEnded = true;
    this.#rejectWriters(reason);
  }

  /** Ends the channel with `reason` without telling the peer. */
  fail(reason: Error): void {
    this.#lost ??= reason;
    this.#inbox.clear();
    this.#reader?.reject(this.#lost);
    this.#reader = undefined;
    this.#rejectWriters(this.#lost);
  }

  #rejectWriters(reason: Error): void {
    this.#unsent = [];
    for (const writer of this.#writers.splice(0)) writer.reject(reason);
  }

  #send(bytes: Uint8Array): void {
    this.#credit -= bytes.length;
    this.#carrier.data(this.id, bytes);
  }

  #sendWaiting(): void {
    let piece = this.#unsent[0];
    while (piece && piece.length <= this.#credit) {
      this.#send(piece);
      this.#unsent.shift();
      piece = this.#unsent[0];
    }
    if (piece) return;
    for (const writer of this.#writers.splice(0)) writer.resolve();
    if (!this.#writeEnded || this.#endSent || this.#lost) return;
    this.#endSent = true;
    this.#carrier.frame(FrameType.END, this.id, EMPTY);
    this.#forgetWhenOver();
  }

  #forgetWhenOver(): void {
    if (this.#readEnded && this.#endSent) this.#carrier.forget(this.id);
  }

  #giveBack(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < CREDIT_STEP_BYTES || this.#readEnded || this.#lost) return;
    const credit = new Uint8Array(CREDIT_BYTES);
    putU32(credit, 0, this.#owed);
    this.#granted += this.#owed;
    this.#owed = 0;
    this.#carrier.frame(FrameType.CREDIT, this.id, credit);
  }
}

/** `text` in at most {@linkcode MAX_REASON_BYTES} of UTF-8. */
export function reasonBytes(text: string): Uint8Array {
  let bytes = utf8(text);
  // A character takes at most 4 bytes: cutting characters, not bytes, keeps it readable.
  if (bytes.length > MAX_REASON_BYTES) {
    bytes = utf8(Array.from(text).slice(0, MAX_REASON_BYTES / 4).join(""));
  }
  return bytes;
}
