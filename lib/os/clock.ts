/** The machine's own time. */

import { setImmediate } from "node:timers";
import type { Clock } from "../base/clock.ts";

/** The machine's own time. Its timers are the runtime's. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      // A timer would wait for a millisecond at least, where all that is wanted is that others have their turn.
      if (ms === 0) return void setImmediate(resolve);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
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
