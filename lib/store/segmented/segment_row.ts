/**
 * The writer of a volume's row of segments: what waits for its turn, and what is done at the end of the row in turns (row_end.ts).
 *
 *     writes, moves ──▶ RowQueue ──▶ ┐
 *     notes, checkpoints, sizes ───▶ ┴ one after the other ──▶ RowEnd
 *
 * Uploads that are under way are one turn, which goes on as long as writes come and nobody else waits.
 */

import type { ChainEnd } from "./chain.ts";
import type { Hand } from "./note_taking.ts";
import type { Packed } from "./packing.ts";
import { RowEnd, type RowEndOptions } from "./row_end.ts";
import { RowQueue } from "./row_queue.ts";
import { RowTurns } from "./row_turns.ts";

export type { Pin } from "./chain.ts";
export { CHECKPOINT_SEGMENTS } from "./row_end.ts";

export type SegmentRowOptions = RowEndOptions;

/** Whoever rewrites what is in the row. */
export interface Cleaning {
  /** Whether that is as urgent as new writes are. */
  readonly presses: boolean;
  /** There is more in the row. */
  wake(): void;
}

export class SegmentRow {
  /** What moves in it. */
  cleaner: Cleaning | undefined;
  readonly #end: RowEnd;
  readonly #queue: RowQueue;
  readonly #turns = new RowTurns();

  constructor(options: SegmentRowOptions) {
    this.#end = new RowEnd(options);
    this.#queue = new RowQueue(
      options.map,
      () => this.cleaner?.presses ?? false,
    );
  }

  /** Where the row ends. */
  get end(): ChainEnd {
    return this.#end.at;
  }

  /** Of the volume. */
  get sizeBytes(): number {
    return this.#end.sizeBytes;
  }

  /** To the bucket, since it was opened. */
  get uploadedBytes(): number {
    return this.#end.uploadedBytes;
  }

  /** The number of the last segment with which this writer has claimed it. */
  get claimedAt(): number {
    return this.#end.claimedAt;
  }

  /** As in {@linkcode RowEnd}. */
  get trouble(): string | undefined {
    return this.#end.trouble;
  }

  /** From now on nobody who wrote to it before can. @throws {VaultError} */
  take(): Promise<void> {
    return this.#turns.take(() => this.#end.claimed());
  }

  /** Resolves when it is known what is in the row, and something may be written behind it. @throws {VaultError} */
  ready(): Promise<void> {
    return this.#turns.take(() => this.#end.ready());
  }

  /**
   * The same, to write to it. A checkpoint behind the claim outdoes whatever a former writer may say yet.
   *
   * @throws {VaultError}
   */
  open(): Promise<void> {
    return this.#turns.take(async () => {
      await this.#end.claimed();
      await this.#end.checkpoint();
    });
  }

  /**
   * Writes a segment behind the row. When it resolves, it is in it for good. Some are uploaded side by side; where one fails, so do those after
   * it that have been asked for. `failed` is called before anything else can be asked for.
   *
   * @throws {Fenced} {BucketError} {SealError}
   */
  append(packed: Packed, failed?: (why: unknown) => void): Promise<void> {
    if (packed.extents.length === 0) return Promise.resolve();
    const written = this.#queue.write(packed, failed);
    this.#turns.upload(() => this.#writeWaiting());
    return written;
  }

  /** As in {@linkcode RowQueue}. */
  expectMoves(): () => void {
    return this.#queue.expectMoves();
  }

  /**
   * The same for what was moved, of which only what is not written anew meanwhile counts. Gives how many bytes went.
   */
  move(packed: Packed): Promise<number> {
    const moved = this.#queue.move(packed);
    this.#turns.upload(() => this.#writeWaiting());
    return moved;
  }

  /** Writes a checkpoint, where there is anything new. */
  checkpoint(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#end.sinceCheckpoint > 0) await this.#end.checkpoint();
    });
  }

  /** Runs `work` between all that is written, on a row that is this writer's as far as it knows. What it writes proves that it is. */
  alone<T>(work: (hand: Hand) => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      const end = this.#end;
      await end.ready();
      const done = await work({
        note: (note) => end.write({ extents: [], data: [], note }),
        checkpoint: () => end.writeCheckpoint(),
        checkpointSoon: () => end.checkpointsWhereDue({ isWanted: true }),
      });
      this.cleaner?.wake();
      return done;
    });
  }

  /** Gives what `look` sees where nothing is half done: nothing changes before it is over. */
  between<T>(look: () => Promise<T>): Promise<T> {
    return this.#turns.take(look);
  }

  /** Changes the size of the volume; what lies behind its end is lost, maybe also where this rejects. On stable storage when it resolves. */
  resize(sizeBytes: number): Promise<void> {
    return this.#turns.take(async () => {
      await this.#end.ready();
      await this.#end.resize(sizeBytes);
    });
  }

  /** @throws {Fenced} where another has gone on with the row */
  expectOurs(): Promise<void> {
    return this.#turns.take(() => this.#end.expectOurs());
  }

  /** Resolves when nothing is written any more. */
  settled(): Promise<void> {
    return this.#turns.settled();
  }

  /** Nothing is written any more, from when this resolves on. */
  async close(): Promise<void> {
    await this.settled();
    this.#end.letGo();
  }

  /** What is in the queue, and what comes into it while that is uploaded. */
  async #writeWaiting(): Promise<void> {
    const waiting = await this.#queue.take();
    if (waiting.length === 0) return;
    try {
      await this.#end.ready();
      await this.#end.carry(waiting, {
        more: () =>
          this.#turns.areWanted ? undefined : this.#queue.takeAnother(),
        another: () => this.#queue.another(),
        landed: () => this.cleaner?.wake(),
      });
    } catch (thrown) {
      // What comes after it is not to be written without it.
      const rest = [...waiting, ...this.#queue.takeAll()];
      for (const { reject } of rest) reject(thrown);
    }
  }
}
