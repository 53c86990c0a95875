/**
 * Which sector of a volume lies where in its segments, and what each segment still holds that is wanted.
 *
 * Invariant: a segment's live sectors are those that the map has in it. So the map of a checkpoint, with the segments after it applied in
 * order, is the map that the writer had.
 */

import { SealError } from "../../segments/seal_error.ts";
import { chunkCount } from "../../segments/sealed.ts";
import { type PlacedExtent, SECTOR_BYTES } from "../../segments/segment.ts";
import type { SegmentRecord } from "../../segments/checkpoint.ts";
import { AEAD_TAG_BYTES } from "../../base/primitives.ts";
import {
  ExtentMap,
  FIXED,
  type Piece,
  type Run,
  type SectorRange,
} from "../extent_map.ts";

/** The highest number of a segment that the map can name. */
export const MAX_SEGMENT_NUMBER = FIXED - 1;

/** A segment of which something is wanted, or was when it was written. */
export interface KnownSegment extends Omit<SegmentRecord, "liveBytes"> {
  liveSectors: number;
}

export class VolumeMap {
  readonly #map = new ExtentMap();
  readonly #segments = new Map<number, KnownSegment>();
  #liveSectors = 0;
  #objectBytes = 0;

  /** What is in the volume, without holes. */
  get liveBytes(): number {
    return this.#liveSectors * SECTOR_BYTES;
  }

  /** What the segments take in the bucket. */
  get objectBytes(): number {
    return this.#objectBytes;
  }

  /** How much memory it takes, about. */
  get stateBytes(): number {
    return this.#map.stateBytes + this.#segments.size * 400;
  }

  get extents(): number {
    return this.#map.size;
  }

  /** All that there are, in no order. */
  segments(): Iterable<KnownSegment> {
    return this.#segments.values();
  }

  segment(number: number): KnownSegment | undefined {
    return this.#segments.get(number);
  }

  /** The runs of the volume, in order. */
  runs(): Iterable<Run> {
    return this.#map.runs();
  }

  lookup(range: SectorRange): Piece[] {
    return this.#map.lookup(range);
  }

  next(sector: number): Run | undefined {
    return this.#map.next(sector);
  }

  /** A segment as a checkpoint knows it. Its runs are told after it. */
  restore(
    { number, digest, salt, dataStart, dataBytes }: SegmentRecord,
  ): void {
    const known = { number, digest, salt, dataStart, dataBytes };
    this.#add({ ...known, liveSectors: 0 });
  }

  /** A run of a checkpoint. @throws {SealError} where its segment is not there */
  restoreRun(run: Run): void {
    const segment = this.#expect(run.holder);
    this.#map.insert(run);
    segment.liveSectors += run.length;
    this.#liveSectors += run.length;
  }

  /** The next segment in order. What it says past the end of the volume was cut off since, and is not taken. */
  apply(
    segment: Omit<KnownSegment, "liveSectors">,
    extents: readonly PlacedExtent[],
    endSector: number,
  ): void {
    const known = { ...segment, liveSectors: 0 };
    this.#add(known);
    for (const extent of extents) {
      const { sector } = extent;
      const length = Math.min(extent.sectors, endSector - sector);
      if (length <= 0) continue;
      if (extent.at === undefined) {
        this.#map.remove({ sector, length }, this.#displaced);
        continue;
      }
      const run = { sector, length, holder: known.number, at: extent.at };
      const placed = extent.kind === "moved"
        ? this.#move(run, extent.from)
        : this.#put(run);
      known.liveSectors += placed;
      this.#liveSectors += placed;
    }
  }

  /** What lies past the end is lost. */
  cut(endSector: number): void {
    const length = 2 ** 33;
    this.#map.remove({ sector: endSector, length }, this.#displaced);
  }

  /** It is wanted no more, and gone from the bucket. */
  forget(number: number): void {
    const segment = this.#segments.get(number);
    if (!segment) return;
    this.#segments.delete(number);
    this.#objectBytes -= objectBytes(segment);
  }

  #put(run: Run): number {
    this.#map.insert(run, this.#displaced);
    return run.length;
  }

  #move(run: Run, from: { segment: number; sector: number }): number {
    const source = { holder: from.segment, at: from.sector };
    const moved = this.#map.insertIf(run, source);
    const segment = this.#segments.get(from.segment);
    if (segment) segment.liveSectors -= moved;
    this.#liveSectors -= moved;
    return moved;
  }

  readonly #displaced = ({ holder, length }: Run): void => {
    this.#expect(holder).liveSectors -= length;
    this.#liveSectors -= length;
  };

  #add(segment: KnownSegment): void {
    this.#segments.set(segment.number, segment);
    this.#objectBytes += objectBytes(segment);
  }

  #expect(number: number): KnownSegment {
    const segment = this.#segments.get(number);
    if (segment) return segment;
    throw new SealError(`Segment ${number} is named and is not there`);
  }
}

/** The length of the object. */
export function objectBytes(
  { dataStart, dataBytes }: Pick<SegmentRecord, "dataStart" | "dataBytes">,
): number {
  return dataStart + dataBytes + chunkCount(dataBytes) * AEAD_TAG_BYTES;
}
