/** A log whose lines others bring about: so many in a period, so that no device and no initiator fills the disk. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** Lines of a level in one period; more are only counted. */
export const MAX_LINES = 100;
export const LINES_PERIOD_MS = 10_000;

type Line = (message: string, facts?: Record<string, unknown>) => void;

/** `log`, of which each level has its own bound. */
export function boundedLog(log: Log, clock: Clock): Log {
  const bounded = (write: Line): Line => {
    let beganMs = -Infinity;
    let told = 0;
    let untold = 0;
    return (message, facts) => {
      const now = clock.monotonic();
      if (now - beganMs > LINES_PERIOD_MS) {
        if (untold > 0) write(`${untold} more lines like these were left out`);
        beganMs = now;
        told = untold = 0;
      }
      if (told++ < MAX_LINES) write(message, facts);
      else untold++;
    };
  };
  return {
    debug: bounded((message, facts) => log.debug(message, facts)),
    info: bounded((message, facts) => log.info(message, facts)),
    warn: bounded((message, facts) => log.warn(message, facts)),
    error: bounded((message, facts) => log.error(message, facts)),
  };
}
