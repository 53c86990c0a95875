/** Holds a stream of transfers to a rate: a bucket of tokens that may go into debt, so that objects are sent whole. */

import type { Clock } from "../base/clock.ts";
import type { RateSchedule } from "./rate_schedule.ts";

/** A change of the rate is noticed within so long. */
export const RECHECK_MS = 15_000;

/**
 * Over a time much longer than one object takes, no more bytes than the rate allows; each object goes as fast as it can. Nothing is
 * saved up while nothing is sent.
 */
export class Pace {
  readonly #clock: Clock;
  #schedule: RateSchedule;
  /** Bytes sent beyond what the rate has allowed so far. */
  #debt = 0;
  #paidAt: number;
  /** Those who wait go one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(clock: Clock, schedule: RateSchedule) {
    this.#clock = clock;
    this.#schedule = schedule;
    this.#paidAt = clock.monotonic();
  }

  /** The rate of now in bytes a second; undefined: as fast as it goes. */
  get bytesPerSecond(): number | undefined {
    return this.#schedule.bytesPerSecondAt(this.#clock.now());
  }

  /** Another rate from now on; whoever waits notices it within {@linkcode RECHECK_MS}. */
  change(schedule: RateSchedule): void {
    this.#pay();
    this.#schedule = schedule;
  }

  /** Waits until what went before is paid for, then puts `bytes` on the bill. */
  take(bytes: number, signal?: AbortSignal): Promise<void> {
    const turn = this.#queue.then(() => this.#wait(signal)).then(() =>
      this.bill(bytes)
    );
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Puts `bytes` on the bill that have gone already; less than 0 where fewer went than were taken. */
  bill(bytes: number): void {
    this.#pay();
    if (this.bytesPerSecond !== undefined) this.#debt += bytes;
  }

  async #wait(signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      this.#pay();
      const rate = this.bytesPerSecond;
      if (this.#debt <= 0 || rate === undefined) return;
      const ms = Math.ceil(this.#debt * 1000 / rate);
      await this.#clock.sleep(Math.min(ms, RECHECK_MS), signal);
    }
  }

  #pay(): void {
    const now = this.#clock.monotonic();
    const rate = this.bytesPerSecond;
    const paid = (rate ?? Infinity) * Math.max(0, now - this.#paidAt) / 1000;
    this.#debt = rate === undefined ? 0 : Math.max(0, this.#debt - paid);
    this.#paidAt = now;
  }
}
