/**
 * What waits to be sent on one connection: PDUs are built in place, one after the other, and handed to the conversation as one write.
 *
 *     filling ──flush──> being written ──promise resolves──> spare, and what was filled meanwhile is flushed
 *
 * Two blocks take turns, because a write lends its bytes until it resolves. Invariants: at most one write is under way; a block that
 * is being written is not changed; whoever heeds {@linkcode Outgoing.room} keeps each block below the limit plus one answer.
 */

import type { Duplex } from "../base/duplex.ts";

/** A block begins with this much: thousands of idle connections cost little. */
const FIRST_BLOCK_BYTES = 8 * 1024;

/** A larger block is let go of when what it was last used for was much less: a burst long past costs nothing. */
const KEPT_BLOCK_BYTES = 256 * 1024;

/** Once so much is queued, nothing more is handled before it was written: a slow reader slows everything. */
export const QUEUE_LIMIT_BYTES = 1024 * 1024;

export class Outgoing {
  readonly #duplex: Duplex;
  #block: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_BLOCK_BYTES);
  #spare: Uint8Array<ArrayBuffer> | undefined;
  #queued = 0;
  #writing: Promise<void> | undefined;
  #soon = false;
  #lost: unknown;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
  }

  /** The block that is being filled. It changes with every {@linkcode claim}. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#block;
  }

  /** Bytes that wait for the next write. */
  get queued(): number {
    return this.#queued;
  }

  /** Room for `length` more bytes, which hold anything; gives where in {@linkcode bytes} it begins. */
  claim(length: number): number {
    const at = this.#queued;
    if (at + length > this.#block.length) this.#grow(at + length);
    this.#queued = at + length;
    return at;
  }

  /** Gives back what was claimed from `at` on. */
  unclaim(at: number): void {
    this.#queued = at;
  }

  /**
   * Leaves the block to somebody who still writes into it from `at` on, and goes on with another that holds what was queued before
   * `at`.
   */
  leave(at: number): void {
    const left = this.#block;
    this.#block = new Uint8Array(left.length);
    this.#block.set(left.subarray(0, at));
    this.#queued = at;
  }

  /** Begins to write what is queued, unless a write is under way: then it follows that one. */
  flush(): void {
    if (this.#writing || this.#queued === 0 || this.#lost) return;
    const full = this.#block;
    const length = this.#queued;
    this.#block = this.#spare ?? new Uint8Array(FIRST_BLOCK_BYTES);
    this.#spare = undefined;
    this.#queued = 0;
    this.#writing = this.#duplex.write(full.subarray(0, length)).then(
      () => {
        if (isWorthKeeping(full, length)) this.#spare = full;
        this.#writing = undefined;
        this.flush();
      },
      (lost) => {
        this.#lost = lost;
        this.#writing = undefined;
      },
    );
  }

  /** Flushes once all that ends in this turn of the event loop had the time to queue its answer. */
  flushSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    Promise.resolve().then(() => {
      this.#soon = false;
      this.flush();
    });
  }

  /** Undefined where more may be queued now; otherwise resolves when it may. A lost conversation takes anything. */
  room(): Promise<void> | undefined {
    if (this.#queued < QUEUE_LIMIT_BYTES) return undefined;
    return this.#makeRoom();
  }

  /** Resolves once nothing is queued or being written. Never rejects: what was lost shows when the conversation is read. */
  async drained(): Promise<void> {
    while (!this.#lost && (this.#queued > 0 || this.#writing)) {
      this.flush();
      await this.#writing;
    }
  }

  async #makeRoom(): Promise<void> {
    this.flush();
    while (!this.#lost && this.#queued >= QUEUE_LIMIT_BYTES) {
      await this.#writing;
    }
    if (this.#lost) this.#queued = 0;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#block.length, length));
    grown.set(this.#block.subarray(0, this.#queued));
    this.#block = grown;
  }
}

function isWorthKeeping(block: Uint8Array, used: number): boolean {
  return block.length <= KEPT_BLOCK_BYTES || used >= block.length / 8;
}
