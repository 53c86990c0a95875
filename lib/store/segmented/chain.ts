/**
 * The row of a volume's segments: where it goes on, and who may go on with it.
 *
 *     1 ◄── 2 ◄── 3 ◄── 4 (claim, a new epoch) ◄── 4 + EPOCH_GAP ◄── …
 *
 * A segment names the digest of the one before and is created under its number once, for all time. So of two writers one comes first, and
 * the other learns it from the very segment that it tries to write: that is the fence.
 *
 * A writer has several segments under way at once, so one that died may have left some that follow nothing. Whoever writes next claims the
 * row with an empty segment of a higher epoch, and goes on so far behind it that nothing of the former writer can be in the way.
 *
 * Claims are never deleted. A writer that was suspended finds the claim under the very number under which it would go on, however late it
 * wakes; were it gone, its segment would be created, and it would go on beside the row and delete what it takes for dead.
 *
 * | what is under the next number | means |
 * |---|---|
 * | nothing | the row ends here |
 * | a segment that names the last one | the row goes on |
 * | a segment that does not | what a writer left that died before the claim: the row ends here, and cannot be gone on with under this number |
 */

import { equalBytes } from "../../base/bytes.ts";
import { VaultError } from "../../base/errors.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import type { Drained } from "../../segments/drained.ts";
import type { VolumeKeys } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  FIRST_READ_BYTES,
  openSegmentHead,
  type SegmentHead,
} from "../../segments/segment.ts";
import { AEAD_TAG_BYTES } from "../../base/primitives.ts";
import { PREAMBLE_END } from "../../segments/sealed.ts";
import type { Ancestry } from "./ancestry.ts";
import type { Claim, OwnClaims } from "./own_claims.ts";
import { MAX_SEGMENT_NUMBER } from "./volume_map.ts";

/** How far behind a claim its writer begins: more than a writer ever has under way. */
export const EPOCH_GAP = 256;

/** The length of a segment without extents: of each claim, and of little else. */
export const CLAIM_BYTES = PREAMBLE_END + 1 + AEAD_TAG_BYTES;

/** How often a claim is tried while another writer goes on. */
const MAX_CLAIMS = 16;

/** The end of the row, as far as it is known. */
export interface ChainEnd {
  /** The number of the next segment. */
  readonly next: number;
  /** The digest of the last one; zeros before the first. */
  readonly digest: Uint8Array;
  /** Of its writer; 0 before the first. */
  readonly epoch: number;
  /** When it was written, by its writer's clock: milliseconds since the epoch. */
  readonly timeMs: number;
  /** What of its writer's journal is in it; undefined where nobody has said. */
  readonly drained: Drained | undefined;
}

/** Before the first segment. */
export const CHAIN_START: ChainEnd = {
  next: 1,
  digest: new Uint8Array(32),
  epoch: 0,
  timeMs: 0,
  drained: undefined,
};

export interface ChainOptions {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly volumeId: Uint8Array;
  /** Of a clone. */
  readonly ancestry?: Ancestry | undefined;
}

/** Where the row goes on behind a segment. */
export function behind(
  end: ChainEnd,
  segment: {
    readonly number: number;
    readonly epoch: number;
    readonly digest: Uint8Array;
    readonly timeMs: number;
    readonly drained?: Drained | undefined;
  },
): ChainEnd {
  const { number, epoch, digest, timeMs } = segment;
  // Claims, notes and what is moved add nothing.
  const { drained = end.drained } = segment;
  const next = number + (epoch > end.epoch ? EPOCH_GAP : 1);
  if (next <= MAX_SEGMENT_NUMBER) {
    return { next, digest, epoch, timeMs, drained };
  }
  throw new VaultError("The volume has no number left for another segment", {
    hint: "Copy it to a new volume: vault volume export, then import.",
  });
}

/** The head of a segment, or undefined where there is none. @throws {SealError} where it is not what was written there */
export async function readHead(
  { bucket, keys, volumeId }: ChainOptions,
  number: number,
): Promise<SegmentHead | undefined> {
  const name = keys.nameOf("segment", number);
  for (let length = FIRST_READ_BYTES, tries = 0; tries < 3; tries++) {
    const bytes = await bucket.get(name, { offset: 0, length });
    if (!bytes) return undefined;
    const opened = openSegmentHead(keys, { volumeId, number, bytes });
    if (!("needsBytes" in opened)) return opened;
    if (bytes.length < length || opened.needsBytes <= length) break;
    length = opened.needsBytes;
  }
  throw new SealError(`Segment ${number} is cut off`);
}

/**
 * The segments behind `from`, in order, as far as the row goes. So many heads are asked for `ahead` of the one that is wanted: what is found is
 * what it is for all time, and what is not found, or cannot be read, is asked for again when its turn comes.
 */
export async function* follow(
  options: ChainOptions,
  from: ChainEnd,
  { ahead = 0 }: { readonly ahead?: number } = {},
): AsyncGenerator<{ readonly segment: SegmentHead; readonly end: ChainEnd }> {
  const asked = new Map<number, Promise<SegmentHead | undefined>>();
  let end = from;
  for (;;) {
    const { next } = end;
    for (let number = next + 1; number <= next + ahead; number++) {
      if (asked.has(number)) continue;
      asked.set(number, readHead(options, number).catch(() => undefined));
    }
    const segment = await asked.get(next) ?? await readHead(options, next);
    asked.delete(next);
    if (!segment || !goesOn(end, segment)) return;
    const { epoch, digest, timeMs } = segment.head;
    const { drained } = segment;
    end = behind(end, { number: next, epoch, digest, timeMs, drained });
    // Behind a claim the row goes on further behind.
    if (end.next !== next + 1) asked.clear();
    yield { segment, end };
  }
}

/** What the local disk remembers of the row, so that nobody can put an older one in its place. */
export interface Pin {
  readonly next: number;
  readonly epoch: number;
  readonly digest: Uint8Array;
  /** Claims that may have been made. */
  readonly claims?: readonly Claim[];
}

/**
 * Makes this writer the one that goes on with the row: whoever wrote before can write nothing that counts any more.
 *
 * `found` is told of segments that another has written meanwhile, and `about` of each claim before it is made: it may have been made although
 * nobody heard of that.
 *
 * @throws {VaultError} `conflict` where others claim it again and again
 */
export async function claim(
  options: ChainOptions & {
    readonly from: ChainEnd;
    readonly timeMs: number;
    readonly found: (segment: SegmentHead, end: ChainEnd) => Promise<void>;
    readonly about: (claim: Claim) => void | Promise<void>;
    readonly claims: Pick<OwnClaims, "seal">;
  },
): Promise<ChainEnd> {
  const { bucket, keys, timeMs, found, about, claims } = options;
  let end = options.from;
  for (let tries = 0; tries < MAX_CLAIMS; tries++) {
    const number = end.next;
    const { bytes, head } = claims.seal(options, { from: end, timeMs });
    await about({ ...head, number });
    const name = keys.nameOf("segment", number);
    if (await bucket.create(name, bytes) === "created") {
      return behind(end, { ...head, number });
    }
    const before = end;
    for await (const one of follow(options, end)) {
      await found(one.segment, one.end);
      end = one.end;
    }
    if (end === before) {
      throw new SealError(
        `Under the number of segment ${number} lies what no writer of this volume left there`,
      );
    }
  }
  throw new VaultError("Another node writes to this volume again and again", {
    kind: "conflict",
    hint: "Stop it there. One volume in a bucket is served by one node.",
  });
}

function goesOn(end: ChainEnd, { head }: SegmentHead): boolean {
  return equalBytes(head.previous, end.digest) && head.epoch >= end.epoch;
}
