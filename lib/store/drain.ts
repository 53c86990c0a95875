/**
 * Drains a journal into its target, batch after batch, in the background.
 *
 *     idle ──enough, or long enough ago, or hurry──▶ sync the journal ──▶ read a batch ──▶ apply ──▶ mark, in order ──▶ idle
 *                                                       ▲    ▲                           │ │ failed
 *                                                       │    └── enough, and room for it ◀─┘ ▼
 *                                                       └──────── later, as the target says ◀──┴──never──▶ stopped
 *
 * Where the target carries out several at once, the next is read while those before it are under way. What the target says that it has
 * already, from before a crash or a failure, is marked and not applied again.
 *
 * Only what is stable in the journal is drained: so the target never holds anything that a crash could take out of the journal behind it.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Position } from "../journal/mark.ts";
import { type Batch, BatchReader } from "./drain_batch.ts";
import type { DrainTarget } from "./drain_target.ts";
import type { Run } from "./extent_map.ts";

/** What is written is drained after so long at the latest, unless told otherwise. */
const DEFAULT_IDLE_MS = 5000;

/** Entries that were appended so close together have one age. */
const AGE_MS = 1000;
const MAX_AGES = 4096;

export interface DrainOptions {
  readonly journal: Journal;
  readonly target: DrainTarget;
  readonly clock: Clock;
  readonly idleMs?: number;
  /** These are in the target now; where they are in the journal. */
  readonly applied: (runs: readonly Run[]) => void;
  /** The target did not take something; it is tried again. */
  readonly paused?: (why: unknown) => void;
  /** It is over: nothing will be drained any more. */
  readonly stopped: (why: unknown) => void;
}

/** A batch that the target has. */
interface UnderWay {
  readonly batch: Batch;
  outcome: PromiseSettledResult<void> | undefined;
  /** Resolves when there is one. */
  readonly over: Promise<void>;
}

export class Drain {
  readonly #options: DrainOptions;
  readonly #ended: Promise<void>;
  readonly #closing = new AbortController();
  readonly #reader: BatchReader;
  /** In order. */
  readonly #underWay: UnderWay[] = [];
  /** What comes behind them. */
  #next: Position;
  /** The last entry that the target has said that it has; undefined where it is to be asked. */
  #had: number | undefined;
  #undrainedBytes: number;
  /** Somebody waits: everything is wanted, not only whole batches. */
  #hurry = false;
  #wake: (() => void) | undefined;
  #stopTimer: (() => void) | undefined;
  #awaited: {
    readonly upTo: number;
    readonly done: PromiseWithResolvers<void>;
    readonly isPatient: boolean;
  }[] = [];
  #trouble: string | undefined;
  /** How often in a row something was not taken, and one. */
  #attempt = 1;
  /** When entries were appended: the first of those up to each number that come after those before. */
  readonly #ages: { upTo: number; readonly atMs: number }[] = [];
  #stopped: { readonly why: unknown } | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#reader = new BatchReader(options);
    this.#next = options.journal.from;
    this.#undrainedBytes = options.journal.undrainedBytes;
    if (this.#undrainedBytes > 0) this.#note();
    this.#ended = this.#run();
    this.#watch();
  }

  /** Why nothing is drained at the moment; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** When the first entry was appended that is not drained; of one that was found in the journal, when that was opened. */
  get sinceMs(): number | undefined {
    return this.#ages[0]?.atMs;
  }

  /** So many bytes of entries more. */
  more(bytes: number): void {
    this.#undrainedBytes += bytes;
    this.#note();
    this.#watch();
  }

  /** Somebody waits for room. */
  hurry(): void {
    this.#hurry = true;
    this.#wake?.();
  }

  /**
   * Resolves when all that was appended before the call is drained.
   *
   * @throws what stopped it; and what kept it from going on for a while, which who is patient waits out
   */
  all({ isPatient = false } = {}): Promise<void> {
    if (this.#stopped) return Promise.reject(this.#stopped.why);
    const { journal } = this.#options;
    const upTo = journal.appended;
    if (journal.from.sequence > upTo) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#awaited.push({ upTo, done, isPatient });
    this.hurry();
    return done.promise;
  }

  /** Ends with what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new VaultError("The store was closed"));
    this.#stopTimer?.();
    this.#wake?.();
    await this.#ended;
    this.#reader.clear();
    this.#giveUp(this.#closing.signal.reason);
  }

  /** What was written is not to lie there for ever. */
  #watch(): void {
    if (this.#wantsMore) this.#wake?.();
    if (this.#undrainedBytes === 0 || this.#stopTimer) return;
    const { clock, idleMs } = this.#options;
    this.#stopTimer = clock.after(idleMs ?? DEFAULT_IDLE_MS, () => {
      this.#stopTimer = undefined;
      this.hurry();
    });
  }

  async #run(): Promise<void> {
    const { target, clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (!this.#hurry && !this.#wantsMore) {
        await this.#woken();
        continue;
      }
      try {
        await this.#drainSome();
      } catch (thrown) {
        this.#trouble = `Could not drain: ${messageOf(thrown)}`;
        const ms = thrown instanceof ApplyError
          ? target.retryAfterMs(thrown.cause, this.#attempt++)
          : undefined;
        if (ms === undefined) return this.#stop(thrown);
        this.#sendAway(thrown);
        this.#options.paused?.(thrown);
        await clock.sleep(ms, signal).catch(() => {});
      }
    }
  }

  #woken(): Promise<void> {
    return new Promise((wake) => this.#wake = wake);
  }

  /** Batch after batch, as long as there are some and they are taken. */
  async #drainSome(): Promise<void> {
    const { journal, target } = this.#options;
    try {
      this.#had ??= await this.#ask();
      for (;;) {
        while (this.#wantsMore) await this.#takeNext();
        const [first] = this.#underWay;
        if (!first) break;
        const isRoom = this.#underWay.length < target.atOnce;
        await (isRoom ? Promise.race([first.over, this.#woken()]) : first.over);
        await this.#mark();
      }
    } catch (thrown) {
      this.#had = undefined;
      throw thrown;
    } finally {
      await Promise.all(this.#underWay.map(({ over }) => over));
      this.#underWay.length = 0;
      this.#next = journal.from;
    }
    // Somebody was in a hurry for nothing.
    if (this.#next.sequence > journal.appended) this.#rest();
  }

  /** Whether another batch is to be read: a whole one, or where somebody waits what there is, unless that is under way already. */
  get #wantsMore(): boolean {
    const { journal, target } = this.#options;
    const { atOnce, batchBytes, unreleasedAtOnce = atOnce } = target;
    const underWay = this.#underWay;
    if (underWay.length >= atOnce || this.#isOver) return false;
    if (this.#reader.lent >= unreleasedAtOnce) return false;
    if (this.#next.sequence > journal.appended) return false;
    const taken = underWay.reduce((sum, { batch }) => sum + batch.bytes, 0);
    if (this.#undrainedBytes - taken >= batchBytes) return true;
    // The rest may become a whole one yet.
    const last = underWay.at(-1)?.batch;
    return this.#hurry && (!last || last.bytes >= batchBytes);
  }

  /** Nothing more is to go to the target for now. */
  get #isOver(): boolean {
    return this.#closing.signal.aborted ||
      this.#underWay.some(({ outcome }) => outcome?.status === "rejected");
  }

  async #ask(): Promise<number> {
    try {
      return await this.#options.target.lastApplied();
    } catch (cause) {
      throw new ApplyError(messageOf(cause), { cause });
    }
  }

  async #takeNext(): Promise<void> {
    await this.#options.journal.sync();
    const had = this.#had ?? 0;
    const isThere = this.#next.sequence <= had;
    const last = isThere ? had : undefined;
    const batch = await this.#reader.read(this.#next, last);
    // What comes behind one that failed meanwhile comes again with it.
    if (this.#isOver) return this.#reader.giveBack(batch);
    this.#next = batch.next;
    const one: UnderWay = {
      ...{ batch, outcome: undefined },
      over: this.#carryOut(batch, isThere)
        .then((outcome) => void (one.outcome = outcome)),
    };
    this.#underWay.push(one);
  }

  /** One that is there need only be told to the journal and the overlay. */
  async #carryOut(
    batch: Batch,
    isThere: boolean,
  ): Promise<PromiseSettledResult<void>> {
    const { pieces, first, next } = batch;
    const last = next.sequence - 1;
    // Nobody looks at the pieces any more.
    const release = () => {
      this.#reader.giveBack(batch);
      if (this.#wantsMore) this.#wake?.();
    };
    try {
      if (!isThere) {
        await this.#options.target.apply({ first, last, pieces, release });
      }
      return { status: "fulfilled", value: undefined };
    } catch (reason) {
      return { status: "rejected", reason };
    } finally {
      release();
    }
  }

  /** Those that are over, in order, up to one that was not taken. */
  async #mark(): Promise<void> {
    const done: Batch[] = [];
    while (this.#underWay[0]?.outcome?.status === "fulfilled") {
      done.push(this.#underWay.shift()!.batch);
    }
    const last = done.at(-1);
    if (last) await this.#applied(done, last.next);
    const outcome = this.#underWay[0]?.outcome;
    if (outcome?.status !== "rejected") return;
    const { reason: cause } = outcome;
    throw new ApplyError(messageOf(cause), { cause });
  }

  async #applied(batches: readonly Batch[], next: Position): Promise<void> {
    const { journal, target, applied } = this.#options;
    // Before the journal may use its files again: from here on the target is read.
    for (const { runs } of batches) applied(runs);
    await journal.drained(next);
    for (const { bytes } of batches) this.#undrainedBytes -= bytes;
    this.#trouble = undefined;
    this.#attempt = 1;
    if (journal.from.sequence > journal.stable) this.#rest();
    this.#tell();
    target.backlog?.(this.#undrainedBytes);
  }

  /** All that was wanted is drained. What was appended since has its own time, also where that was over while others were drained. */
  #rest(): void {
    this.#hurry = false;
    this.#watch();
  }

  #note(): void {
    const { clock, journal } = this.#options;
    const last = this.#ages.at(-1);
    const atMs = clock.now();
    const isOld = last === undefined || atMs - last.atMs >= AGE_MS;
    if (!last || (isOld && this.#ages.length < MAX_AGES)) {
      this.#ages.push({ upTo: journal.appended, atMs });
    } else last.upTo = journal.appended;
  }

  #tell(): void {
    const { sequence } = this.#options.journal.from;
    while (this.#ages[0] && this.#ages[0].upTo < sequence) this.#ages.shift();
    const over = this.#awaited.filter(({ upTo }) => upTo < sequence);
    this.#awaited = this.#awaited.filter(({ upTo }) => upTo >= sequence);
    for (const { done } of over) done.resolve();
    // Whoever still waits wants the rest.
    if (this.#awaited.length > 0) this.#hurry = true;
  }

  /** Who waits may be in everybody's way. */
  #sendAway(why: unknown): void {
    const awaited = this.#awaited;
    this.#awaited = awaited.filter(({ isPatient }) => isPatient);
    for (const { isPatient, done } of awaited) if (!isPatient) done.reject(why);
  }

  #stop(why: unknown): void {
    this.#giveUp(why);
    this.#options.stopped(why);
  }

  #giveUp(why: unknown): void {
    this.#stopped ??= { why };
    this.#stopTimer?.();
    for (const { done } of this.#awaited.splice(0)) done.reject(why);
  }
}

/** The target did not take a batch, or does not know what it has: it says what is to be done. */
class ApplyError extends VaultError {
  override readonly name = "ApplyError";
}
