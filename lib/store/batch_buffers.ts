/**
 * Memory for batches, used again and again: each batch's own would wait long for its collection, and make the collector go through all there is to
 * find it. Given back when none is wanted for a while.
 */

import type { Clock } from "../base/clock.ts";

/** What is not wanted for so long is given back. */
const KEPT_MS = 10_000;

export class BatchBuffers {
  readonly #clock: Clock;
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];
  #stopTimer: (() => void) | undefined;

  /** Each of so many bytes. */
  constructor(clock: Clock, bytes: number) {
    this.#clock = clock;
    this.#bytes = bytes;
  }

  take(): Uint8Array {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    return this.#free.pop() ?? new Uint8Array(this.#bytes);
  }

  /** Nobody looks at it any more. */
  putBack(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }

  /** None is wanted at the moment. `quiet` is told when none was for a while. */
  rest(quiet: () => void = () => {}): void {
    if (this.#free.length === 0 || this.#stopTimer) return;
    this.#stopTimer = this.#clock.after(KEPT_MS, () => {
      this.close();
      quiet();
    });
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#free.length = 0;
  }
}
