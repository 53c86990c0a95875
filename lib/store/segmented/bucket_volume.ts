/**
 * A volume in a bucket, made and opened:
 *
 *     superblock ──▶ the checkpoint that goes furthest ──▶ the segments behind it ──▶ compared with the pin ──▶ claimed ──▶ journal, overlay
 *
 * The bucket alone holds a past of the volume at every moment: all operations up to the end of the row. The journal on the local disk holds
 * what came after, and the pin says how far the row was known to go: whoever shows less is refused.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import type { Primitives } from "../../base/primitives.ts";
import { type Bucket, listAll } from "../../bucket/bucket.ts";
import type { Journal } from "../../journal/journal.ts";
import {
  SEGMENT_FOLDER,
  VOLUME_ID_BYTES,
  type VolumeKeys,
} from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import {
  encodeSuperblock,
  openSuperblock,
  type Superblock,
  SUPERBLOCK_NUMBER,
} from "../../segments/superblock.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import { JournaledStore } from "../journaled_store.ts";
import {
  CHAIN_START,
  type ChainEnd,
  type ChainOptions,
  follow,
} from "./chain.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Cleaner } from "./cleaner.ts";
import { takeNote } from "./note_taking.ts";
import { Prefetch } from "./prefetch.ts";
import { SegmentReader } from "./segment_reader.ts";
import { UPLOADS } from "./row_queue.ts";
import { type Pin, SegmentRow } from "./segment_row.ts";
import { SegmentTarget } from "./segment_target.ts";
import { knownOf, VolumeMap } from "./volume_map.ts";
import { VolumeSnapshots } from "./volume_snapshots.ts";

/** How much data a segment is meant to hold. */
export const SEGMENT_BYTES = 8 * 1024 * 1024;

/** How often a volume's past is read where another goes on writing. */
const MAX_READS = 8;

const HEX_DIGITS = "0123456789abcdef";

/** What of a volume is the same for all its life. */
export interface NewVolume {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  /** Of data; 8 MiB unless given. */
  readonly segmentBytes?: number;
}

/** Makes an empty volume. @throws {VaultError} `conflict` where there is one already */
export async function createBucketVolume(volume: NewVolume): Promise<void> {
  const { bucket, keys, primitives, clock } = volume;
  const { sizeBytes: volumeBytes, blockSizeBytes } = volume;
  const bytes = encodeSuperblock(keys, {
    volumeId: primitives.random(VOLUME_ID_BYTES),
    ...{ volumeBytes, blockSizeBytes },
    segmentBytes: volume.segmentBytes ?? SEGMENT_BYTES,
    epoch: 0,
    timeMs: clock.now(),
  });
  const name = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
  if (await bucket.create(name, bytes) === "created") return;
  throw new VaultError("There is a volume of this key in the bucket already", {
    kind: "conflict",
    hint: "Choose another prefix, or open that one: vault volume recover.",
  });
}

/** What a bucket says a volume is. @throws {VaultError} `not-found` where there is none of this key */
export async function readSuperblock(
  bucket: Bucket,
  keys: VolumeKeys,
): Promise<Superblock> {
  const name = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
  const bytes = await bucket.get(name);
  if (bytes) return openSuperblock(keys, bytes);
  throw new VaultError("There is no volume of this key in the bucket", {
    kind: "not-found",
    hint: "Look at the address of the store, and at the key.",
  });
}

/** A volume's past, as far as a bucket tells it. */
export interface Past {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly end: ChainEnd;
  readonly sizeBytes: number;
  /** Whether the row goes through the place that was kept. */
  readonly passed: boolean;
  /** The epoch of the last claim that was found and was about to be made here, when nobody heard of it any more. */
  readonly claimed: number | undefined;
}

interface PastOptions extends ChainOptions {
  readonly volumeBytes: number;
  readonly pin: Pin | undefined;
  readonly clock: Clock;
}

/**
 * Reads it. Where another goes on writing meanwhile, what was to be read may be deleted a moment before; then there is a checkpoint that goes
 * further, and it is read from there.
 *
 * @throws {SealError} where it is not what was written
 */
export async function readPast(options: PastOptions): Promise<Past> {
  for (let tries = 1;; tries++) {
    const checkpoints = new Checkpoints(options);
    try {
      return await readFrom(checkpoints, options);
    } catch (thrown) {
      if (!(thrown instanceof SealError) || tries === MAX_READS) throw thrown;
      if (!await checkpoints.goFurther(checkpoints.last)) throw thrown;
    }
  }
}

async function readFrom(
  checkpoints: Checkpoints,
  options: PastOptions,
): Promise<Past> {
  const { pin, clock } = options;
  const checkpoint = await checkpoints.find();
  const map = checkpoint
    ? await VolumeMap.of(checkpoint, clock)
    : new VolumeMap();
  let end = CHAIN_START;
  let sizeBytes = options.volumeBytes;
  if (checkpoint) {
    const { epoch, previous, timeMs } = checkpoint.head;
    end = { next: checkpoint.nextSegment, digest: previous, epoch, timeMs };
    sizeBytes = checkpoint.volumeBytes;
  }
  let claimed: number | undefined;
  let passed = isPinned(end, pin);
  for (let looked: ChainEnd | undefined;; looked = end) {
    for await (const { segment, end: after } of follow(options, end)) {
      const { head, note } = segment;
      if (pin?.claims?.some(({ digest }) => equalBytes(head.digest, digest))) {
        claimed = head.epoch;
      }
      if (note) {
        const { number } = head.identity;
        const volume = { map, checkpoints, clock };
        sizeBytes = await takeNote(volume, note, number) ?? sizeBytes;
      }
      const endSector = Math.ceil(sizeBytes / SECTOR_BYTES);
      // Nothing is written past the end before a checkpoint tells of a later one.
      if (segment.extents.some((x) => x.sector + x.sectors > endSector)) {
        throw new SealError("The checkpoint with the volume's size is missing");
      }
      map.apply(knownOf(segment), segment.extents, endSector);
      end = after;
      passed ||= isPinned(end, pin);
    }
    // Whoever remembers finds out by that.
    if (pin || !await goesOnBehind(options, end)) break;
    // Somebody may be writing meanwhile.
    if (looked === end) {
      throw new SealError(
        `Segment ${end.next} is missing or not what was written: there are others behind it`,
      );
    }
  }
  return { map, checkpoints, end, sizeBytes, passed, claimed };
}

function isPinned(end: ChainEnd, pin: Pin | undefined): boolean {
  return end.next === pin?.next && equalBytes(end.digest, pin.digest);
}

/**
 * Whether there are segments behind the end of the row that no writer has left there when it died: so far behind it as none ever uploads
 * at once.
 */
async function goesOnBehind(
  { bucket, keys }: ChainOptions,
  end: ChainEnd,
): Promise<boolean> {
  const goesOn = async (digit: string): Promise<boolean> => {
    for await (const { name } of listAll(bucket, SEGMENT_FOLDER + digit)) {
      const parsed = keys.parseName(name);
      const { number } = parsed?.kind === "segment" ? parsed : { number: 0 };
      if (number >= end.next + UPLOADS) return true;
    }
    return false;
  };
  // A page of a listing says where the next begins. Names are as good as random: by their first digit they are listed side by side.
  const found = await Promise.all(Array.from(HEX_DIGITS, goesOn));
  return found.includes(true);
}

/** @throws {VaultError} where the row is not that which was written here, or less of it */
export function expectPinned(
  { end, passed, claimed }: Pick<Past, "end" | "passed" | "claimed">,
  pin: Pin,
): void {
  const older = end.epoch < pin.epoch ||
    (end.epoch === pin.epoch && end.next < pin.next);
  if (older) {
    throw new VaultError(
      `The bucket shows an older state of this volume, of ${
        new Date(end.timeMs).toISOString()
      }: what was written since is missing`,
      {
        kind: "refused",
        hint:
          "The store lost it, withholds it, or shows a copy from before. Nothing was changed.",
      },
    );
  }
  // A checkpoint that goes further than the pin is another's: ours are written after it. So is whatever follows our claim and is not of it.
  const ours = claimed === undefined
    ? passed && end.epoch === pin.epoch
    : end.epoch === claimed;
  if (ours) return;
  throw new VaultError("Another node has written to this volume since", {
    kind: "conflict",
    hint:
      "One volume in a bucket is served by one node. What was written here and not uploaded is in this node's journal alone.",
  });
}

export interface OpenVolumeOptions {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly journal: Journal;
  readonly cache: ((volumeId: Uint8Array) => ChunkCache) | undefined;
  /** What was kept; undefined on a machine that has never had the volume. */
  readonly pin: Pin | undefined;
  /** Keeps it; on stable storage when it returns. */
  readonly keepPin: (pin: Pin) => void;
  readonly clock: Clock;
  /** What is written is uploaded after so long at the latest. */
  readonly idleMs?: number;
  /** Segments from one checkpoint to the next. */
  readonly checkpointEvery?: number;
  /** Whether segments are rewritten of which little is wanted; they are unless given. */
  readonly cleans?: boolean;
  /** Whether all of it is brought into the cache; it is not unless told so. */
  readonly prefetches?: boolean;
}

/** A volume that is open. */
export interface BucketVolume {
  readonly store: JournaledStore;
  readonly row: SegmentRow;
  readonly map: VolumeMap;
  readonly reader: SegmentReader;
  readonly snapshots: VolumeSnapshots;
  readonly cleaner: Cleaner | undefined;
  readonly prefetch: Prefetch | undefined;
  /** All that is in the bucket of it, as far as it is known: what is to be deleted, too. */
  readonly storedBytes: number;
  readonly superblock: Superblock;
  /** The end of the row as it was found, before it was claimed. */
  readonly found: ChainEnd;
}

/**
 * Opens a volume to read and write it: from now on nobody who had it open before can write to it.
 *
 * @throws {VaultError} where it is not there, not what was written, or another node's
 */
export async function openBucketVolume(
  options: OpenVolumeOptions,
): Promise<BucketVolume> {
  const { bucket, keys, journal, pin, clock, idleMs } = options;
  const superblock = await readSuperblock(bucket, keys);
  const { volumeId, volumeBytes, segmentBytes } = superblock;
  const chain = { bucket, keys, volumeId };
  const past = await readPast({ ...chain, volumeBytes, pin, clock });
  if (pin) expectPinned(past, pin);
  const { map, checkpoints, end, sizeBytes } = past;
  const cache = options.cache?.(volumeId);
  // What it holds may be of a row that nobody knows of any more, under numbers that are used anew.
  if (!pin) cache?.clear();
  const reader = new SegmentReader({ ...chain, cache });
  const row = new SegmentRow({
    ...chain,
    ...{ map, checkpoints, reader, cache, sizeBytes, segmentBytes, end, clock },
    ...{ kept: pin, pin: options.keepPin },
    ...(options.checkpointEvery === undefined
      ? {}
      : { checkpointEvery: options.checkpointEvery }),
  });
  await row.open();
  const cleaner = options.cleans === false ? undefined : new Cleaner({
    ...{ ...chain, map, checkpoints, row, clock, segmentBytes },
    // What it fetches is not what is read here.
    reader: new SegmentReader({ ...chain, cache, keeps: false }),
  });
  const prefetch = options.prefetches && cache
    ? new Prefetch({ map, reader, cache, clock })
    : undefined;
  const target = new SegmentTarget({
    ...{ map, reader, cache, bucket, row, segmentBytes, cleaner, prefetch },
  });
  const store = new JournaledStore({
    ...{ target, journal, clock },
    ...(idleMs === undefined ? {} : { idleMs }),
  });
  const snapshots = new VolumeSnapshots({
    ...{ ...chain, store, row, map, checkpoints, reader, clock },
  });
  cleaner?.wake();
  return {
    ...{ store, row, map, reader, snapshots, cleaner, prefetch },
    ...{ superblock, found: end },
    get storedBytes() {
      const { objectBytes: strayBytes } = cleaner?.strays ?? { objectBytes: 0 };
      return map.objectBytes + checkpoints.objectBytes + strayBytes;
    },
  };
}
