/**
 * The writer of a volume's row of segments: claims it, uploads several at a time, takes them into the map in order, writes checkpoints and
 * deletes what nobody needs any more.
 *
 *     packed ──▶ sealed ──▶ uploaded, several at once ──▶ in the map, in order ──▶ pinned
 *                              │ exists: another has the volume ──▶ fenced, for good
 *                              └ uncertain ──▶ the row is claimed anew, with what of it has arrived, and all of it comes again
 *
 * Invariant: the map is that of the row up to its end, and the end is one that this writer has written.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES, type SegmentHead } from "../../segments/segment.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import {
  type ChainEnd,
  type ChainOptions,
  claim,
  type Pin,
  readHead,
} from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { Fenced } from "./fenced.ts";
import { type Claim, OwnClaims } from "./own_claims.ts";
import { keepIn, type Packed, place } from "./packing.ts";
import { Rooms } from "./rooms.ts";
import type { SegmentReader } from "./segment_reader.ts";
import { sealBehind } from "./sealing.ts";
import { RowQueue } from "./row_queue.ts";
import { Sweep } from "./sweep.ts";
import { knownOf, type VolumeMap } from "./volume_map.ts";

/** A checkpoint is written after so many segments, unless told otherwise. */
export const CHECKPOINT_SEGMENTS = 64;

export type { Pin } from "./chain.ts";

export interface SegmentRowOptions extends ChainOptions {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly reader: SegmentReader;
  readonly cache: ChunkCache | undefined;
  readonly sizeBytes: number;
  /** Of data of a segment. */
  readonly segmentBytes: number;
  /** What was kept; undefined: it takes the volume from whoever has it. */
  readonly kept: Pin | undefined;
  /** Where the row ends. */
  readonly end: ChainEnd;
  /** Keeps it; on stable storage when it returns. */
  readonly pin: (pin: Pin) => void;
  readonly clock: Clock;
  /** Segments from one checkpoint to the next. */
  readonly checkpointEvery?: number;
}

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
  readonly #options: SegmentRowOptions;
  /** Of the volume, which the map does not go beyond. */
  sizeBytes: number;
  #end: ChainEnd;
  /** At first, and where it is not known what of the last segments has arrived. */
  #mustClaim = true;
  /** Until then, for who comes with nothing, who wrote before does not matter. */
  #takes: boolean;
  readonly #claims: OwnClaims;
  /** The number of its last claim. */
  #claimedAt = 0;
  readonly #queue: RowQueue;
  readonly #sweep: Sweep;
  #turn: Promise<unknown> = Promise.resolve();
  #sinceCheckpoint = 0;
  /** Nothing may be written before a checkpoint: it is not known what size the bucket tells. */
  #owesCheckpoint = false;
  #trouble: string | undefined;
  /** Nothing is written any more. */
  #failed: { readonly why: unknown } | undefined;
  #uploadedBytes = 0;
  readonly #rooms = new Rooms();

  constructor(options: SegmentRowOptions) {
    this.#options = options;
    this.sizeBytes = options.sizeBytes;
    this.#end = options.end;
    this.#takes = options.kept === undefined;
    this.#claims = new OwnClaims(options.kept?.claims);
    this.#queue = new RowQueue(
      options.map,
      () => this.cleaner?.presses ?? false,
    );
    this.#sweep = new Sweep(options);
  }

  /** Where the row ends. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** To the bucket, since it was opened. */
  get uploadedBytes(): number {
    return this.#uploadedBytes;
  }

  /** The number of the last segment with which this writer has claimed it. */
  get claimedAt(): number {
    return this.#claimedAt;
  }

  /** Why no checkpoint could be written, and the row grows, or nothing deleted; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    return this.#trouble ?? this.#sweep.trouble;
  }

  /**
   * From now on nobody who wrote to it before can. A checkpoint behind the claim outdoes whatever a former writer may say yet.
   *
   * @throws {VaultError}
   */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#claim();
      await this.#checkpoint();
    });
  }

  /**
   * Writes a segment behind the row. When it resolves, it is in it for good. Some that are asked for together are uploaded together; where one
   * fails, so do those after it.
   *
   * @throws {Fenced} {BucketError} {SealError}
   */
  append(packed: Packed): Promise<void> {
    if (packed.extents.length === 0) return Promise.resolve();
    const written = this.#queue.write(packed);
    void this.#inTurn(() => this.#writeWaiting());
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
    void this.#inTurn(() => this.#writeWaiting());
    return moved;
  }

  /** Writes a checkpoint, where there is anything new. */
  checkpoint(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#sinceCheckpoint > 0) await this.#checkpoint();
    });
  }

  /** Changes the size of the volume; what lies behind its end is lost, also where this rejects. On stable storage when it resolves. */
  resize(sizeBytes: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#mustClaim) await this.#claim();
      // Nobody who has lost the volume changes its size: an empty segment shows that it is ours.
      await this.#write([{ extents: [], data: [] }]);
      this.#pin();
      // Where nobody hears whether it was written, the next one says which size it is.
      this.#owesCheckpoint = true;
      const endSector = Math.ceil(sizeBytes / SECTOR_BYTES);
      if (sizeBytes < this.sizeBytes) this.#options.map.cut(endSector);
      await this.#checkpoint(sizeBytes);
      this.sizeBytes = sizeBytes;
    });
  }

  /** @throws {Fenced} where another has gone on with the row */
  expectOurs(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#mustClaim) return;
      const found = await readHead(this.#options, this.#end.next);
      if (found) throw new Fenced(found.head.timeMs);
    });
  }

  /** Resolves when nothing is written any more. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #claim(): Promise<void> {
    const { clock } = this.#options;
    let { epoch } = this.#end;
    let number = 0;
    const end = await claim({
      ...this.#options,
      from: this.#end,
      timeMs: clock.now(),
      claims: this.#claims,
      about: (claim) => {
        number = claim.number;
        this.#claims.tries(claim);
        this.#pin(this.#claims.tried);
      },
      found: (segment, end) => {
        const { head } = segment;
        // Of our own is what has arrived although nobody heard of it. What another has claimed is not to be claimed back.
        const ours = this.#claims.has(head.digest);
        if (head.epoch > epoch && !ours && !this.#takes) {
          throw new Fenced(head.timeMs);
        }
        epoch = Math.max(epoch, head.epoch);
        this.#take(segment);
        this.#end = end;
      },
    });
    // Whoever sleeps long enough finds nothing under a number that was used and deleted since. Those who used it have told how far they were.
    if (await this.#options.checkpoints.goFurther(number)) {
      throw new Fenced(undefined);
    }
    this.#end = end;
    this.#claimedAt = number;
    this.#takes = false;
    this.#mustClaim = false;
    this.#claims.made();
    this.#pin();
  }

  async #writeWaiting(): Promise<void> {
    const group = await this.#queue.take();
    if (group.length === 0) return;
    let done = 0;
    try {
      if (this.#failed) throw this.#failed.why;
      if (this.#mustClaim) await this.#claim();
      if (this.#owesCheckpoint) await this.#checkpoint();
      await this.#write(group.map(({ packed }) => packed), () => {
        group[done++]!.resolve();
      });
      this.#pin();
      await this.#checkpointsWhereDue();
      this.cleaner?.wake();
    } catch (thrown) {
      // What comes after it is not to be written without it.
      const rest = [...group.slice(done), ...this.#queue.takeAll()];
      for (const { reject } of rest) reject(thrown);
    }
  }

  /** One that cannot be written now is with the next segment; one that never can be ends it: the row would grow and grow. */
  async #checkpointsWhereDue(): Promise<void> {
    const { checkpointEvery = CHECKPOINT_SEGMENTS } = this.#options;
    try {
      if (this.#sinceCheckpoint >= checkpointEvery || this.#sweep.frees) {
        await this.#checkpoint();
      }
      // What the one before the last needs alone waits for another.
      if (this.#sweep.freesOlder) await this.#checkpoint();
    } catch (thrown) {
      this.#trouble = `Could not write a checkpoint: ${messageOf(thrown)}`;
      if (!(thrown instanceof BucketError)) this.#failed = { why: thrown };
    }
  }

  /** `done` is called for each in order, when it is in the row. */
  async #write(
    packed: readonly Packed[],
    done: () => void = () => {},
  ): Promise<void> {
    const sealed = await sealBehind(this.#end, packed, {
      ...this.#options,
      rooms: this.#rooms,
    });
    this.#mustClaim = true;
    const { bucket, keys } = this.#options;
    const answers = await Promise.allSettled(
      sealed.map(async ({ number, bytes }) => {
        const name = keys.nameOf("segment", number);
        const answer = await bucket.create(name, bytes);
        this.#uploadedBytes += bytes.length;
        // What failed or is in doubt may be read yet by a request that was given up.
        if (answer === "created") this.#rooms.giveBack(bytes);
        return answer;
      }),
    );
    for (const [n, answer] of answers.entries()) {
      const { number, head, packed, end } = sealed[n]!;
      if (answer.status === "rejected") throw answer.reason;
      if (answer.value === "exists") await this.#lost(number);
      this.#take({ head, extents: place(packed.extents) });
      // What was just written is likely to be read.
      if (!packed.cold) keepIn(this.#options.cache, number, packed.data);
      this.#end = end;
      done();
    }
    this.#mustClaim = false;
  }

  /** @throws always: another's segment is where ours should be, or what is none */
  async #lost(number: number): Promise<never> {
    const found = await readHead(this.#options, number);
    if (found && found.head.epoch > this.#end.epoch) {
      throw new Fenced(found.head.timeMs);
    }
    throw new SealError(
      `Under the number of segment ${number} lies another than was written there`,
    );
  }

  #take({ head, extents }: SegmentHead): void {
    const { map } = this.#options;
    const endSector = Math.ceil(this.sizeBytes / SECTOR_BYTES);
    map.apply(knownOf({ head }), extents, endSector);
    this.#sinceCheckpoint++;
  }

  async #checkpoint(volumeBytes = this.sizeBytes): Promise<void> {
    const { map, checkpoints, clock } = this.#options;
    await checkpoints.write({ map, end: this.#end, volumeBytes, clock });
    this.#sinceCheckpoint = 0;
    this.#owesCheckpoint = false;
    this.#trouble = undefined;
    await this.#sweep.run();
  }

  #pin(claims?: readonly Claim[]): void {
    const { next, epoch, digest } = this.#end;
    this.#options.pin({ next, epoch, digest, ...(claims && { claims }) });
  }
}
