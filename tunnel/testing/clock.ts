/** Time that passes when a test says so. */

import type { Clock } from "../../lib/base/clock.ts";

export class TestClock implements Clock {
  #nowMs = 0;
  #timers: { atMs: number; then: () => void }[] = [];

  now(): number {
    return this.#nowMs + Date.UTC(2026, 0);
  }

  monotonic(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        cancel();
        reject(signal.reason);
      });
    });
  }

  after(ms: number, then: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, then };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((other) => other !== timer);
  }

  /** Lets `ms` pass; each timer fires at its time, and what it sets off happens before the next one fires. */
  async pass(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    while (true) {
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs);
      if (!next || next.atMs > end) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.then();
      await settled();
    }
    this.#nowMs = end;
    await settled();
  }

  /** Time passes and nothing runs, as when a machine sleeps: timers fire late. */
  sleepThrough(ms: number): void {
    this.#nowMs += ms;
  }

  get timers(): number {
    return this.#timers.length;
  }
}

/** Resolves when what is under way in memory has happened, as far as it takes no more than `turns` of the event loop. */
export async function settled(turns = 3): Promise<void> {
  // A macrotask comes after every microtask that is queued, and those that they queue.
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    });
  }
}
