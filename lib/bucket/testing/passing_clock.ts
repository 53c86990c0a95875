/** A clock that stands still until it is told how much time passes. */

import type { Clock } from "../../base/clock.ts";

/** Turns of the microtask queue that what was set off gets before time goes on. */
const TURNS = 80;

export class PassingClock implements Clock {
  /** What only ever grows. */
  ms = 0;
  /** By how much the clock on the wall differs. */
  wallMs: number = Date.UTC(2026, 10, 27);
  #timers: { readonly atMs: number; readonly then: () => void }[] = [];

  now(): number {
    return this.wallMs + this.ms;
  }

  monotonic(): number {
    return this.ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = this.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        cancel();
        reject(signal.reason);
      });
    });
  }

  after(ms: number, then: () => void): () => void {
    const timer = { atMs: this.ms + Math.max(0, ms), then };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((one) => one !== timer);
  }

  /** What was set off happens, and no time passes. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  }

  /** Each timer is due at its time, and what it sets off happens before the next one is. */
  async pass(ms: number): Promise<void> {
    const end = this.ms + ms;
    await this.settle();
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs);
      if (!next || next.atMs > end) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.ms = Math.max(this.ms, next.atMs);
      next.then();
      await this.settle();
    }
    this.ms = end;
  }

  /** Time passes, and nothing is done meanwhile: what was due is done afterwards, as in a process that was stopped. */
  stall(ms: number): void {
    this.ms += ms;
  }
}
