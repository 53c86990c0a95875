/**
 * What waits to be sent: PDUs are put into one arena as they fit, and an arena goes out with one write. Data is copied when its
 * turn comes and not before, so what waits is bounded by what its owners hold.
 */

import type { Duplex } from "../base/duplex.ts";

/** One PDU or several that follow one another. */
export interface Sendable {
  /** Length of the next PDU in bytes, or 0 where there is none left. */
  nextBytes(): number;
  /** Writes the next PDU at `at`. */
  encode(into: Uint8Array, at: number): void;
}

/** One write takes about this much. A longer PDU still goes out whole. */
const ARENA_BYTES = 512 * 1024;

export class Outgoing {
  readonly #duplex: Duplex;
  readonly #failed: (thrown: unknown) => void;
  readonly #queue: Sendable[] = [];
  #head = 0;
  #arena = new Uint8Array(4096);
  #running: Promise<void> | undefined;

  /** `failed` is told once when a write fails; nothing is sent any more then. */
  constructor(duplex: Duplex, failed: (thrown: unknown) => void) {
    this.#duplex = duplex;
    this.#failed = failed;
  }

  /** Sends after all that was pushed before. What is pushed in one turn of the event loop goes out together. */
  push(sendable: Sendable): void {
    this.#queue.push(sendable);
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    try {
      while (this.#head < this.#queue.length) {
        const bytes = this.#fill();
        if (bytes.length > 0) await this.#duplex.write(bytes);
      }
    } catch (thrown) {
      this.#queue.length = 0;
      this.#head = 0;
      this.#failed(thrown);
    } finally {
      this.#running = undefined;
    }
  }

  /** As many PDUs as the arena takes, one at least. */
  #fill(): Uint8Array {
    let used = 0;
    while (this.#head < this.#queue.length) {
      const sendable = this.#queue[this.#head]!;
      const bytes = sendable.nextBytes();
      if (bytes === 0) {
        this.#head++;
        continue;
      }
      if (used > 0 && used + bytes > ARENA_BYTES) break;
      this.#reserve(used, used + bytes);
      sendable.encode(this.#arena, used);
      used += bytes;
    }
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    }
    return this.#arena.subarray(0, used);
  }

  #reserve(used: number, needed: number): void {
    if (needed <= this.#arena.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#arena.length));
    larger.set(this.#arena.subarray(0, used));
    this.#arena = larger;
  }
}
