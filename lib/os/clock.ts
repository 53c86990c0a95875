/** The machine's own time. */

import { setImmediate } from "node:timers";
import type { Clock } from "../base/clock.ts";

/**
 * Who takes turns of no time lets others run: at once, for so long, and then by a timer, which is a millisecond at least. The runtime looks for
 * what has come from sockets where it has nothing to run, else after 61 turns only; with turns of 10 ms a connection was heard once a second.
 */
const POLL_EVERY_MS = 4;
let polledMs = -Infinity;

/** The machine's own time. Its timers are the runtime's. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (ms === 0 && performance.now() - polledMs < POLL_EVERY_MS) {
        return void setImmediate(resolve);
      }
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        polledMs = performance.now();
        resolve();
      }, ms);
      signal?.addEventListener("abort", stop, { once: true });
    }),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    Deno.unrefTimer(timer);
    return () => clearTimeout(timer);
  },
};
