/**
 * For how long the holder of a lease may put: a term, whose signal aborts when its time is over. Renewed before that, it goes on; renewed after
 * it, it is another.
 */

import type { Clock } from "../base/clock.ts";
import { BucketError } from "./bucket.ts";

/** A moment, by both of a machine's clocks. One that slept has the monotonic one behind it. */
export interface Moment {
  readonly monotonic: number;
  readonly now: number;
}

export class LeaseTerm {
  readonly #clock: Clock;
  readonly #ms: number;
  #since: Moment | undefined;
  #ending = new AbortController();
  #stopTimer: () => void = () => {};

  /** Each renewal is good for `ms`. */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
    this.#ending.abort();
  }

  /** Now. */
  moment(): Moment {
    return { monotonic: this.#clock.monotonic(), now: this.#clock.now() };
  }

  /** Of the term of now, or of one that is over. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** As of which moment it was renewed last; undefined where it is over. */
  get since(): Moment | undefined {
    return this.#since;
  }

  /** Whether there was no moment since that signal was given in which it was over. */
  isUnbroken(signal: AbortSignal = this.signal): boolean {
    const { monotonic, now } = this.moment();
    if (
      !this.#since || monotonic - this.#since.monotonic >= this.#ms ||
      now - this.#since.now >= this.#ms
    ) this.end("the lease has run out");
    return !signal.aborted;
  }

  /** It is good from `since` on. */
  renew(since: Moment): void {
    this.#since = since;
    if (this.signal.aborted) this.#ending = new AbortController();
    this.#endAfter(this.#ms - (this.#clock.monotonic() - since.monotonic));
  }

  /** What is put at the moment is given up. */
  end(why: string): void {
    this.#since = undefined;
    this.#stopTimer();
    if (this.signal.aborted) return;
    this.#ending.abort(new BucketError("uncertain", why));
  }

  #endAfter(ms: number): void {
    this.#stopTimer();
    this.#stopTimer = this.#clock.after(ms, () => {
      if (this.isUnbroken()) this.#endAfter(1);
    });
  }
}
