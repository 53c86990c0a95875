/**
 * What of each segment lives, counted while it changes: so that nobody has to walk all of them, of which there may be 100,000, to know what is
 * dead or of which little is left.
 */

import { AEAD_TAG_BYTES } from "../../base/primitives.ts";
import type { SegmentRecord } from "../../segments/checkpoint.ts";
import { NumberIndex } from "../../segments/number_index.ts";
import { SealError } from "../../segments/seal_error.ts";
import { chunkCount } from "../../segments/sealed.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";

/** Segments whose share that lives differs by less than one in so many are taken for alike. */
const RANKS = 64;

/** The rank of those that stay for others. */
const KEPT_RANK = RANKS + 1;

/** A segment of which something is wanted, or was when it was written. */
export interface KnownSegment extends Omit<SegmentRecord, "liveBytes"> {
  /** The ledger alone changes it. */
  liveSectors: number;
}

/** What some segments hold, and what they take in the bucket. */
export interface Holding {
  /** What lives in them. */
  readonly liveBytes: number;
  /** What all of them take. */
  readonly objectBytes: number;
  /** What of that those take in which nothing lives. */
  readonly deadBytes: number;
}

/** The same, as it is counted. */
class Sum implements Holding {
  liveBytes = 0;
  objectBytes = 0;
  deadBytes = 0;

  /** Adds a segment, or takes it away. */
  add(segment: KnownSegment, times: 1 | -1): void {
    const bytes = objectBytes(segment);
    this.liveBytes += times * segment.liveSectors * SECTOR_BYTES;
    this.objectBytes += times * bytes;
    if (segment.liveSectors === 0) this.deadBytes += times * bytes;
  }

  /** So many sectors more live in one of them, and with that so much more is dead. */
  count(sectors: number, deadBytes: number): void {
    this.liveBytes += sectors * SECTOR_BYTES;
    this.deadBytes += deadBytes;
  }
}

export class SegmentLedger {
  readonly #segments = new Map<number, KnownSegment>();
  /**
   * The first: in which nothing lives. Then: by the share that does. The last: something does, and they stay for others. Each with how many
   * segments had been added when it came there.
   */
  readonly #ranks = Array.from(
    { length: KEPT_RANK + 1 },
    () => new Map<KnownSegment, number>(),
  );
  #added = 0;
  readonly #all = new Sum();
  readonly #loose = new Sum();
  /** Those that stay for others. */
  readonly #kept = new Set<KnownSegment>();

  /** Of all. */
  get all(): Holding {
    return this.#all;
  }

  /** Of those that stay for nobody but the volume. */
  get loose(): Holding {
    return this.#loose;
  }

  get size(): number {
    return this.#segments.size;
  }

  /** In no order. */
  segments(): Iterable<KnownSegment> {
    return this.#segments.values();
  }

  /** Those in which nothing lives, in no order. */
  dead(): Iterable<KnownSegment> {
    return this.#ranks[0]!.keys();
  }

  /**
   * Those in which something lives, less than `share` of the object, and which stay for nobody else: first those from which the most is gained
   * for what it takes to rewrite them, and for the longest time. Nothing may change meanwhile.
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
    throw missing(number);
  }

  /** One in which nothing lives yet. */
  add(record: Omit<KnownSegment, "liveSectors">): KnownSegment {
    const segment = { ...record, liveSectors: 0 };
    this.#segments.set(segment.number, segment);
    this.#ranks[0]!.set(segment, ++this.#added);
    this.#sum(segment, 1);
    return segment;
  }

  /** So many sectors more live in it, or fewer. */
  count(segment: KnownSegment, sectors: number): void {
    const before = this.#rankOf(segment);
    segment.liveSectors += sectors;
    const after = this.#rankOf(segment);
    const died = before === after ? 0 : before === 0 ? -1 : after === 0 ? 1 : 0;
    const deadBytes = died === 0 ? 0 : died * objectBytes(segment);
    this.#all.count(sectors, deadBytes);
    if (!this.#kept.has(segment)) this.#loose.count(sectors, deadBytes);
    this.#rank(segment, { before, after });
  }

  /** From now on these stay for others, whatever lives in them, and no others do: there is nothing to be gained from rewriting them. */
  keep(isKept: (number: number) => boolean): void {
    const kept = [...this.segments()].filter(({ number }) => isKept(number));
    const before = this.#kept;
    const after = new Set(kept);
    for (const segment of before.symmetricDifference(after)) {
      const rank = this.#rankOf(segment);
      if (before.delete(segment)) this.#loose.add(segment, 1);
      else {
        before.add(segment);
        this.#loose.add(segment, -1);
      }
      this.#rank(segment, { before: rank, after: this.#rankOf(segment) });
    }
  }

  /** It is gone from the bucket. */
  forget(number: number): void {
    const segment = this.#segments.get(number);
    if (!segment) return;
    this.count(segment, -segment.liveSectors);
    this.#sum(segment, -1);
    this.#segments.delete(number);
    this.#ranks[0]!.delete(segment);
    this.#kept.delete(segment);
  }

  #sum(segment: KnownSegment, times: 1 | -1): void {
    this.#all.add(segment, times);
    if (!this.#kept.has(segment)) this.#loose.add(segment, times);
  }

  #rank(
    segment: KnownSegment,
    { before, after }: { readonly before: number; readonly after: number },
  ): void {
    if (before === after) return;
    this.#ranks[before]!.delete(segment);
    this.#ranks[after]!.set(segment, this.#added);
  }

  /** An object is longer than its data, so the share is less than 1. */
  #rankOf(segment: KnownSegment): number {
    const { liveSectors } = segment;
    if (liveSectors === 0) return 0;
    if (this.#kept.has(segment)) return KEPT_RANK;
    const share = liveSectors * SECTOR_BYTES / objectBytes(segment);
    return 1 + Math.floor(RANKS * share);
  }
}

/** Counts what lives in the segments of a ledger where all of them change: each is found by its number alone, and told to the ledger once. */
export class Tally {
  readonly #ledger: SegmentLedger;
  readonly #segments: readonly KnownSegment[];
  readonly #numbers: NumberIndex;
  readonly #sectors: Float64Array;

  /** Nothing else changes the ledger until the {@linkcode end}. */
  constructor(ledger: SegmentLedger) {
    this.#ledger = ledger;
    this.#segments = [...ledger.segments()].sort((a, b) => a.number - b.number);
    this.#numbers = new NumberIndex(this.#segments.map(({ number }) => number));
    this.#sectors = new Float64Array(this.#segments.length);
  }

  /** So many sectors more live in that segment. @throws {SealError} where it is not there */
  count(number: number, sectors: number): void {
    const at = this.#numbers.indexOf(number);
    if (at < 0) throw missing(number);
    this.#sectors[at]! += sectors;
  }

  /** Tells the ledger. */
  end(): void {
    this.#segments.forEach((segment, at) =>
      this.#ledger.count(segment, this.#sectors[at]!)
    );
  }
}

function missing(number: number): SealError {
  return new SealError(`Segment ${number} is named and is not there`);
}

/** The length of the object. */
export function objectBytes(
  { dataStart, dataBytes }: Pick<SegmentRecord, "dataStart" | "dataBytes">,
): number {
  return dataStart + dataBytes + chunkCount(dataBytes) * AEAD_TAG_BYTES;
}
