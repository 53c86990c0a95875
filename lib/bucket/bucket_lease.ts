/**
 * Which of several writers may put objects into a place whose store cannot tell them apart: mutual exclusion by time bounds (Fischer), with
 * plain puts and gets of one object.
 *
 *     none ──▶ waiting ──▶ put ──▶ settling ──▶ held ──▶ free
 *                │ changes   │        │ another's  │ another's
 *                └───────────┴────────┴────────────┴──▶ lost, for good
 *
 * | what is there | before ours is put | after it was put, before it is read back |
 * |---|---|---|
 * | another's, held | wait until it has not changed for {@linkcode PATIENCE_MS}; not to take it | {@linkcode LEASE_MS} |
 * | free | | {@linkcode QUICK_MS}, where the put took no longer; else {@linkcode LEASE_MS} |
 * | nothing, and the place is new | | nothing is waited for, nor read back |
 * | nothing, elsewhere | | {@linkcode LEASE_MS} |
 * | our own, our time is over | | {@linkcode LEASE_MS} |
 *
 * A holder may put for {@linkcode HELD_MS} from when it has begun to read that the lease is its own. To renew that it reads it again, and puts
 * it with a higher counter; where the answer comes after its time, it has to settle anew. So whoever's lease was replaced has ended within
 * HELD_MS: from then on it reads another's. Whoever replaced it waits for that, and for {@linkcode LANDING_MS} more, in which what was put in
 * good time arrives. Of two that put theirs, the one whose put arrives first reads back the other's, unless that takes longer than the first
 * waits; then the first reads it when it renews, and the other, whose put took so long, waits for that. So it does not matter how late a lease
 * arrives that is held, only how late the objects do, and one that says "free".
 *
 * - A lease that is free was left by one that had nothing under way: there is nothing to wait for but others that begin at the same moment.
 *   Who read "free" and has put within QUICK_MS is seen by everybody who waits as long; who took longer waits for the full time.
 * - A new place has no former writer, and names there are of a key that nobody else has. Two that make the same one at the same moment, with
 *   the same key, find out who has it when they open it; until then neither has written anything but what makes it.
 *
 * No clock is compared with another. A holder's time is over when either of its clocks says so: one that slept has the monotonic one behind it.
 */

import { unlessAborted } from "../base/abort.ts";
import { toHex } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Primitives } from "../base/primitives.ts";
import { BucketError, type ReplaceableBucket } from "./bucket.ts";
import {
  encodeLease,
  LEASE_NAME,
  type LeaseRecord,
  MAX_LEASE_BYTES,
  parseLease,
} from "./lease_object.ts";
import { LeasePatience } from "./lease_patience.ts";
import { LeaseTerm, type Moment } from "./lease_term.ts";

/** How long a holder may put from when it has begun to read that it is one. */
export const HELD_MS = 15_000;
/** How often it renews that. */
export const RENEW_MS = 5_000;
/** How long a put may be on its way after its writer's time: what arrives later may replace what the next writer has put. */
export const LANDING_MS = 15_000;
/** How long it takes until nothing of a former holder arrives any more. */
export const LEASE_MS: number = HELD_MS + LANDING_MS;
/** Whoever has not renewed it for so long lives no more, or is out of reach. */
export const PATIENCE_MS: number = HELD_MS + RENEW_MS;
/** How long it takes to put a lease, as a rule. */
export const QUICK_MS = 5_000;

/** How often it is looked whether a lease changes. */
const LOOK_MS = 1_000;
/** A living holder may put its own once more over ours; then it has read ours. */
const MAX_TAKES = 3;
/** A request about it that is not answered by then is given up: there is time for another. */
const ANSWER_MS = 5_000;

/** `new`: the place was made just now, and is empty. `take`: from whoever has it. */
export type Claiming = "new" | "open" | "take";

export interface LeaseOptions {
  readonly clock: Clock;
  readonly primitives: Pick<Primitives, "random" | "hash">;
  readonly claiming: Claiming;
  /** Told when it has to be waited for, and for how long at most. */
  readonly onWait?: (ms: number) => void;
}

export class BucketLease {
  readonly #place: ReplaceableBucket;
  readonly #options: LeaseOptions;
  readonly #holder: string;
  readonly #closing = new AbortController();
  #counter = 0;
  readonly #term: LeaseTerm;
  readonly #patience = new LeasePatience(PATIENCE_MS);
  #obtaining: Promise<void> | undefined;
  #takes = 0;
  #wasHeld = false;
  #lost: BucketError | undefined;
  #stopRenewing: () => void = () => {};

  constructor(place: ReplaceableBucket, options: LeaseOptions) {
    this.#place = place;
    this.#options = options;
    this.#holder = toHex(options.primitives.random(16));
    this.#term = new LeaseTerm(options.clock, HELD_MS);
  }

  /** Why nothing may be put any more. */
  get lost(): BucketError | undefined {
    return this.#lost;
  }

  /**
   * Resolves when objects may be put: until the signal aborts that it gives.
   *
   * @throws {BucketError} `held` where another has it
   */
  async hold(): Promise<AbortSignal> {
    for (;;) {
      this.#closing.signal.throwIfAborted();
      if (this.#lost) throw this.#lost;
      if (this.#term.isUnbroken()) return this.#term.signal;
      await this.#obtain();
    }
  }

  /** Whether there was no moment since `term` was given in which another might have had it. */
  isUnbroken(term: AbortSignal): boolean {
    return this.#term.isUnbroken(term);
  }

  /** Looks whether it is ours yet. @throws {BucketError} `held` where it is not */
  async expectOurs(): Promise<void> {
    const found = await this.#read();
    if (found?.holder !== this.#holder) throw this.#lose(found);
  }

  /** Nobody writes there any more: where it is ours, it goes. */
  async remove(): Promise<void> {
    await this.hold();
    this.#end();
    // What is put after that would stay.
    await this.#obtaining?.catch(() => {});
    await this.#answered(() => this.#place.delete([LEASE_NAME]));
  }

  /** Where nothing is under way, the next one need not wait until it has run out. */
  async close({ isIdle }: { readonly isIdle: boolean }): Promise<void> {
    const isFree = isIdle && this.#term.isUnbroken();
    this.#end();
    if (!isFree) return;
    // Behind what renews it at the moment. It runs out where the store does not answer.
    await this.#obtaining?.catch(() => {});
    await this.#put({ isFree }).catch(() => {});
  }

  #obtain(): Promise<void> {
    return this.#obtaining ??= this.#renewOrAcquire()
      .finally(() => this.#obtaining = undefined);
  }

  async #renewOrAcquire(): Promise<void> {
    const began = this.#term.moment();
    const isHeld = this.#term.isUnbroken();
    const found = await this.#read();
    const isOurs = found?.holder === this.#holder;
    if (this.#wasHeld && !isOurs) throw this.#lose(found);
    // Who was stopped meanwhile looks again: nobody else's is to be replaced by mistake.
    const tookMs = this.#options.clock.monotonic() - began.monotonic;
    if (tookMs > ANSWER_MS) return;
    if (isHeld) {
      await this.#put();
      // It is known to be ours as of the reading, if the answer came in time.
      if (this.#term.isUnbroken()) this.#extend(began);
      return;
    }
    await this.#acquire(found, began);
  }

  async #acquire(found: LeaseRecord | undefined, began: Moment): Promise<void> {
    const { claiming } = this.#options;
    const isOurs = found?.holder === this.#holder;
    if (!found && claiming === "new") {
      await this.#put();
      return this.#extend(began);
    }
    if (found && !isOurs && !found.isFree && claiming !== "take") {
      const { hasBegun } = this.#patience;
      if (!hasBegun) this.#options.onWait?.(PATIENCE_MS + LEASE_MS);
      const sign = this.#patience
        .look(found, this.#options.clock.monotonic());
      if (sign === "lives") throw this.#lose(found);
      // It is looked again.
      if (sign === "unknown") return await this.#sleep(LOOK_MS);
    }
    await this.#put();
    const tookMs = this.#options.clock.monotonic() - began.monotonic;
    const isQuick = found?.isFree && tookMs <= QUICK_MS;
    const settleMs = isQuick ? QUICK_MS : LEASE_MS;
    this.#options.onWait?.(settleMs);
    await this.#sleep(settleMs);
    const looked = this.#term.moment();
    const there = await this.#read();
    if (there?.holder === this.#holder) return this.#extend(looked);
    // A living holder that had read its own before ours was there.
    if (claiming === "take" && ++this.#takes < MAX_TAKES) return;
    throw this.#lose(there);
  }

  #sleep(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms, this.#closing.signal);
  }

  /** Undefined where there is none. @throws {BucketError} `unsupported` where something else is */
  async #read(): Promise<LeaseRecord | undefined> {
    const range = { offset: 0, length: MAX_LEASE_BYTES };
    const bytes = await this.#answered(() =>
      this.#place.get(LEASE_NAME, range)
    );
    const found = bytes && parseLease(bytes);
    if (found || !bytes) return found;
    if (this.#wasHeld) throw this.#lose(undefined);
    throw new BucketError(
      "unsupported",
      `What lies under "${LEASE_NAME}" is no lease that this version knows`,
    );
  }

  async #put({ isFree = false } = {}): Promise<void> {
    const record = { holder: this.#holder, counter: ++this.#counter, isFree };
    const bytes = encodeLease(record);
    await this.#answered((signal) =>
      this.#place.replace(LEASE_NAME, bytes, signal)
    );
  }

  async #answered<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const stop = this.#options.clock.after(ANSWER_MS, () => {
      const what = `no answer about the lease within ${ANSWER_MS / 1000} s`;
      late.abort(new BucketError("uncertain", what));
    });
    try {
      return await unlessAborted(ask(late.signal), late.signal);
    } finally {
      stop();
    }
  }

  /** It is ours as of then. */
  #extend(since: Moment): void {
    if (this.#closing.signal.aborted) return;
    this.#wasHeld = true;
    this.#term.renew(since);
    this.#renewAfter(RENEW_MS);
  }

  #renewAfter(ms: number): void {
    this.#stopRenewing();
    this.#stopRenewing = this.#options.clock.after(ms, async () => {
      const { since } = this.#term;
      await this.#obtain().catch(() => {});
      const isOver = this.#lost || this.#closing.signal.aborted;
      const isRenewed = this.#term.since && this.#term.since !== since;
      if (!isOver && !isRenewed) this.#renewAfter(LOOK_MS);
    });
  }

  #lose(found: Pick<LeaseRecord, "holder"> | undefined): BucketError {
    const what = this.#wasHeld
      ? found
        ? "Another node has taken the lease of this volume"
        : "The lease of this volume was removed from its store"
      : "Another node holds the lease of this volume";
    this.#lost ??= new BucketError("held", what, {
      ...(!this.#wasHeld && {
        hint:
          "One volume in a bucket is served by one node: stop the other, or take it with vault volume recover.",
      }),
    });
    this.#letGo();
    return this.#lost;
  }

  #end(): void {
    const why = new BucketError("uncertain", "The bucket was closed");
    this.#closing.abort(why);
    this.#letGo();
  }

  #letGo(): void {
    this.#term.end("the lease was let go");
    this.#stopRenewing();
  }
}
