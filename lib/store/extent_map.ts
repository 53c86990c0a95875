/**
 * Which part of a volume is where: extents in sectors that do not overlap, in order, each with its place.
 *
 *     firsts   [  first sector  │  first sector  │  first sector  │ … ]   of each leaf, in order
 *     leaves   [      leaf      │      leaf      │      leaf      │ … ]   of extents in order, never empty
 *
 * A volume of 10 GiB that was written in scattered pieces of 4 KiB has 2.6 million extents, so an extent is 16 bytes and no object. A sector
 * number has 43 bits, which is a volume of 2^52 bytes. What is longer than an extent can say, some GiB, is kept in pieces.
 */

import { invariant } from "../base/errors.ts";
import {
  atAfter,
  ExtentLeaf,
  LEAF_EXTENTS,
  MAX_EXTENT_SECTORS,
  type Place,
  type Run,
  type SectorRange,
} from "./extent_leaf.ts";

export {
  FIXED,
  MAX_EXTENT_SECTORS,
  type Place,
  type Run,
  type SectorRange,
} from "./extent_leaf.ts";

/** Sectors of the longest volume: 2^52 bytes. */
export const MAX_SECTORS = 2 ** 43;

/** A piece of what was looked up; a hole where there is no holder. */
export type Piece = Run | Hole;

/** A range that is nowhere. */
export interface Hole extends SectorRange {
  readonly holder: undefined;
}

/** Told of a run that is not there any more. It must not change the map. */
export type Displaced = (run: Run) => void;

/** Leaves beside each other become one where they have no more than this together. */
const MERGED_EXTENTS = LEAF_EXTENTS / 2;

const FIRST_LEAVES = 16;

export class ExtentMap {
  readonly #leaves: ExtentLeaf[] = [];
  /** Longer than there are leaves. */
  #firsts = new Float64Array(FIRST_LEAVES);
  #size = 0;
  /** Where the last search has ended: the leaf, and the extent in it. The number of leaves where there is none. */
  #leaf = 0;
  #index = 0;

  /** How many extents there are. */
  get size(): number {
    return this.#size;
  }

  get leaves(): readonly ExtentLeaf[] {
    return this.#leaves;
  }

  /** Bytes of memory that it takes, about. */
  get stateBytes(): number {
    return this.#leaves.reduce(
      (sum, leaf) => sum + leaf.stateBytes,
      this.#firsts.byteLength,
    );
  }

  /** Nobody looks at it any more: its memory is free now. */
  letGo(): void {
    for (const leaf of this.#leaves) leaf.letGo();
    this.#leaves.length = 0;
    this.#size = 0;
  }

  /** Puts a run over all that is there; `displaced` is told of that, piece by piece. */
  insert(run: Run, displaced?: Displaced): void {
    const end = check(run);
    if (run.length === 0) return;
    this.#seek(run.sector);
    const next = this.#leaves[this.#leaf];
    if (next && next.start(this.#index) < end) {
      if (
        next.start(this.#index) === run.sector &&
        next.length(this.#index) === run.length
      ) {
        displaced?.(next.run(this.#index));
        next.set(this.#index, run);
        return;
      }
      this.#clear(run.sector, { end, displaced });
      this.#seek(run.sector);
    }
    if (run.length <= MAX_EXTENT_SECTORS) this.#put(run);
    else {
      for (const piece of extentsOf(run)) {
        this.#seek(piece.sector);
        this.#put(piece);
      }
    }
  }

  /** Makes a hole; `displaced` is told of what was there, piece by piece. */
  remove(range: SectorRange, displaced?: Displaced): void {
    const end = check(range);
    if (range.length > 0) this.#clear(range.sector, { end, displaced });
  }

  /** Puts those sectors of the run there that are still where `from`, the place of its first, says. Gives how many that were. */
  insertIf(run: Run, from: Place): number {
    let moved = 0;
    for (const { sector, length } of this.#matching(run, from)) {
      const at = atAfter(run, sector - run.sector);
      this.insert({ sector, length, holder: run.holder, at });
      moved += length;
    }
    return moved;
  }

  /** Makes holes of those sectors of the run that are still where it says. Gives how many that were. */
  removeIf(run: Run): number {
    let removed = 0;
    for (const piece of this.#matching(run, run)) {
      this.remove(piece);
      removed += piece.length;
    }
    return removed;
  }

  /** The pieces of a range, in order and without gaps: what is there, and holes. */
  lookup(range: SectorRange): Piece[] {
    const end = check(range);
    const pieces: Piece[] = [];
    let at = range.sector;
    this.#seek(at);
    while (at < end) {
      const leaf = this.#leaves[this.#leaf];
      const start = leaf ? Math.min(end, leaf.start(this.#index)) : end;
      if (start > at) {
        pieces.push({ sector: at, length: start - at, holder: undefined });
        at = start;
      }
      if (!leaf || start === end) break;
      const stop = Math.min(end, leaf.end(this.#index));
      pieces.push(leaf.part(this.#index, at, stop));
      at = stop;
      this.#step();
    }
    return pieces;
  }

  /** The first run that ends behind `sector`, whole. */
  next(sector: number): Run | undefined {
    this.#seek(sector);
    return this.#leaves[this.#leaf]?.run(this.#index);
  }

  /** All runs in order, from the first that ends behind `sector` on. The map must not be changed meanwhile. */
  *runs(sector = 0): Generator<Run> {
    this.#seek(sector);
    let index = this.#index;
    for (let at = this.#leaf; at < this.#leaves.length; at++, index = 0) {
      const leaf = this.#leaves[at]!;
      for (; index < leaf.count; index++) yield leaf.run(index);
    }
  }

  /** The pieces of a range that are where they are to be if its first sector is at `from`. */
  #matching(range: SectorRange, from: Place): Run[] {
    return this.lookup(range).filter((piece): piece is Run =>
      piece.holder === from.holder &&
      piece.at === atAfter(from, piece.sector - range.sector)
    );
  }

  /** Finds the first extent that ends behind `sector`. */
  #seek(sector: number): void {
    let low = 0;
    let high = this.#leaves.length;
    const firsts = this.#firsts;
    // Behind the last leaf that begins at or before it.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firsts[middle]! > sector) high = middle;
      else low = middle + 1;
    }
    this.#leaf = Math.max(0, low - 1);
    const leaf = this.#leaves[this.#leaf];
    this.#index = leaf?.seek(sector) ?? 0;
    if (leaf && this.#index === leaf.count) {
      this.#leaf++;
      this.#index = 0;
    }
  }

  /** On to the next extent. */
  #step(): void {
    if (++this.#index < this.#leaves[this.#leaf]!.count) return;
    this.#leaf++;
    this.#index = 0;
  }

  /** Takes out all from `start` up to `end`: once it is cut at both, only whole extents are. */
  #clear(
    start: number,
    { end, displaced }: {
      readonly end: number;
      readonly displaced: Displaced | undefined;
    },
  ): void {
    this.#cut(start);
    this.#cut(end);
    this.#seek(start);
    const first = this.#leaf;
    let at = first;
    let emptied = 0;
    let over = false;
    for (let index = this.#index; !over && at < this.#leaves.length; at++) {
      const leaf = this.#leaves[at]!;
      let to = index;
      for (; to < leaf.count && leaf.start(to) < end; to++) {
        displaced?.(leaf.run(to));
      }
      over = to < leaf.count;
      leaf.delete(index, to);
      this.#size -= to - index;
      if (leaf.count === 0) emptied++;
      else if (index === 0) this.#firsts[at] = leaf.start(0);
      index = 0;
    }
    if (emptied > 0) {
      this.#drop(this.#leaves[first]!.count === 0 ? first : first + 1, emptied);
    }
    this.#merge(first);
    if (first > 0) this.#merge(first - 1);
  }

  /** Makes two extents of one that has something on both sides of `sector`. */
  #cut(sector: number): void {
    this.#seek(sector);
    const leaf = this.#leaves[this.#leaf];
    if (!leaf || leaf.start(this.#index) >= sector) return;
    const rest = leaf.part(this.#index, sector, leaf.end(this.#index));
    leaf.setLength(this.#index, sector - leaf.start(this.#index));
    this.#index++;
    this.#add(rest);
  }

  /** Puts an extent before the one that was found, or makes the one before that longer where it goes on. */
  #put(run: Run): void {
    if (this.#index === 0 && this.#leaf > 0) {
      this.#leaf--;
      this.#index = this.#leaves[this.#leaf]!.count;
    }
    const leaf = this.#leaves[this.#leaf];
    const index = this.#index - 1;
    if (leaf && index >= 0 && leaf.end(index) === run.sector) {
      const before = leaf.run(index);
      const length = before.length + run.length;
      if (
        before.holder === run.holder && length <= MAX_EXTENT_SECTORS &&
        atAfter(before, before.length) === run.at
      ) {
        leaf.setLength(index, length);
        return;
      }
    }
    this.#add(run);
  }

  /** Puts an extent at the place that was found, which may be behind a leaf's last. */
  #add(run: Run): void {
    if (this.#leaves.length === 0) {
      this.#addLeaf(0, new ExtentLeaf());
    }
    let leaf = this.#leaves[this.#leaf]!;
    if (leaf.count === LEAF_EXTENTS) {
      // What is written in order fills its leaves.
      const isLast = this.#index === leaf.count;
      const middle = isLast ? leaf.count : LEAF_EXTENTS / 2;
      const other = leaf.split(middle);
      this.#addLeaf(this.#leaf + 1, other);
      if (other.count > 0) this.#firsts[this.#leaf + 1] = other.start(0);
      if (this.#index > middle || isLast) {
        this.#leaf++;
        this.#index -= middle;
        leaf = other;
      }
    }
    leaf.insert(this.#index, run);
    this.#size++;
    if (this.#index === 0) this.#firsts[this.#leaf] = run.sector;
  }

  #addLeaf(at: number, leaf: ExtentLeaf): void {
    const count = this.#leaves.length;
    if (count === this.#firsts.length) {
      const longer = new Float64Array(2 * count);
      longer.set(this.#firsts);
      this.#firsts = longer;
    }
    this.#firsts.copyWithin(at + 1, at, count);
    this.#leaves.splice(at, 0, leaf);
  }

  #drop(at: number, count: number): void {
    this.#firsts.copyWithin(at, at + count, this.#leaves.length);
    this.#leaves.splice(at, count);
  }

  /** Makes one of a leaf and the next where both have little. */
  #merge(at: number): void {
    const [leaf, next] = [this.#leaves[at], this.#leaves[at + 1]];
    if (!leaf || !next || leaf.count + next.count > MERGED_EXTENTS) return;
    leaf.append(next);
    this.#drop(at + 1, 1);
  }
}

/** A run in pieces that an extent can say. */
function extentsOf(run: Run): Run[] {
  const extents: Run[] = [];
  for (let done = 0; done < run.length; done += MAX_EXTENT_SECTORS) {
    const length = Math.min(MAX_EXTENT_SECTORS, run.length - done);
    const at = atAfter(run, done);
    extents.push({
      sector: run.sector + done,
      length,
      holder: run.holder,
      at,
    });
  }
  return extents;
}

/** The sector behind a range. */
function check({ sector, length }: SectorRange): number {
  const end = sector + length;
  invariant(
    sector >= 0 && length >= 0 && end <= MAX_SECTORS,
    "Sectors that no volume has",
  );
  return end;
}
