/**
 * Drains a journal into its target, batch after batch, in the background.
 *
 *     idle ──enough, or long enough ago, or hurry──▶ sync the journal ──▶ read a batch ──▶ apply ──▶ mark ──▶ idle
 *                                                       ▲                                │ failed
 *                                                       └──────── later, as the target says ◀────┤
 *                                                                                        └──never──▶ stopped
 *
 * Only what is stable in the journal is drained: so the target never holds anything that a crash could take out of the journal behind it.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import type { Entry } from "../journal/scan.ts";
import type { Journal } from "../journal/journal.ts";
import type { Position } from "../journal/mark.ts";
import { SECTOR_BYTES } from "../journal/sector.ts";
import { cutAt, type DrainPiece, type DrainTarget } from "./drain_target.ts";
import { ExtentMap, FIXED, type Run } from "./extent_map.ts";
import { zerosOf } from "./overlay.ts";

/** What is written is drained after so long at the latest, unless told otherwise. */
const DEFAULT_IDLE_MS = 5000;

/** Entries that were appended so close together have one age. */
const AGE_MS = 1000;
const MAX_AGES = 4096;

/** After so much that was read others have their turn. */
const PAUSE_EVERY_BYTES = 256 * 1024;

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

/** A batch, and where its pieces are in the journal. */
interface Batch {
  readonly pieces: readonly DrainPiece[];
  readonly runs: readonly Run[];
  readonly first: number;
  readonly next: Position;
  readonly bytes: number;
  /** What the pieces lie in. */
  readonly buffer: Uint8Array;
}

export class Drain {
  readonly #options: DrainOptions;
  readonly #ended: Promise<void>;
  readonly #closing = new AbortController();
  /** Of batches that are over, for those to come: each of its own would wait long for its collection. */
  readonly #buffers: Uint8Array[] = [];
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
  /** When entries were appended: the first of those up to each number that come after those before. */
  readonly #ages: { upTo: number; readonly atMs: number }[] = [];
  #stopped: { readonly why: unknown } | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
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

  /** Ends with the batch that is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new VaultError("The store was closed"));
    this.#stopTimer?.();
    this.#wake?.();
    await this.#ended;
    this.#giveUp(this.#closing.signal.reason);
  }

  /** What was written is not to lie there for ever. */
  #watch(): void {
    if (this.#undrainedBytes >= this.#options.target.batchBytes) {
      this.#wake?.();
    }
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
    for (let attempt = 1; !signal.aborted;) {
      if (!this.#hurry && this.#undrainedBytes < target.batchBytes) {
        await new Promise<void>((wake) => this.#wake = wake);
        continue;
      }
      try {
        await this.#drainSome();
        this.#trouble = undefined;
        attempt = 1;
      } catch (thrown) {
        this.#trouble = `Could not drain: ${messageOf(thrown)}`;
        const ms = thrown instanceof ApplyError
          ? target.retryAfterMs(thrown.cause, attempt++)
          : undefined;
        if (ms === undefined) return this.#stop(thrown);
        this.#sendAway(thrown);
        this.#options.paused?.(thrown);
        await clock.sleep(ms, signal).catch(() => {});
      }
    }
  }

  /** As many batches as the target carries out at once. */
  async #drainSome(): Promise<void> {
    const { journal, target } = this.#options;
    await journal.sync();
    const batches: Batch[] = [];
    for (let from = journal.from; batches.length < target.atOnce;) {
      const batch = await this.#read(from);
      if (!batch) break;
      batches.push(batch);
      from = batch.next;
      // The rest may become a whole one yet.
      if (batch.bytes < target.batchBytes) break;
    }
    if (batches.length === 0) return this.#rest();
    const outcomes = await Promise.allSettled(batches.map((batch) => {
      const { pieces, first, next } = batch;
      return target.apply({ first, last: next.sequence - 1, pieces });
    }));
    // Nobody looks at the pieces any more.
    this.#buffers.push(...batches.map(({ buffer }) => buffer));
    for (const [n, outcome] of outcomes.entries()) {
      if (outcome.status === "rejected") {
        const { reason: cause } = outcome;
        throw new ApplyError(messageOf(cause), { cause });
      }
      await this.#applied(batches[n]!);
    }
  }

  async #applied({ runs, next, bytes }: Batch): Promise<void> {
    const { journal, target, applied } = this.#options;
    // Before the journal may use its files again: from here on the target is read.
    applied(runs);
    await journal.drained(next);
    this.#undrainedBytes -= bytes;
    if (journal.from.sequence > journal.stable) this.#rest();
    this.#tell();
    target.backlog?.(this.#undrainedBytes);
  }

  /** The next entries, each found whole, as many as a batch has. Of what they did to a byte only the last counts. */
  async #read(from: Position): Promise<Batch | undefined> {
    const { journal, target, clock } = this.#options;
    const { stable } = journal;
    if (from.sequence > stable) return undefined;
    const entries: Omit<Entry, "next">[] = [];
    const buffer = this.#buffers.pop() ?? new Uint8Array(target.batchBytes);
    let held = 0;
    const map = new ExtentMap();
    let next = from;
    let bytes = 0;
    let pausedAt = 0;
    for (const entry of journal.entries(from, stable)) {
      const holder = entries.length + (entry.kind === "zero" ? FIXED : 0);
      const { sector, sectors: length } = entry;
      map.insert({ sector, length, holder, at: 0 });
      const end = held + entry.data.length;
      // The last operation may be a long one.
      const fits = end <= buffer.length;
      const data = fits ? buffer.subarray(held, end) : entry.data.slice();
      if (fits) {
        data.set(entry.data);
        held = end;
      }
      entries.push({ ...entry, data });
      next = entry.next;
      bytes += (1 + entry.dataSectors) * SECTOR_BYTES;
      if (bytes >= target.batchBytes && !entry.goesOn) break;
      if (bytes - pausedAt < PAUSE_EVERY_BYTES) continue;
      pausedAt = bytes;
      await clock.sleep(0);
    }
    const pieces: DrainPiece[] = [];
    const runs: Run[] = [];
    for (const run of map.runs()) {
      const entry = entries[run.holder % FIXED]!;
      runs.push(runOf(entry, run));
      const piece = cutAt(pieceOf(entry, run), target.sizeBytes);
      if (piece) pieces.push(piece);
    }
    return { pieces, runs, first: from.sequence, next, bytes, buffer };
  }

  /** All that was wanted is drained. What was appended since has its own time, also where that was over while others were drained. */
  #rest(): void {
    this.#hurry = false;
    this.#buffers.length = 0;
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

/** The target did not take a batch: it says what is to be done. */
class ApplyError extends VaultError {
  override readonly name = "ApplyError";
}

/** Where the part of an entry is in the journal that a batch's run is. */
function runOf(entry: Omit<Entry, "next">, run: Run): Run {
  const { sector, length, at } = run;
  return entry.kind === "zero"
    ? { sector, length, holder: zerosOf(entry.at.number), at: entry.at.sector }
    : { sector, length, holder: entry.at.number, at: entry.at.sector + 1 + at };
}

function pieceOf(entry: Omit<Entry, "next">, run: Run): DrainPiece {
  const offset = run.sector * SECTOR_BYTES;
  const length = run.length * SECTOR_BYTES;
  if (entry.kind === "zero") return { kind: "zero", offset, length };
  const start = run.at * SECTOR_BYTES;
  const data = entry.data.subarray(start, start + length);
  return { kind: "write", offset, data };
}
