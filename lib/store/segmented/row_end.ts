/**
 * The end of a volume's row of segments, where its writer is: claimed, gone on with, told of by checkpoints. One thing at a time: whoever has
 * it sees to that (segment_row.ts).
 *
 *     packed ──▶ sealed ──▶ uploaded, several at once (flight.ts) ──▶ in the map, in order ──▶ pinned
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
import type { Checkpoints, Written } from "./checkpoints.ts";
import { Fenced, orFenced } from "./fenced.ts";
import { Flight, type Landing, type Supply } from "./flight.ts";
import { takeNote } from "./note_taking.ts";
import { type Claim, OwnClaims } from "./own_claims.ts";
import { type Packed, place } from "./packing.ts";
import { Rooms } from "../rooms.ts";
import { unqueued, type Waiting } from "./row_queue.ts";
import type { SegmentReader } from "./segment_reader.ts";
import { Sweep } from "./sweep.ts";
import { knownOf, type VolumeMap } from "./volume_map.ts";

/** A checkpoint is written after so many segments, unless told otherwise. */
export const CHECKPOINT_SEGMENTS = 64;

export interface RowEndOptions extends ChainOptions {
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

/** What else there is to write while something is uploaded. */
export interface Line extends Pick<Supply, "more" | "another"> {
  /** Some are in the row. */
  readonly landed: () => void;
}

export class RowEnd {
  /** Of the volume, which the map does not go beyond. */
  sizeBytes: number;
  /** The number of its last claim. */
  claimedAt = 0;
  /** To the bucket, since it was opened. */
  uploadedBytes = 0;
  readonly #options: RowEndOptions;
  #end: ChainEnd;
  /** At first, and where it is not known what of the last segments has arrived. */
  #mustClaim = true;
  /** Until then, for who comes with nothing, who wrote before does not matter. */
  #takes: boolean;
  readonly #claims: OwnClaims;
  readonly #sweep: Sweep;
  #sinceCheckpoint = 0;
  /** Nothing may be written before that size is: it is not known what size the row tells. */
  #owesSize: number | undefined;
  #trouble: string | undefined;
  /** Nothing is written any more. */
  #failed: { readonly why: unknown } | undefined;
  readonly #rooms: Rooms;

  constructor(options: RowEndOptions) {
    this.#options = options;
    this.#rooms = new Rooms(options.clock);
    this.sizeBytes = options.sizeBytes;
    this.#end = options.end;
    this.#takes = options.kept === undefined;
    this.#claims = new OwnClaims(options.kept?.claims);
    this.#sweep = new Sweep(options);
  }

  /** Where the row goes on. */
  get at(): ChainEnd {
    return this.#end;
  }

  /** Why no checkpoint could be written, and the row grows, or nothing deleted; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    return this.#trouble ?? this.#sweep.trouble;
  }

  /** Segments that no checkpoint tells of. */
  get sinceCheckpoint(): number {
    return this.#sinceCheckpoint;
  }

  /** From now on something may be written here. @throws what has ended that for good, or keeps it from being so now */
  async ready(): Promise<void> {
    if (this.#failed) throw this.#failed.why;
    await this.claimed();
    if (this.#owesSize !== undefined) await this.#tellSize(this.#owesSize);
  }

  /** It is this writer's, as far as it knows. */
  async claimed(): Promise<void> {
    if (this.#mustClaim) await this.#claim();
  }

  /** @throws {Fenced} where another has gone on with the row */
  async expectOurs(): Promise<void> {
    if (this.#failed?.why instanceof Fenced) throw this.#failed.why;
    // Where it is not known what has arrived, the next segment may be its own. Nobody may write for long: so it is found out now.
    if (this.#mustClaim) return await this.#claim();
    const found = await readHead(this.#options, this.#end.next);
    if (found) throw this.#fenced(found.head.timeMs);
  }

  /** Writes one segment and pins the end behind it. */
  write(packed: Packed): Promise<void> {
    return this.carry([unqueued(packed)]);
  }

  /**
   * Writes those that wait, and what a line gives beside them, with a checkpoint between them where one is due. Each is resolved when the end
   * behind it is pinned. Where this throws, those that are not are in `waiting`, and nothing is under way.
   */
  async carry(waiting: Waiting[], line?: Line): Promise<void> {
    const flight = new Flight(this.#end, {
      ...{ ...this.#options, rooms: this.#rooms },
      uploaded: (bytes) => this.uploadedBytes += bytes,
      land: (landing) => this.#land(landing),
      keep: () => this.#pin(),
    });
    this.#mustClaim = true;
    try {
      await this.#writing(flight.carry(waiting, line && this.#supply(line)));
    } catch (thrown) {
      waiting.unshift(...flight.rest);
      throw thrown;
    }
    this.#mustClaim = false;
  }

  /** Nothing is written any more: lets go of the memory for it. */
  letGo(): void {
    this.#rooms.clear();
  }

  /** Makes the volume so long. What lies behind its end is lost, maybe also where this rejects. */
  async resize(sizeBytes: number): Promise<void> {
    // Where nobody hears whether it was written, the next one says which size it is.
    this.#owesSize = this.sizeBytes;
    await this.#tellSize(sizeBytes);
    await this.checkpointsWhereDue({ isWanted: true });
  }

  async #tellSize(volumeBytes: number): Promise<void> {
    const note = { kind: "resized", volumeBytes } as const;
    await this.write({ extents: [], data: [], note });
    this.#owesSize = undefined;
    this.sizeBytes = volumeBytes;
  }

  /** Writes a checkpoint and deletes what nobody needs. */
  async checkpoint(): Promise<void> {
    // It tells no size that the row does not.
    if (this.#owesSize !== undefined && !this.#mustClaim) await this.ready();
    await this.writeCheckpoint();
    await this.#sweep.run();
  }

  /** Writes one, and deletes nothing. */
  async writeCheckpoint(): Promise<Written> {
    const { map, checkpoints, clock } = this.#options;
    const volumeBytes = this.sizeBytes;
    const state = { map, end: this.#end, volumeBytes, clock };
    const written = await this.#writing(checkpoints.write({
      ...state,
      room: (bytes) => {
        // A long one takes as much as several segments, of which none is begun meanwhile.
        this.#rooms.clear();
        return new Uint8Array(bytes);
      },
    }));
    this.#sinceCheckpoint = 0;
    this.#trouble = undefined;
    return written;
  }

  /** One that cannot be written now is with the next segment; one that never can be ends it: the row would grow and grow. */
  async checkpointsWhereDue({ isWanted = false } = {}): Promise<void> {
    const { checkpointEvery = CHECKPOINT_SEGMENTS } = this.#options;
    try {
      const isDue = isWanted || this.#sinceCheckpoint >= checkpointEvery;
      if (isDue || this.#sweep.frees) await this.checkpoint();
      // What the one before the last needs alone waits for another.
      if (this.#sweep.freesOlder) await this.checkpoint();
    } catch (thrown) {
      this.#trouble = `Could not write a checkpoint: ${messageOf(thrown)}`;
      if (!(thrown instanceof BucketError)) this.#failed = { why: thrown };
    }
  }

  #supply({ more, another, landed }: Line): Supply {
    return {
      more: () => this.#failed ? undefined : more(),
      another,
      between: async () => {
        await this.checkpointsWhereDue();
        landed();
      },
    };
  }

  async #land(
    { number, head, packed, end, said }: Landing,
  ): Promise<void> {
    if (said === "exists") await this.#lost(number);
    const { note } = packed;
    await this.#take({
      head,
      extents: place(packed.extents),
      ...(note && { note }),
    });
    this.#end = end;
  }

  async #claim(): Promise<void> {
    const { clock } = this.#options;
    let { epoch } = this.#end;
    let number = 0;
    const end = await this.#writing(claim({
      ...this.#options,
      from: this.#end,
      timeMs: clock.now(),
      claims: this.#claims,
      about: (claim) => {
        number = claim.number;
        this.#claims.tries(claim);
        this.#pin(this.#claims.tried);
      },
      found: async (segment, end) => {
        const { head } = segment;
        // Of our own is what has arrived although nobody heard of it. What another has claimed is not to be claimed back.
        const ours = this.#claims.has(head.digest);
        if (head.epoch > epoch && !ours && !this.#takes) {
          throw this.#fenced(head.timeMs);
        }
        epoch = Math.max(epoch, head.epoch);
        await this.#take(segment);
        this.#end = end;
      },
    }));
    // Whoever sleeps long enough finds nothing under a number that was used and deleted since. Those who used it have told how far they were.
    if (await this.#options.checkpoints.goFurther(number)) {
      throw this.#fenced(undefined);
    }
    this.#end = end;
    this.claimedAt = number;
    this.#takes = false;
    this.#mustClaim = false;
    this.#claims.made();
    this.#pin();
  }

  /** What `work` gives. A bucket in which this writer may write no more is found out by whatever it writes. */
  async #writing<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      const why = orFenced(thrown);
      if (why !== thrown) this.#failed = { why };
      throw why;
    }
  }

  /** Whoever was asking when it was found out, all others are told, too. */
  #fenced(timeMs: number | undefined): Fenced {
    const why = new Fenced(timeMs);
    this.#failed = { why };
    return why;
  }

  /** @throws always: another's segment is where ours should be, or what is none */
  async #lost(number: number): Promise<never> {
    const found = await readHead(this.#options, number);
    if (found && found.head.epoch > this.#end.epoch) {
      throw this.#fenced(found.head.timeMs);
    }
    throw new SealError(
      `Under the number of segment ${number} lies another than was written there`,
    );
  }

  async #take({ head, extents, note }: SegmentHead): Promise<void> {
    const { number } = head.identity;
    if (note) {
      const size = await takeNote(this.#options, note, number);
      // Whoever has asked for it hears of it, or is told that it is not so.
      const isOwed = note.kind === "resized" && this.#owesSize !== undefined;
      if (!isOwed) this.sizeBytes = size ?? this.sizeBytes;
    }
    const endSector = Math.ceil(this.sizeBytes / SECTOR_BYTES);
    this.#options.map.apply(knownOf({ head }), extents, endSector);
    this.#sinceCheckpoint++;
  }

  #pin(claims?: readonly Claim[]): void {
    const { next, epoch, digest } = this.#end;
    this.#options.pin({ next, epoch, digest, ...(claims && { claims }) });
  }
}
