/**
 * Segments of which little is wanted any more are rewritten, so that a volume takes little more in its bucket than what is in it.
 *
 *     idle ──more is there than should be──▶ those of which the least lives, as many as fill one ──▶ their live runs, by their own tables and
 *      ▲                                     the map ──▶ read, each chunk proved ──▶ behind the row, as moved ──▶ again
 *      └───────── no more than should be ◀────────────────────────────────────────────────────────────────────┘
 *
 * Moved extents take their turn in the row like all others, and count only where the map still points to where they were read: what was
 * written meanwhile stays. So nothing has to be locked here, and whatever goes wrong costs room and no data. What was moved from dies like what
 * was written over, and goes when no checkpoint needs it. Segments that a snapshot or a view needs would stay all the same: they are left alone,
 * and do not count.
 *
 * | for each byte that lives there are, in segments that are not dead | the cleaner                                                         |
 * | ------------------------------------------------------------------ | ------------------------------------------------------------------- |
 * | up to TARGET                                                       | rests                                                               |
 * | up to PRESSING                                                     | moves at its rate, while less than one segment waits in the journal |
 * | more                                                               | moves as fast as it can, and takes turns with new writes            |
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { MediaError } from "../../base/media_error.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { Holding, KnownSegment } from "./ledger.ts";
import { MovedData, type MovingOptions } from "./moving.ts";
import type { Packed } from "./packing.ts";
import type { Cleaning, SegmentRow } from "./segment_row.ts";
import { Strays, type StraysOptions } from "./strays.ts";
import { victimsIn } from "./victims.ts";

/** See above. With what is dead and not deleted yet, some 0.1 for each byte that lives, a volume stays below 1.5 in all. */
const [TARGET, PRESSING] = [1.3, 1.35];
/** What is too much for a small volume is no less than this share of a segment. */
const LEAST_SHARE = 1 / 8;
/** Moved bytes a second where nothing presses. */
const BYTES_PER_SECOND = 16 * 1024 * 1024;
/** When it is tried again where the bucket did not answer. */
const RETRY_MS = 60_000;

export interface CleanerOptions extends MovingOptions, StraysOptions {
  readonly row: SegmentRow;
  readonly clock: Clock;
  /** Of data of a segment. */
  readonly segmentBytes: number;
}

export class Cleaner implements Cleaning {
  readonly #options: CleanerOptions;
  readonly #strays: Strays;
  readonly #closing = new AbortController();
  /** Could not be read, and why: what is in them stays where it is. */
  readonly #unreadable = new Map<KnownSegment, string>();
  #working: Promise<void> | undefined;
  /** It is not tried before: writes would wait for what cannot be read, again and again. */
  #stopTimer: (() => void) | undefined;
  #backlogBytes = 0;
  /** Why the last work was given up. */
  #failure: string | undefined;
  #movedBytes = 0;
  #moves = 0;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#strays = new Strays(options);
    options.row.cleaner = this;
  }

  /** What is wrong with it; undefined where nothing is. */
  get trouble(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    // One that was written over since is nobody's trouble.
    const [why, ...others] = [...this.#unreadable]
      .filter(([{ liveSectors }]) => liveSectors > 0)
      .map(([, why]) => why);
    return others.length === 0 ? why : `${why}; and ${others.length} more`;
  }

  /** Bytes that were rewritten since the volume was opened, and segments that they became. */
  get moved(): { readonly bytes: number; readonly segments: number } {
    return { bytes: this.#movedBytes, segments: this.#moves };
  }

  /** Objects that nobody knew of any more. */
  get strays(): Pick<Strays, "deleted" | "objectBytes"> {
    return this.#strays;
  }

  /** Whether so much is there that moves are as urgent as new writes. */
  get presses(): boolean {
    return this.#holdsMoreThan(PRESSING);
  }

  /** So much waits in the journal. */
  backlog(bytes: number): void {
    this.#backlogBytes = bytes;
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#working || this.#stopTimer || !this.#due) return;
    if (this.#closing.signal.aborted) return;
    this.#working = this.#work()
      .then(() => this.#failure = undefined, (thrown) => this.#failed(thrown))
      .finally(() => this.#working = undefined);
  }

  /** Resolves when nothing is being moved. */
  async settled(): Promise<void> {
    await this.#working;
  }

  /** Ends with what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopTimer?.();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && this.#due) {
      if (this.#strays.due) await this.#strays.search(signal);
      if (this.#mayKnow) await this.#options.checkpoints.learn();
      const noMore = this.#options.row.expectMoves();
      try {
        await this.#moveAll();
      } finally {
        noMore();
      }
    }
  }

  async #moveAll(): Promise<void> {
    const { row, clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#mayMove) {
      const victims = this.#victims();
      if (victims.length === 0) return;
      const bytes = await row.move(await this.#read(victims));
      this.#movedBytes += bytes;
      if (bytes > 0) this.#moves++;
      if (this.presses) continue;
      await clock.sleep(1000 * bytes / BYTES_PER_SECOND, signal);
    }
  }

  #failed(thrown: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#failure = `Could not clean up: ${messageOf(thrown)}`;
    // What the bucket does not do now it may do later; whoever has lost the volume has nothing to clean any more.
    if (!(thrown instanceof BucketError)) return this.#closing.abort();
    this.#stopTimer = this.#options.clock.after(RETRY_MS, () => {
      this.#stopTimer = undefined;
      this.wake();
    });
  }

  get #due(): boolean {
    return this.#strays.due || this.#mayKnow ||
      (this.#mayMove && this.#victims().length > 0);
  }

  /** Whether something would be moved, unless a snapshot needs it that nobody has read yet: until then it needs all. */
  get #mayKnow(): boolean {
    const { map, checkpoints } = this.#options;
    return checkpoints.kept.unread.length > 0 && this.#isMoreThan(TARGET, map);
  }

  get #mayMove(): boolean {
    if (!this.#holdsMoreThan(TARGET)) return false;
    return this.presses ||
      this.#backlogBytes < this.#options.segmentBytes;
  }

  #holdsMoreThan(times: number): boolean {
    const { map, checkpoints } = this.#options;
    checkpoints.mark(map);
    return this.#isMoreThan(times, map.loose);
  }

  #isMoreThan(times: number, { objectBytes, deadBytes, liveBytes }: Holding) {
    const leastBytes = LEAST_SHARE * this.#options.segmentBytes;
    return objectBytes - deadBytes > times * liveBytes + leastBytes;
  }

  #victims(): readonly KnownSegment[] {
    const { map, segmentBytes } = this.#options;
    return victimsIn(map, segmentBytes, (one) => this.#unreadable.has(one));
  }

  /** What lives in them. */
  async #read(victims: readonly KnownSegment[]): Promise<Packed> {
    const moved = new MovedData(this.#options);
    for (const victim of victims) {
      this.#closing.signal.throwIfAborted();
      try {
        await moved.add(victim);
      } catch (thrown) {
        // It may have died while it was read, and be deleted.
        if (victim.liveSectors > 0) this.#leave(victim, thrown);
      }
    }
    return moved.packed;
  }

  /** What is damaged stays where it is. @throws what says nothing of the segment */
  #leave(victim: KnownSegment, thrown: unknown): void {
    const why = thrown instanceof MediaError ? thrown.cause : thrown;
    if (!(why instanceof SealError)) throw why;
    for (const one of this.#unreadable.keys()) {
      if (one.liveSectors === 0) this.#unreadable.delete(one);
    }
    this.#unreadable.set(
      victim,
      `Segment ${victim.number} is damaged, and something in it cannot be read: ${why.message}`,
    );
  }
}
