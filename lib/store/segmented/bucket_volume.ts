/**
 * A volume in a bucket, made and opened:
 *
 *     superblock ──▶ the checkpoint that goes furthest ──▶ the segments behind it ──▶ compared with the pin ──▶ claimed ──▶ journal, overlay
 *
 * The bucket alone holds a past of the volume at every moment: all operations up to the end of the row. The journal on the local disk holds
 * what came after, and the pin says how far the row was known to go: whoever shows less is refused.
 */

import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import type { Primitives } from "../../base/primitives.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import type { Journal } from "../../journal/journal.ts";
import { VOLUME_ID_BYTES, type VolumeKeys } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  encodeSuperblock,
  openSuperblock,
  type Superblock,
  SUPERBLOCK_NUMBER,
} from "../../segments/superblock.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import { JournaledStore } from "../journaled_store.ts";
import { ancestryOf, type Elsewhere, inherited } from "./ancestry.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { Cleaner } from "./cleaner.ts";
import { readIntactPast } from "./intact_past.ts";
import { OtherHistory } from "./other_history.ts";
import { expectPinned, type Past, readPast } from "./past.ts";
import { Prefetch } from "./prefetch.ts";
import { SegmentReader } from "./segment_reader.ts";
import { type Pin, SegmentRow } from "./segment_row.ts";
import { drainedOf, SegmentTarget } from "./segment_target.ts";
import { TakenVolume } from "./taken_volume.ts";
import type { VolumeMap } from "./volume_map.ts";
import { VolumeSnapshots } from "./volume_snapshots.ts";

/** How much data a segment is meant to hold. */
export const SEGMENT_BYTES = 8 * 1024 * 1024;

const REMEDY =
  "What is whole of the volume is taken, and the rest given up, by vault volume recover with --accept-rollback";

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

interface LookOptions {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  /** Where its ancestors and its clones lie. One that is a clone is not opened without. */
  readonly elsewhere?: Elsewhere;
  /** What was kept; undefined on a machine that has never had the volume. */
  readonly pin: Pin | undefined;
  readonly clock: Clock;
}

interface FindOptions extends LookOptions {
  readonly acceptance?: Acceptance | undefined;
  readonly cache: ((volumeId: Uint8Array) => ChunkCache) | undefined;
  /** Keeps it; on stable storage when it returns. */
  readonly keepPin: (pin: Pin) => void;
  /** Segments from one checkpoint to the next. */
  readonly checkpointEvery?: number;
}

export interface OpenVolumeOptions extends FindOptions {
  readonly journal: Journal;
  /** Where it was just taken, with the pin that was kept then: what was read of it is not read again. */
  readonly taken?: TakenVolume | undefined;
  /** What is written is uploaded after so long at the latest. */
  readonly idleMs?: number;
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
  readonly checkpoints: Checkpoints;
  readonly cleaner: Cleaner | undefined;
  readonly prefetch: Prefetch | undefined;
  /** All that is in the bucket of it, as far as it is known: what is to be deleted, too, and nothing of its ancestors. */
  readonly storedBytes: number;
  /** What of it lies in its ancestors' segments: 0 where it is no clone. */
  readonly inheritedBytes: number;
  readonly superblock: Superblock;
}

/**
 * Opens a volume to read and write it: from now on nobody who had it open before can write to it.
 *
 * @throws {VaultError} where it is not there, not what was written, or another node's
 */
export async function openBucketVolume(
  options: OpenVolumeOptions,
): Promise<BucketVolume> {
  const { bucket, elsewhere, journal, pin, clock, idleMs } = options;
  const { past, row, ...parts } = await findVolume(options, options.taken);
  const { superblock, chain, cache, reader } = parts;
  const { ancestry } = chain;
  const { map, checkpoints } = past;
  const { segmentBytes } = superblock;
  // It cannot be gone on with beside that journal, so nobody loses the row to it.
  orLetGo(map, () => drainedOf(journal, past.end));
  // What it holds may be of a row that nobody knows of any more, under numbers that are used anew.
  if (!pin) cache?.clear();
  try {
    await row.open();
  } catch (thrown) {
    // Whoever tries it again has as large a map then.
    map.letGo();
    throw thrown;
  }
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
    ...{ ancestry, journal },
  });
  const store = new JournaledStore({
    ...{ target, journal, clock },
    ...(idleMs === undefined ? {} : { idleMs }),
  });
  const snapshots = new VolumeSnapshots({
    ...{ ...chain, store, row, map, checkpoints, reader, clock, elsewhere },
  });
  cleaner?.wake();
  return {
    ...{ store, row, map, reader, snapshots, checkpoints, cleaner, prefetch },
    superblock,
    get storedBytes() {
      const { objectBytes: strayBytes } = cleaner?.strays ?? { objectBytes: 0 };
      const ownBytes = map.objectBytes - inherited(map, ancestry).objectBytes;
      return ownBytes + checkpoints.objectBytes + strayBytes;
    },
    get inheritedBytes() {
      return inherited(map, ancestry).liveBytes;
    },
  };
}

/** What is about to be taken. */
export type Shown = Pick<Past, "end" | "sizeBytes" | "cut">;

/** That somebody says to take less than all. */
export interface Acceptance {
  /** How far the row was known to go, where that is remembered. */
  readonly pin: Pin | undefined;
  /** Told what is about to be taken, before anything is changed. */
  readonly about: (shown: Shown) => void;
}

/**
 * Takes a volume for a machine that has nothing of it yet: whoever had it before can write nothing that counts any more. It is opened after
 * that, with the pin that was kept. With an acceptance it is taken up to the first thing that is missing or damaged.
 *
 * @throws {VaultError} where it is not there, or not what was written
 */
export async function takeBucketVolume(
  options: Omit<FindOptions, "cache" | "pin"> & {
    readonly acceptance?: Acceptance | undefined;
  },
): Promise<TakenVolume> {
  const { acceptance } = options;
  const { superblock, past, row } = await findVolume({
    ...options,
    ...{ cache: undefined, pin: undefined },
  });
  acceptance?.about(past);
  if (past.owesCheckpoint) await row.open();
  else await row.take();
  return new TakenVolume({ superblock, past, row });
}

/**
 * Why a volume is not opened with what its bucket shows; undefined where it may be. Nothing is changed.
 *
 * @throws {VaultError} where it is not there, or cannot be asked
 */
export async function whyRefused(
  options: LookOptions & {
    readonly pin: Pin;
    readonly journal: Pick<Journal, "id" | "appended">;
  },
): Promise<OtherHistory | SealError | undefined> {
  try {
    const { past } = await lookFor(options);
    past.map.letGo();
    expectPinned(past, options.pin);
    drainedOf(options.journal, past.end);
    return undefined;
  } catch (why) {
    if (why instanceof OtherHistory || why instanceof SealError) return why;
    throw why;
  }
}

/** What is in the bucket, compared with what was kept, and its row, which is not claimed yet. */
async function findVolume(options: FindOptions, taken?: TakenVolume) {
  const { pin, clock, checkpointEvery } = options;
  const { superblock, chain, past } = await lookFor(options, taken);
  const { volumeId, segmentBytes } = superblock;
  const { map, checkpoints, end, sizeBytes } = past;
  if (pin) orLetGo(map, () => expectPinned(past, pin));
  const cache = options.cache?.(volumeId);
  const reader = new SegmentReader({ ...chain, cache });
  const row = new SegmentRow({
    ...chain,
    ...{ map, checkpoints, reader, cache, sizeBytes, segmentBytes, end, clock },
    ...{ kept: pin, pin: options.keepPin },
    ...(checkpointEvery === undefined ? {} : { checkpointEvery }),
  });
  return { superblock, past, row, chain, cache, reader };
}

/** What is in the bucket. */
async function lookFor(
  options: LookOptions & { readonly acceptance?: Acceptance | undefined },
  taken?: TakenVolume,
) {
  const { bucket, elsewhere, keys, pin, clock } = options;
  const superblock = await readSuperblock(bucket, keys);
  const { volumeId, volumeBytes } = superblock;
  const ancestry = ancestryOf(superblock, { elsewhere, keys });
  const chain = { bucket, keys, volumeId, ancestry };
  const known = { ...chain, volumeBytes, clock };
  const past = taken?.handOver(chain) ??
    await readPast({ ...known, pin }).catch((thrown) => {
      if (!(thrown instanceof SealError)) throw thrown;
      const { acceptance } = options;
      if (!acceptance) throw new SealError(thrown.message, { more: REMEDY });
      return readIntactPast({ ...known, pin: acceptance.pin });
    });
  return { superblock, chain, past };
}

/** Whoever tries it again has as large a map then. */
function orLetGo(map: VolumeMap, check: () => void): void {
  try {
    check();
  } catch (thrown) {
    map.letGo();
    throw thrown;
  }
}
