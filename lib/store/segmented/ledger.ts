/**
 * What of each segment lives, counted while it changes: so that nobody has to walk all of them, of which there may be 100,000, to know what is
 * dead or of which little is left.
 */

import { AEAD_TAG_BYTES } from "../../base/primitives.ts";
import type { SegmentRecord } from "../../segments/checkpoint.ts";
import { SealError } from "../../segments/seal_error.ts";
import { chunkCount } from "../../segments/sealed.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";

/** Segments whose share that lives differs by less than one in so many are taken for alike. */
const RANKS = 64;

/** A segment of which something is wanted, or was when it was written. */
export interface KnownSegment extends Omit<SegmentRecord, "liveBytes"> {
  /** The ledger alone changes it. */
  liveSectors: number;
}

export class SegmentLedger {
  readonly #segments = new Map<number, KnownSegment>();
  /** The first: in which nothing lives. The others: by the share that does. Each with how many segments had been added when it came there. */
  readonly #ranks = Array.from(
    { length: RANKS + 1 },
    () => new Map<KnownSegment, number>(),
  );
  #added = 0;
  #liveSectors = 0;
  #objectBytes = 0;
  #deadBytes = 0;

  get liveBytes(): number {
    return this.#liveSectors * SECTOR_BYTES;
  }

  /** What they all take in the bucket. */
  get objectBytes(): number {
    return this.#objectBytes;
  }

  /** What of that those take in which nothing lives. */
  get deadBytes(): number {
    return this.#deadBytes;
  }

  get size(): number {
    return this.#segments.size;
  }

  /** In no order. */
  all(): Iterable<KnownSegment> {
    return this.#segments.values();
  }

  /** Those in which nothing lives, in no order. */
  dead(): Iterable<KnownSegment> {
    return this.#ranks[0]!.keys();
  }

  /**
   * Those in which something lives, less than `share` of the object: first those from which the most is gained for what it takes to rewrite them,
   * and for the longest time. Nothing may change meanwhile.
   *
   * A segment that has just lost something will lose more by itself, and one that has not lost anything for long will not. So the time since
   * counts, in segments: a small gain from what does not change is kept, a large one from what does is soon had for nothing (Rosenblum and
   * Ousterhout, "The Design and Implementation of a Log-Structured File System", 1992, section 3.5).
   */
  *worthRewriting(share: number): Generator<KnownSegment> {
    const ranks = this.#ranks.slice(1, 1 + Math.floor(RANKS * share))
      .map((rank, n) => {
        const lives = (n + 0.5) / RANKS;
        return { worth: (1 - lives) / lives, of: rank.entries() };
      });
    // The one in each that has been there longest.
    const firsts = ranks.map(({ of }) => of.next().value);
    for (;;) {
      let best = -1;
      let most = -1;
      for (const [n, first] of firsts.entries()) {
        if (!first) continue;
        const value = ranks[n]!.worth * Math.sqrt(1 + this.#added - first[1]);
        if (value > most) [best, most] = [n, value];
      }
      const first = firsts[best];
      if (!first) return;
      yield first[0];
      firsts[best] = ranks[best]!.of.next().value;
    }
  }

  get(number: number): KnownSegment | undefined {
    return this.#segments.get(number);
  }

  /** @throws {SealError} where it is not there */
  expect(number: number): KnownSegment {
    const segment = this.#segments.get(number);
    if (segment) return segment;
    throw new SealError(`Segment ${number} is named and is not there`);
  }

  /** One in which nothing lives yet. */
  add(record: Omit<KnownSegment, "liveSectors">): KnownSegment {
    const segment = { ...record, liveSectors: 0 };
    const bytes = objectBytes(segment);
    this.#segments.set(segment.number, segment);
    this.#ranks[0]!.set(segment, ++this.#added);
    this.#objectBytes += bytes;
    this.#deadBytes += bytes;
    return segment;
  }

  /** So many sectors more live in it, or fewer. */
  count(segment: KnownSegment, sectors: number): void {
    const before = rankOf(segment);
    segment.liveSectors += sectors;
    this.#liveSectors += sectors;
    const after = rankOf(segment);
    if (before === after) return;
    this.#ranks[before]!.delete(segment);
    this.#ranks[after]!.set(segment, this.#added);
    if (before === 0) this.#deadBytes -= objectBytes(segment);
    if (after === 0) this.#deadBytes += objectBytes(segment);
  }

  /** It is gone from the bucket. */
  forget(number: number): void {
    const segment = this.#segments.get(number);
    if (!segment) return;
    this.count(segment, -segment.liveSectors);
    this.#segments.delete(number);
    this.#ranks[0]!.delete(segment);
    this.#objectBytes -= objectBytes(segment);
    this.#deadBytes -= objectBytes(segment);
  }
}

/** The length of the object. */
export function objectBytes(
  { dataStart, dataBytes }: Pick<SegmentRecord, "dataStart" | "dataBytes">,
): number {
  return dataStart + dataBytes + chunkCount(dataBytes) * AEAD_TAG_BYTES;
}

/** An object is longer than its data, so the share is less than 1. */
function rankOf(segment: KnownSegment): number {
  const { liveSectors } = segment;
  if (liveSectors === 0) return 0;
  const share = liveSectors * SECTOR_BYTES / objectBytes(segment);
  return 1 + Math.floor(RANKS * share);
}
