/**
 * A leaf of an extent map: some hundreds of extents in order, each four 32-bit words and no object.
 *
 *     word 0   the sector's low 32 bits
 *     word 1   its high 11 bits, and the length in 21
 *     word 2   holder: a segment's or a journal file's number
 *     word 3   at: the sector in the holder
 */

import { letGo } from "../base/bytes.ts";

/** `length` sectors from `sector` on. */
export interface SectorRange {
  readonly sector: number;
  readonly length: number;
}

/** They are in `holder` from its sector `at` on: two unsigned 32-bit numbers. */
export interface Place {
  /** Which; with {@linkcode FIXED} in it, `at` is the same for every sector of the extent. */
  readonly holder: number;
  readonly at: number;
}

/** A range and its place. */
export interface Run extends SectorRange, Place {}

/** In `holder`: the place is one, however long the extent. For what has no bytes: zeros, say. */
export const FIXED = 0x8000_0000;

/** The longest extent that a leaf can say. */
export const MAX_EXTENT_SECTORS = 2 ** 21 - 1;

/** How many extents a leaf has room for. */
export const LEAF_EXTENTS = 256;

const WORDS = 4;
const LENGTH_BITS = 21;
const LENGTH_MASK = 0x1f_ffff;
const WORD = 2 ** 32;

/** A leaf that was split gets room for so many more at a time: half of each would lie empty where writes are scattered. */
const GROWTH_EXTENTS = 32;

/** What an array costs beside its bytes, about. */
const ARRAY_BYTES = 200;

/** Where a place is `sectors` further on. */
export function atAfter(place: Place, sectors: number): number {
  return (place.holder & FIXED) !== 0 ? place.at : place.at + sectors;
}

export class ExtentLeaf {
  count = 0;
  /** Room for all at first: what is written in order fills it. */
  #words = new Uint32Array(LEAF_EXTENTS * WORDS);

  /** What it takes in memory, about. */
  get stateBytes(): number {
    return this.#words.byteLength + ARRAY_BYTES;
  }

  /** Nobody looks at it any more: its memory is free now. */
  letGo(): void {
    this.count = 0;
    letGo(this.#words);
  }

  start(index: number): number {
    const at = index * WORDS;
    return (this.#words[at + 1]! >>> LENGTH_BITS) * WORD + this.#words[at]!;
  }

  length(index: number): number {
    return this.#words[index * WORDS + 1]! & LENGTH_MASK;
  }

  end(index: number): number {
    return this.start(index) + this.length(index);
  }

  run(index: number): Run {
    const at = index * WORDS;
    return {
      sector: this.start(index),
      length: this.length(index),
      holder: this.#words[at + 2]!,
      at: this.#words[at + 3]!,
    };
  }

  /** The same, into what is there. */
  tell(
    index: number,
    into: { sector: number; sectors: number; segment: number; at: number },
  ): void {
    const at = index * WORDS;
    into.sector = this.start(index);
    into.sectors = this.length(index);
    into.segment = this.#words[at + 2]!;
    into.at = this.#words[at + 3]!;
  }

  /** The part of the extent from sector `from` up to `to`, which are in it. */
  part(index: number, from: number, to: number): Run {
    const whole = this.run(index);
    const at = atAfter(whole, from - whole.sector);
    return { sector: from, length: to - from, holder: whole.holder, at };
  }

  set(index: number, run: Run): void {
    const at = index * WORDS;
    const words = this.#words;
    words[at] = run.sector % WORD;
    words[at + 1] = (Math.floor(run.sector / WORD) << LENGTH_BITS) | run.length;
    words[at + 2] = run.holder;
    words[at + 3] = run.at;
  }

  setLength(index: number, length: number): void {
    const at = index * WORDS + 1;
    this.#words[at] = (this.#words[at]! & ~LENGTH_MASK) | length;
  }

  /** Puts one before that of `index`. There must be room. */
  insert(index: number, run: Run): void {
    this.#expectRoom(this.count + 1);
    this.#words.copyWithin(
      (index + 1) * WORDS,
      index * WORDS,
      this.count * WORDS,
    );
    this.count++;
    this.set(index, run);
  }

  /** Takes out those from `from` up to `to`. */
  delete(from: number, to: number): void {
    this.#words.copyWithin(from * WORDS, to * WORDS, this.count * WORDS);
    this.count -= to - from;
  }

  /** The index of the first extent that ends behind `sector`; `count` where none does. */
  seek(sector: number): number {
    const words = this.#words;
    let low = 0;
    let high = this.count;
    // Behind the last one that begins at or before it.
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = middle * WORDS;
      const start = (words[at + 1]! >>> LENGTH_BITS) * WORD + words[at]!;
      if (start > sector) high = middle;
      else low = middle + 1;
    }
    return low > 0 && this.end(low - 1) > sector ? low - 1 : low;
  }

  /** A new leaf with all from `from` on, which are not here any more. */
  split(from: number): ExtentLeaf {
    const other = new ExtentLeaf();
    if (from === this.count) return other;
    other.count = this.count - from;
    other.#words = roomFor(
      this.#words.subarray(from * WORDS, this.count * WORDS),
      other.count + GROWTH_EXTENTS,
    );
    this.count = from;
    this.#words = roomFor(
      this.#words.subarray(0, from * WORDS),
      from + GROWTH_EXTENTS,
    );
    return other;
  }

  /** Takes all of the leaf behind it. There must be room. */
  append(other: ExtentLeaf): void {
    this.#expectRoom(this.count + other.count);
    const words = other.#words.subarray(0, other.count * WORDS);
    this.#words.set(words, this.count * WORDS);
    this.count += other.count;
  }

  #expectRoom(extents: number): void {
    if (extents * WORDS <= this.#words.length) return;
    const room = Math.min(LEAF_EXTENTS, extents + GROWTH_EXTENTS);
    this.#words = roomFor(this.#words, room);
  }
}

/** A copy that has room for so many extents. */
function roomFor(
  words: Uint32Array,
  extents: number,
): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(extents * WORDS);
  longer.set(words);
  return longer;
}
