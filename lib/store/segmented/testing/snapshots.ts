/** Volumes with snapshots, for tests. */

import type { Bucket } from "../../../bucket/bucket.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import type { ObjectKind } from "../../../segments/keys.ts";
import type { BucketVolume } from "../bucket_volume.ts";
import {
  keys,
  makeVolume,
  namesIn,
  put,
  SECTOR_BYTES,
  values,
} from "./volumes.ts";

export const SECTORS = 16;
export const SIZE_BYTES = SECTORS * SECTOR_BYTES;

/** A checkpoint after each segment. */
export const often = { checkpointEvery: 1 };

export async function bucketOfVolume(): Promise<MemoryBucket> {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  return bucket;
}

/** Writes four sectors. */
export async function fill(volume: BucketVolume, value: number): Promise<void> {
  for (let sector = 0; sector < 4; sector++) {
    await put(volume, { sector, value: value + sector });
  }
}

/** What {@linkcode fill} leaves. */
export const filled = (
  value: number,
): number[] => [value, value + 1, value + 2, value + 3];

/** The four sectors in a snapshot, or in a view of now. */
export async function valuesThen(
  volume: BucketVolume,
  number?: number,
): Promise<number[]> {
  const { snapshots } = volume;
  const store = number === undefined
    ? await snapshots.viewNow()
    : await snapshots.view(number);
  try {
    return await values(
      { ...volume, store: store as BucketVolume["store"] },
      4,
    );
  } finally {
    await store.close();
  }
}

/** Of the objects of a kind, in order. */
export async function numbersOf(
  bucket: Bucket,
  kind: ObjectKind,
): Promise<number[]> {
  return (await namesIn(bucket)).map((name) => keys.parseName(name)!)
    .filter((parsed) => parsed.kind === kind).map(({ number }) => number)
    .sort((a, b) => a - b);
}

export const namesOf = async (
  { snapshots }: BucketVolume,
): Promise<string[]> => (await snapshots.list()).map(({ name }) => name);
