import { expect } from "expect";
import type { Clock } from "../../base/clock.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { SEGMENT_FOLDER } from "../../segments/keys.ts";
import { CHUNK_BYTES } from "../chunk_cache.ts";
import { coldVolume, overwrite, settle } from "./testing/cold_volume.ts";
import { keys } from "./testing/volumes.ts";

const CHUNKS = 70;

/** Pauses end when they are told to. */
class PausedClock implements Clock {
  #pauses: (() => void)[] = [];
  readonly pausesMs: number[] = [];
  now(): number {
    return 0;
  }
  monotonic(): number {
    return 0;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms === 0 || signal?.aborted) return;
    this.pausesMs.push(ms);
    await new Promise<void>((resolve) => {
      this.#pauses.push(resolve);
      signal?.addEventListener("abort", () => resolve());
    });
  }
  after(): () => void {
    return () => {};
  }
  goOn(): void {
    for (const resolve of this.#pauses.splice(0)) resolve();
  }
}

async function prefetched(
  cacheChunks: number,
  before?: Parameters<typeof coldVolume>[1]["before"],
) {
  const clock = new PausedClock();
  const cold = await coldVolume(CHUNKS, {
    ...{ cacheChunks, prefetches: true, clock },
    ...(before && { before }),
  });
  const passed = async () => {
    const { length } = clock.pausesMs;
    clock.goOn();
    while (clock.pausesMs.length === length) await settle();
  };
  while (clock.pausesMs.length === 0) await settle();
  return { ...cold, clock, passed, prefetch: cold.volume.prefetch! };
}

async function valueAt(
  { store }: Awaited<ReturnType<typeof coldVolume>>["volume"],
  chunk: number,
): Promise<number> {
  const into = new Uint8Array(1);
  await store.read(chunk * CHUNK_BYTES + 77, into);
  return into[0]!;
}

Deno.test("all of a volume is brought into its cache, and then nothing is asked of the bucket", async () => {
  const { bucket, volume, prefetch, index } = await prefetched(CHUNKS);
  // A process that is killed leaves it to the next.
  expect(index.size()).toBeGreaterThan(CHUNKS * 26);
  expect(prefetch.trouble).toBe(undefined);
  expect(prefetch.hereBytes).toBe(CHUNKS * CHUNK_BYTES);
  bucket.gets = 0;
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    expect(await valueAt(volume, chunk)).toBe(1 + chunk);
  }
  expect(bucket.gets).toBe(0);
  await volume.store.close();
});

Deno.test("a cache that is full ends it, and nothing that is in it makes room", async () => {
  const { bucket, volume, prefetch, cache, passed } = await prefetched(20);
  expect(prefetch.trouble).toBe("the cache is full");
  expect(prefetch.hereBytes).toBe(20 * CHUNK_BYTES);
  expect(cache!.sizeBytes).toBe(20 * CHUNK_BYTES);
  await passed();
  bucket.gets = 0;
  // Backwards: nobody is read ahead of.
  for (let chunk = 19; chunk >= 0; chunk--) await valueAt(volume, chunk);
  expect(bucket.gets).toBe(0);
  await volume.store.close();
});

Deno.test("what was evicted since is brought back by the next pass", async () => {
  const { bucket, volume, cache, passed, clock } = await prefetched(CHUNKS);
  cache!.drop(volume.map.lookup({ sector: 0, length: 1 })[0]!.holder!, 3);
  expect(cache!.sizeBytes).toBe((CHUNKS - 3) * CHUNK_BYTES);
  await passed();
  expect(clock.pausesMs).toEqual([600_000, 600_000]);
  expect(cache!.sizeBytes).toBe(CHUNKS * CHUNK_BYTES);
  await overwrite(volume, 1, 200);
  bucket.gets = 0;
  expect(await valueAt(volume, 1)).toBe(200);
  expect(await valueAt(volume, 0)).toBe(1);
  expect(bucket.gets).toBe(0);
  await volume.store.close();
});

Deno.test("a bucket that does not answer is asked again a minute later", async () => {
  let away = true;
  const { prefetch, clock, passed, volume, cache } = await prefetched(
    CHUNKS,
    (bucket) => {
      const { get } = bucket;
      bucket.get = (name, range) =>
        away && name.startsWith(SEGMENT_FOLDER) &&
          (range?.length ?? 0) > 60_000 &&
          range!.offset > 0
          ? Promise.reject(new BucketError("uncertain", "no answer"))
          : get.call(bucket, name, range);
      return Promise.resolve();
    },
  );
  expect(prefetch.trouble).toMatch(/^it cannot be fetched: .*no answer/);
  expect(clock.pausesMs).toEqual([60_000]);
  away = false;
  await passed();
  expect(prefetch.trouble).toBe(undefined);
  expect(cache!.sizeBytes).toBe(CHUNKS * CHUNK_BYTES);
  await volume.store.close();
});

Deno.test("what is damaged is left out and told, and all else is brought", async () => {
  const { prefetch, volume, cache, bucket, passed } = await prefetched(CHUNKS);
  const { holder } = volume.map.lookup({ sector: 0, length: 1 })[0]!;
  cache!.drop(holder!, 16);
  cache!.drop(holder! + 1, 16);
  await bucket.delete([keys.nameOf("segment", holder!)]);
  await passed();
  expect(prefetch.trouble).toMatch(
    new RegExp(`^segment ${holder} is damaged: .*not there$`),
  );
  expect(cache!.sizeBytes).toBe((CHUNKS - 16) * CHUNK_BYTES);
  await volume.store.close();
});

Deno.test("closing the volume ends it", async () => {
  const clock = new PausedClock();
  const { volume, bucket } = await coldVolume(CHUNKS, {
    ...{ cacheChunks: CHUNKS, prefetches: true, clock },
  });
  await volume.store.close();
  const { gets } = bucket;
  await settle();
  expect(bucket.gets).toBe(gets);
  expect(clock.pausesMs).toEqual([]);
});
