/**
 * Which sector of a volume lies where in its segments, and what each segment still holds that is wanted.
 *
 * Invariant: a segment's live sectors are those that the map has in it. So the map of a checkpoint, with the segments after it applied in
 * order, is the map that the writer had.
 */

import type { PlacedExtent, SegmentHead } from "../../segments/segment.ts";
import type { Clock } from "../../base/clock.ts";
import type { Checkpoint, MapExtent } from "../../segments/checkpoint.ts";
import {
  ExtentMap,
  FIXED,
  type Piece,
  type Run,
  type SectorRange,
} from "../extent_map.ts";
import {
  type Holding,
  type KnownSegment,
  SegmentLedger,
  Tally,
} from "./ledger.ts";
import { MapWalk } from "./map_walk.ts";

/** The highest number of a segment that the map can name. */
export const MAX_SEGMENT_NUMBER = FIXED - 1;

/** After so many runs that are taken over others have their turn. */
const RUNS_A_TURN = 16_384;

export class VolumeMap {
  #map = new ExtentMap();
  readonly #segments = new SegmentLedger();

  /** What is in the volume, without holes. */
  get liveBytes(): number {
    return this.#segments.all.liveBytes;
  }

  /** What the segments take in the bucket. */
  get objectBytes(): number {
    return this.#segments.all.objectBytes;
  }

  /** What of that those take of which the volume wants nothing any more. */
  get deadBytes(): number {
    return this.#segments.all.deadBytes;
  }

  /** The same of the segments that stay for the volume alone. */
  get loose(): Holding {
    return this.#segments.loose;
  }

  /** How much memory it takes, about. */
  get stateBytes(): number {
    return this.#map.stateBytes + this.#segments.size * 400;
  }

  get extents(): number {
    return this.#map.size;
  }

  /** Nobody looks at it any more: its memory is free now. */
  letGo(): void {
    this.#map.letGo();
  }

  /** All that there are, in no order. */
  segments(): Iterable<KnownSegment> {
    return this.#segments.segments();
  }

  /** The numbers of those of which the volume has something, in no order. */
  live(): number[] {
    return [...this.segments()].filter(({ liveSectors }) => liveSectors > 0)
      .map(({ number }) => number);
  }

  /** Those of which the volume has nothing any more, in no order. */
  dead(): Iterable<KnownSegment> {
    return this.#segments.dead();
  }

  /** As in {@linkcode SegmentLedger}. The map must not be changed meanwhile. */
  worthRewriting(share: number): Iterable<KnownSegment> {
    return this.#segments.worthRewriting(share);
  }

  /** As in {@linkcode SegmentLedger}. */
  keep(isKept: (number: number) => boolean): void {
    this.#segments.keep(isKept);
  }

  segment(number: number): KnownSegment | undefined {
    return this.#segments.get(number);
  }

  /** The runs of the volume, in order. */
  runs(): Iterable<Run> {
    return this.#map.runs();
  }

  /** The same as a checkpoint takes them, each lent until the next. The map must not be changed meanwhile. */
  walk(): Iterable<MapExtent> {
    const { leaves } = this.#map;
    return { [Symbol.iterator]: () => new MapWalk(leaves) };
  }

  lookup(range: SectorRange): Piece[] {
    return this.#map.lookup(range);
  }

  next(sector: number): Run | undefined {
    return this.#map.next(sector);
  }

  /** What a checkpoint says. @throws {SealError} where that makes no sense */
  static async of(
    { segments, extents }: Pick<Checkpoint, "segments" | "extents">,
    clock: Clock,
  ): Promise<VolumeMap> {
    const map = new VolumeMap();
    for (const { liveBytes: _, ...record } of segments) {
      map.#segments.add(record);
    }
    await map.#take(runsOf(extents), clock);
    return map;
  }

  /** The same, of now: nothing may change before this resolves. Segments of which the volume has nothing are left out. */
  async copy(clock: Clock): Promise<VolumeMap> {
    const map = new VolumeMap();
    for (const segment of this.segments()) {
      if (segment.liveSectors > 0) map.#segments.add(segment);
    }
    await map.#take(this.runs(), clock);
    return map;
  }

  /** From now on the volume is what another map says, which nobody uses any more. Segments that this one knows are known still. */
  become(other: VolumeMap): void {
    for (const segment of this.segments()) {
      this.#segments.count(segment, -segment.liveSectors);
    }
    for (const segment of other.segments()) {
      // What was dead then is known here, or gone.
      if (segment.liveSectors === 0) continue;
      const known = this.#segments.get(segment.number) ??
        this.#segments.add(segment);
      this.#segments.count(known, segment.liveSectors);
    }
    this.#map = other.#map;
  }

  async #take(runs: Iterable<Run>, clock: Clock): Promise<void> {
    const tally = new Tally(this.#segments);
    let taken = 0;
    for (const run of runs) {
      this.#map.insert(run);
      tally.count(run.holder, run.length);
      if (++taken % RUNS_A_TURN === 0) await clock.sleep(0);
    }
    tally.end();
  }

  /** The next segment in order. What it says past the end of the volume was cut off since, and is not taken. */
  apply(
    segment: Omit<KnownSegment, "liveSectors">,
    extents: readonly PlacedExtent[],
    endSector: number,
  ): void {
    const known = this.#segments.add(segment);
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
      this.#segments.count(known, placed);
    }
  }

  /** What lies past the end is lost. */
  cut(endSector: number): void {
    const length = 2 ** 33;
    this.#map.remove({ sector: endSector, length }, this.#displaced);
  }

  /** It is wanted no more, and gone from the bucket. */
  forget(number: number): void {
    this.#segments.forget(number);
  }

  #put(run: Run): number {
    this.#map.insert(run, this.#displaced);
    return run.length;
  }

  #move(run: Run, from: { segment: number; sector: number }): number {
    const source = { holder: from.segment, at: from.sector };
    const moved = this.#map.insertIf(run, source);
    if (moved > 0) {
      this.#segments.count(this.#segments.expect(from.segment), -moved);
    }
    return moved;
  }

  readonly #displaced = ({ holder, length }: Run): void => {
    this.#segments.count(this.#segments.expect(holder), -length);
  };
}

function* runsOf(extents: Checkpoint["extents"]): Generator<Run> {
  for (const { sector, sectors: length, segment: holder, at } of extents) {
    yield { sector, length, holder, at };
  }
}

/** What the map wants to know of a segment. */
export function knownOf({ head }: Pick<SegmentHead, "head">) {
  const { digest, salt, dataStart, dataBytes, identity } = head;
  return { number: identity.number, digest, salt, dataStart, dataBytes };
}
