/**
 * Bytes of one channel between the record that brought them and whoever reads them, in memory that is used again and again: buffers
 * made anew for each record would keep the garbage collector busier than the cryptography.
 *
 *     0 ···· lent ├── taken, not released ──┤── to be taken ──┤ ···· size
 *
 * Invariants: taken and untaken bytes together never exceed the capacity that the channel's credit allows; a lent view is not
 * overwritten before it is released.
 */

import { invariant } from "../lib/base/errors.ts";

/** A quiet channel costs no more than this. */
const FIRST_BYTES = 64 * 1024;

export class Ring {
  readonly #capacityBytes: number;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Where the oldest byte that is held lies. */
  #start = 0;
  /** Bytes lent to the reader, from `#start` on. */
  #lent = 0;
  /** Bytes held, lent ones included. */
  #held = 0;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  /** Bytes that wait to be taken. */
  get waiting(): number {
    return this.#held - this.#lent;
  }

  /** Keeps a copy of `bytes` behind all others. */
  push(bytes: Uint8Array): void {
    this.#makeRoom(this.#held + bytes.length);
    const size = this.#buffer.length;
    const at = (this.#start + this.#held) % size;
    const first = Math.min(bytes.length, size - at);
    this.#buffer.set(
      first < bytes.length ? bytes.subarray(0, first) : bytes,
      at,
    );
    if (first < bytes.length) this.#buffer.set(bytes.subarray(first), 0);
    this.#held += bytes.length;
  }

  /** The next bytes that lie in one piece, lent until `release`. There have to be some. */
  take(): Uint8Array {
    invariant(this.#lent === 0 && this.#held > 0, "nothing may be taken now");
    this.#lent = Math.min(this.#held, this.#buffer.length - this.#start);
    return this.#buffer.subarray(this.#start, this.#start + this.#lent);
  }

  /** The reader needs what was lent no more. Gives how many bytes that were. */
  release(): number {
    const released = this.#lent;
    this.#held -= released;
    // An empty ring begins anew: short conversations stay in the same few pages, in one piece.
    this.#start = this.#held === 0
      ? 0
      : (this.#start + released) % this.#buffer.length;
    this.#lent = 0;
    return released;
  }

  /** Forgets everything; a view that is lent stays whole. */
  clear(): void {
    this.#buffer = new Uint8Array(0);
    this.#start = this.#lent = this.#held = 0;
  }

  #makeRoom(needed: number): void {
    if (needed <= this.#buffer.length) return;
    invariant(
      needed <= this.#capacityBytes,
      "more bytes than there is credit for",
    );
    const doubled = Math.max(FIRST_BYTES, 2 * this.#buffer.length, needed);
    const larger = new Uint8Array(Math.min(doubled, this.#capacityBytes));
    const first = Math.min(this.#held, this.#buffer.length - this.#start);
    larger.set(this.#buffer.subarray(this.#start, this.#start + first));
    larger.set(this.#buffer.subarray(0, this.#held - first), first);
    // What is lent stays where it is, in the old buffer; its copy in the new one only keeps its place.
    this.#buffer = larger;
    this.#start = 0;
  }
}
