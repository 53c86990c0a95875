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

import { toHex } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import { CHUNK_BYTES } from "../../segments/sealed.ts";
import {
  encodeSegment,
  SECTOR_BYTES,
  type SegmentHead,
} from "../../segments/segment.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import {
  behind,
  type ChainEnd,
  type ChainOptions,
  type Claim,
  claim,
  readHead,
} from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { Fenced } from "./fenced.ts";
import { type Packed, place, runsOf } from "./packing.ts";
import { Rooms } from "./rooms.ts";
import type { SegmentReader } from "./segment_reader.ts";
import { sweep } from "./sweep.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Segments that are uploaded at once. */
export const UPLOADS = 4;
/** A checkpoint is written after so many segments, unless told otherwise. */
export const CHECKPOINT_SEGMENTS = 64;
/** What the local disk remembers of the row, so that nobody can put an older one in its place. */
export interface Pin {
  readonly next: number;
  readonly epoch: number;
  readonly digest: Uint8Array;
  /** A claim that may have been made. */
  readonly claim?: Claim;
}

export interface SegmentRowOptions extends ChainOptions {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly reader: SegmentReader;
  readonly cache: ChunkCache | undefined;
  readonly sizeBytes: number;
  /** Where the row ends. */
  readonly end: ChainEnd;
  /** Keeps it; on stable storage when it returns. */
  readonly pin: (pin: Pin) => void;
  readonly clock: Clock;
  /** Segments from one checkpoint to the next. */
  readonly checkpointEvery?: number;
}

export class SegmentRow {
  readonly #options: SegmentRowOptions;
  /** Of the volume, which the map does not go beyond. */
  sizeBytes: number;
  #end: ChainEnd;
  /** At first, and where it is not known what of the last segments has arrived. */
  #mustClaim = true;
  /** When the volume is opened, who wrote before does not matter. */
  #opening = true;
  /** The digests of those that may have been made. */
  readonly #claims = new Set<string>();
  #waiting: {
    readonly packed: Packed;
    readonly resolve: () => void;
    readonly reject: (why: unknown) => void;
  }[] = [];
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
  }

  /** Where the row ends. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** To the bucket, since it was opened. */
  get uploadedBytes(): number {
    return this.#uploadedBytes;
  }

  /** Why no checkpoint could be written, and the row grows; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    return this.#trouble;
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
    const { promise, ...settle } = Promise.withResolvers<void>();
    this.#waiting.push({ packed, ...settle });
    void this.#inTurn(() => this.#writeWaiting());
    return promise;
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
      about: (claim) => {
        number = claim.number;
        this.#claims.add(toHex(claim.digest));
        this.#pin(claim);
      },
      found: (segment, number, end) => {
        const { head } = segment;
        // Of our own is what has arrived although nobody heard of it. What another has claimed is not to be claimed back.
        const ours = this.#claims.has(toHex(head.digest));
        if (head.epoch > epoch && !ours && !this.#opening) {
          throw new Fenced(head.timeMs);
        }
        epoch = Math.max(epoch, head.epoch);
        this.#take(segment, number);
        this.#end = end;
      },
    });
    // Whoever sleeps long enough finds nothing under a number that was used and deleted since. Those who used it have told how far they were.
    if (await this.#options.checkpoints.goFurther(number)) {
      throw new Fenced(undefined);
    }
    this.#end = end;
    this.#opening = false;
    this.#mustClaim = false;
    this.#pin();
  }

  async #writeWaiting(): Promise<void> {
    const group = this.#waiting.splice(0, UPLOADS);
    if (group.length === 0) return;
    if (group.length < UPLOADS) this.#rooms.clear();
    let done = 0;
    try {
      if (this.#failed) throw this.#failed.why;
      if (this.#mustClaim) await this.#claim();
      if (this.#owesCheckpoint) await this.#checkpoint();
      await this.#write(group.map(({ packed }) => packed), () => {
        group[done++]!.resolve();
      });
      this.#pin();
      await this.#checkpointWhereDue();
    } catch (thrown) {
      // What comes after it is not to be written without it.
      const rest = [...group.slice(done), ...this.#waiting.splice(0)];
      for (const { reject } of rest) reject(thrown);
    }
  }

  /** One that cannot be written now is with the next segment; one that never can be ends it: the row would grow and grow. */
  async #checkpointWhereDue(): Promise<void> {
    const { checkpointEvery = CHECKPOINT_SEGMENTS } = this.#options;
    if (this.#sinceCheckpoint < checkpointEvery) return;
    try {
      await this.#checkpoint();
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
    const sealed = await this.#seal(packed);
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
      this.#take({ head, extents: place(packed.extents) }, number);
      this.#keep(number, packed.data);
      this.#end = end;
      done();
    }
    this.#mustClaim = false;
  }

  async #seal(packed: readonly Packed[]) {
    const { keys, volumeId, clock } = this.#options;
    const sealed = [];
    let end = this.#end;
    for (const one of packed) {
      const number = end.next;
      const segment = encodeSegment(keys, {
        ...{ volumeId, number, epoch: end.epoch, timeMs: clock.now() },
        ...{ previous: end.digest, ...one },
        room: (bytes) => this.#rooms.take(bytes),
      });
      const { epoch, digest, timeMs } = segment.head;
      end = behind(end, { number, epoch, digest, timeMs });
      sealed.push({ number, end, packed: one, ...segment });
      // Sealing takes its time: others have their turn.
      await clock.sleep(0);
    }
    return sealed;
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

  #take({ head, extents }: SegmentHead, number: number): void {
    const { map } = this.#options;
    const { digest, salt, dataStart, dataBytes } = head;
    const endSector = Math.ceil(this.sizeBytes / SECTOR_BYTES);
    map.apply(
      { number, digest, salt, dataStart, dataBytes },
      extents,
      endSector,
    );
    this.#sinceCheckpoint++;
  }

  /** What was just written is likely to be read. */
  #keep(segment: number, data: readonly Uint8Array[]): void {
    const { cache } = this.#options;
    if (!cache) return;
    let chunk = 0;
    for (const bytes of runsOf(data, CHUNK_BYTES)) {
      cache.put({ segment, chunk: chunk++ }, bytes);
    }
  }

  async #checkpoint(volumeBytes = this.sizeBytes): Promise<void> {
    const { map, checkpoints, clock } = this.#options;
    await checkpoints.write({ map, end: this.#end, volumeBytes, clock });
    this.#sinceCheckpoint = 0;
    this.#owesCheckpoint = false;
    this.#trouble = undefined;
    await sweep(this.#options);
  }

  #pin(claim?: Claim): void {
    const { next, epoch, digest } = this.#end;
    this.#options.pin({ next, epoch, digest, ...(claim && { claim }) });
  }
}
