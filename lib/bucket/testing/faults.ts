/** Schedules of faults by a seed, and a clock that makes nobody wait. */

import type { Clock } from "../../base/clock.ts";
import { BucketError } from "../bucket.ts";
import type { Fault, Operation, Schedule } from "../fault_bucket.ts";
import { MAX_TRIES } from "../retrying_bucket.ts";

/** A clock on which every sleep is over at once. */
export class HurriedClock implements Clock {
  /** Since the epoch. */
  ms: number;
  /** All that was slept. */
  sleptMs = 0;

  constructor(ms = Date.UTC(2026, 10, 26)) {
    this.ms = ms;
  }

  now(): number {
    return this.ms;
  }

  monotonic(): number {
    return this.ms;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.ms += ms;
    this.sleptMs += ms;
    await Promise.resolve();
    signal?.throwIfAborted();
  }

  /** Never: nothing takes time here. */
  after(): () => void {
    return () => {};
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes of {@linkcode seeded}, as a bucket wants its chance. */
export function seededRandom(seed: number) {
  const next = seeded(seed);
  return {
    random: (length: number) =>
      Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  };
}

export const uncertain = (what: string): BucketError =>
  new BucketError("uncertain", what);

/** What goes wrong with networks and stores, and leaves open whether it was done. */
const TROUBLES: readonly ((operations: number) => Fault)[] = [
  () => ({ before: uncertain("reset") }),
  () => ({ before: uncertain("503 SlowDown") }),
  () => ({ before: uncertain("409 ConditionalRequestConflict") }),
  () => ({ after: uncertain("time-out") }),
  () => ({ after: uncertain("500 InternalError") }),
  () => ({ saysExists: true }),
  (operations) => ({ late: { error: uncertain("time-out"), operations } }),
];

/**
 * Faults by chance: about `share` of all operations. Nothing that a store should not do lies in them; data is never wrong. What is late
 * comes at most `latest` operations later: with 1, before whoever created it has heard that it is there, so that no object comes back
 * that was deleted since.
 */
export function troubled(seed: number, share: number, latest = 1): Schedule {
  const next = seeded(seed);
  return ({ kind }: Operation) => {
    const [wrong, which, chance] = [next(), next(), next()];
    if (wrong >= share) return undefined;
    const operations = Math.floor((latest + 1) * chance);
    const fault = TROUBLES[Math.floor(which * TROUBLES.length)]!(operations);
    return fault.late && kind !== "create"
      ? { before: fault.late.error }
      : fault;
  };
}

/** At most so many of so many operations in a row: fewer than tries, so that whoever asks alone is answered in the end. */
const [MOST_FAULTS, OF_OPERATIONS] = [MAX_TRIES - 1, 2 * MAX_TRIES];

/** `schedule`, without what would make one caller give up. */
export function endurable(schedule: Schedule): Schedule {
  let recent: boolean[] = [];
  return (operation) => {
    recent = recent.slice(1 - OF_OPERATIONS);
    const enough = recent.filter((wrong) => wrong).length >= MOST_FAULTS;
    const fault = enough ? undefined : schedule(operation);
    recent.push(fault !== undefined);
    return fault;
  };
}
