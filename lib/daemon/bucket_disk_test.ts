import { expect } from "expect";
import { type Bucket, BucketError } from "../bucket/bucket.ts";
import { LimitedBucket } from "../bucket/limited_bucket.ts";
import { MemoryBucket } from "../bucket/memory_bucket.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { CHUNK_BYTES, ChunkCache } from "../store/chunk_cache.ts";
import { MemoryFile } from "../store/testing/memory_file.ts";
import { noTime } from "../store/testing/journaled.ts";
import type { BucketVolume } from "../store/segmented/bucket_volume.ts";
import {
  CountedBucket,
  keys,
  makeVolume,
  openOn,
  put,
  withoutCheckpoints,
} from "../store/segmented/testing/volumes.ts";
import { BucketDisk } from "./bucket_disk.ts";

const SIZE_BYTES = 16 * 512;

/** What was set off happens. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

/** A volume as the daemon has it open, on a bucket in memory. */
function diskOf(
  volume: BucketVolume,
  bucket: Bucket,
  {
    limited = new LimitedBucket(bucket, { clock: noTime }),
    cache = undefined as ChunkCache | undefined,
    clock = noTime,
    lost = undefined as (() => BucketError | undefined) | undefined,
  } = {},
): BucketDisk {
  return new BucketDisk({
    clock,
    document: {
      ...{ name: "disk", sizeBytes: SIZE_BYTES },
      bucket: { url: "s3://b", cacheBytes: 0, journalBytes: 0 },
    },
  }, {
    volume,
    reach: {
      bucket: limited,
      elsewhere: () => limited,
      counters: () => limited.counters,
      limit: (to) => limited.limit(to),
      ...(lost && { lost }),
    },
    cache,
    tries: { why: () => undefined },
    journal: { sizeBytes: 4096 },
  });
}

Deno.test("a checkpoint that cannot be written is told of, although all is uploaded", async () => {
  const memory = new MemoryBucket();
  await makeVolume(memory, { sizeBytes: SIZE_BYTES });
  const state = { on: false };
  const bucket = withoutCheckpoints(memory, state);
  const volume = await openOn({ pin: undefined }, bucket, {
    checkpointEvery: 1,
  });
  const disk = diskOf(volume, bucket);
  expect(disk.info().trouble).toBeUndefined();
  state.on = true;
  await put(volume, { sector: 0, value: 1 });
  await volume.row.settled();
  expect(disk.info()).toMatchObject({
    ...{ pendingBytes: 0, journaledBytes: 4096 },
    ...{ transfers: 0, transfersWaiting: 0 },
    cacheUses: { hits: 0, misses: 0 },
    trouble: "Could not write a checkpoint: no answer",
  });
  state.on = false;
  await put(volume, { sector: 0, value: 2 });
  await volume.row.settled();
  expect(disk.info().trouble).toBeUndefined();
  await disk.close();
});

Deno.test("what a volume takes in its bucket is told, what was rewritten for that, and what could not be", async () => {
  const bucket = new CountedBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES, segmentBytes: 4 * 512 });
  const volume = await openOn({ pin: undefined }, bucket);
  const disk = diskOf(volume, bucket);
  const { next } = volume.row.end;
  for (let n = 0; n < 4; n++) {
    await put(volume, { sector: 4 * n, sectors: 4, value: 1 });
  }
  const damaged = keys.nameOf("segment", next + 1);
  const bytes = (await bucket.get(damaged))!;
  bytes[bytes.length - 100]! ^= 1;
  await bucket.delete([damaged]);
  await bucket.create(damaged, bytes);
  for (let n = 0; n < 4; n++) {
    await put(volume, { sector: 4 * n, sectors: 2, value: 2 });
    await volume.row.settled();
    await volume.cleaner?.settled();
  }
  await volume.row.settled();
  const { objectBytes, liveBytes, movedBytes, trouble } = disk.info();
  expect(liveBytes).toBe(SIZE_BYTES);
  expect(movedBytes).toBeGreaterThan(0);
  expect(trouble).toMatch(/^Segment \d+ is damaged, and something in it/);
  // But for claims and the superblock, which are some hundred bytes each.
  expect(objectBytes).toBeLessThanOrEqual(bucket.storedBytes);
  expect(objectBytes).toBeGreaterThan(bucket.storedBytes - 1024);
  await disk.close();
});

Deno.test("limits that are changed while it is open hold at once", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const volume = await openOn({ pin: undefined }, bucket);
  const limited = new LimitedBucket(bucket, { clock: noTime });
  const cache = new ChunkCache({
    ...{ data: new MemoryFile(), index: new MemoryFile() },
    ...{ limitBytes: 64 * CHUNK_BYTES, volumeId: new Uint8Array(16) },
    hash: (...parts) => primitives.hash("sha256", ...parts),
  });
  const disk = diskOf(volume, bucket, { limited, cache });
  const spec = { url: "s3://backup/b", journalBytes: 0 };
  disk.keepTo({
    ...{ ...spec, cacheBytes: 16 * CHUNK_BYTES },
    ...{ upload: "1k", download: "2k" },
  });
  expect(limited.counters)
    .toMatchObject({ uploadLimit: 1024, downloadLimit: 2048 });
  expect(cache.limitBytes).toBe(16 * CHUNK_BYTES);
  disk.keepTo({ ...spec, cacheBytes: 128 * CHUNK_BYTES, download: "3k" });
  expect(limited.counters.uploadLimit).toBeUndefined();
  expect(limited.counters.downloadLimit).toBe(3072);
  expect(cache.limitBytes).toBe(128 * CHUNK_BYTES);
  await disk.close();
});

Deno.test("a lease that is another's stops the volume at the next look, before anybody has gone on with its row", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const volume = await openOn({ pin: undefined }, bucket);
  const looks: (() => void)[] = [];
  const clock = {
    ...noTime,
    after: (_ms: number, then: () => void) => {
      looks.push(then);
      return () => {};
    },
  };
  const now: { lost?: BucketError } = {};
  const disk = diskOf(volume, bucket, { clock, lost: () => now.lost });
  const told: string[] = [];
  looks.length = 0;
  disk.watch((why) => told.push(why));
  looks.pop()!();
  await turns();
  expect(told).toEqual([]);
  now.lost = new BucketError("held", "Another node has taken the lease");
  looks.pop()!();
  await turns();
  expect(told).toEqual(["Another node has taken the lease"]);
  expect(disk.store.health).toMatchObject({ state: "failed" });
  expect(() => disk.store.write(0, new Uint8Array(512))).toThrow();
  await disk.close();
});
