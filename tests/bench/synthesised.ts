/**
 * A volume in a bucket that looks as years of scattered writes leave it, without the years.
 *
 * What opening reads is real, whole and sealed: the superblock, the checkpoint and the segments behind it. The segments that the checkpoint
 * names are one byte each under their right names: opening lists them and reads none.
 */
import type { Bucket } from "../../lib/bucket/bucket.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import {
  encodeCheckpoint,
  type MapExtent,
  type SegmentRecord,
} from "../../lib/segments/checkpoint.ts";
import { SALT_BYTES, VolumeKeys } from "../../lib/segments/keys.ts";
import { DIGEST_BYTES } from "../../lib/segments/preamble.ts";
import {
  encodeSegment,
  SECTOR_BYTES,
  type SegmentExtent,
} from "../../lib/segments/segment.ts";
import { readSuperblock } from "../../lib/store/segmented/bucket_volume.ts";
import { Dice } from "../fuzz/dice.ts";

/** What is written at once, as databases and file systems scatter it. */
const PIECE_BYTES = 4096;
const PIECE_SECTORS = PIECE_BYTES / SECTOR_BYTES;
const UPLOADS = 32;
/** Of a writer before whoever opens it. */
const EPOCH = 1;

export interface Synthesis {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  readonly sizeBytes: number;
  /** Pieces of 4 KiB, each an extent of its own. */
  readonly extents: number;
  /** That the checkpoint names. */
  readonly segments: number;
  /** Whether the named segments lie in the bucket. */
  readonly stubs: boolean;
}

/** Where the row ends, as a node keeps it. */
export interface SynthesisedEnd {
  readonly next: number;
  readonly epoch: number;
  readonly digest: Uint8Array;
}

/** Fills a bucket in which nothing is but the volume's superblock. Gives the end of its row, and how long the checkpoint is. */
export async function synthesise(
  plan: Synthesis,
): Promise<{ readonly end: SynthesisedEnd; readonly checkpointBytes: number }> {
  const { bucket, segments } = plan;
  const keys = new VolumeKeys(primitives, plan.key);
  const { volumeId } = await readSuperblock(bucket, keys);
  const records = recordsOf(plan);
  const { digest } = records.at(-1)!;
  const next = segments + 1;
  const { bytes } = encodeCheckpoint(keys, {
    ...{ volumeId, number: 1, volumeBytes: plan.sizeBytes, nextSegment: next },
    ...{ epoch: EPOCH, timeMs: clock.now(), previous: digest },
    ...{
      segments: records,
      snapshots: [],
      extents: { [Symbol.iterator]: () => scattered(plan) },
    },
  });
  await bucket.create(keys.nameOf("checkpoint", 1), bytes);
  if (plan.stubs) {
    await sideBySide(records, async ({ number }) => {
      await bucket.create(keys.nameOf("segment", number), Uint8Array.of(0));
    });
  }
  return {
    end: { next, epoch: EPOCH, digest },
    checkpointBytes: bytes.length,
  };
}

/** Appends segments to the row that no checkpoint knows, each with as many extents as one gets. */
export async function goOn(
  { bucket, key, sizeBytes }: Pick<Synthesis, "bucket" | "key" | "sizeBytes">,
  { end, count }: { readonly end: SynthesisedEnd; readonly count: number },
): Promise<void> {
  const keys = new VolumeKeys(primitives, key);
  const { volumeId, segmentBytes } = await readSuperblock(bucket, keys);
  const dice = Dice.forCase(1, end.next);
  let { digest } = end;
  for (let number = end.next; number < end.next + count; number++) {
    const segment = encodeSegment(keys, {
      ...{ volumeId, number, epoch: end.epoch, timeMs: clock.now() },
      ...{ previous: digest, ...fullSegment(segmentBytes, sizeBytes, dice) },
    });
    await bucket.create(keys.nameOf("segment", number), segment.bytes);
    ({ digest } = segment.head);
  }
}

function recordsOf({ segments, extents }: Synthesis): SegmentRecord[] {
  const each = piecesOf({ segments, extents });
  return Array.from({ length: segments }, (_, n) => ({
    number: n + 1,
    digest: primitives.random(DIGEST_BYTES),
    salt: primitives.random(SALT_BYTES),
    dataStart: 8192,
    dataBytes: each * PIECE_BYTES,
    liveBytes: Math.max(0, Math.min(each, extents - n * each)) * PIECE_BYTES,
  }));
}

function piecesOf(
  { segments, extents }: Pick<Synthesis, "segments" | "extents">,
): number {
  return Math.ceil(extents / segments);
}

/** Pieces all over the volume, each in a segment that tells nothing of where the one before lies. */
function* scattered(plan: Synthesis): Generator<MapExtent> {
  const { extents, sizeBytes } = plan;
  const each = piecesOf(plan);
  const room = Math.floor(sizeBytes / PIECE_BYTES / extents);
  const stride = coprime(Math.floor(extents * 0.381966), extents);
  const dice = Dice.forCase(1, 1);
  for (let n = 0; n < extents; n++) {
    const place = n * room + dice.next(room);
    const written = (n * stride) % extents;
    yield {
      sector: place * PIECE_SECTORS,
      sectors: PIECE_SECTORS,
      segment: 1 + Math.floor(written / each),
      at: (written % each) * PIECE_SECTORS,
    };
  }
}

/** What a journal makes of writes of a sector each: the most extents that a segment has. */
function fullSegment(
  segmentBytes: number,
  sizeBytes: number,
  dice: Dice,
): { readonly extents: SegmentExtent[]; readonly data: Uint8Array[] } {
  // An entry has a head of a sector.
  const count = segmentBytes / (2 * SECTOR_BYTES);
  const room = Math.floor(sizeBytes / SECTOR_BYTES / count);
  const extents = Array.from({ length: count }, (_, n): SegmentExtent => ({
    kind: "data",
    sector: n * room + dice.next(room),
    sectors: 1,
  }));
  return { extents, data: [primitives.random(count * SECTOR_BYTES)] };
}

function coprime(near: number, to: number): number {
  const divisor = (a: number, b: number): number =>
    b === 0 ? a : divisor(b, a % b);
  let found = near;
  while (divisor(found, to) !== 1) found++;
  return found;
}

async function sideBySide<T>(
  all: Iterable<T>,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const rest = all[Symbol.iterator]();
  await Promise.all(Array.from({ length: UPLOADS }, async () => {
    for (let one = rest.next(); !one.done; one = rest.next()) {
      await work(one.value);
    }
  }));
}
