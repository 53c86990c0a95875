/** What segments on their way lie in, and what they were made of: whose it is when, and what is in the cache meanwhile. */
import { expect } from "expect";
import type { ChunkCache } from "../chunk_cache.ts";
import { newCache } from "./testing/cold_volume.ts";
import { heldVolume, turns } from "./testing/held_volume.ts";
import { openOn, values } from "./testing/volumes.ts";

Deno.test("what segments lay in is given back before a checkpoint takes memory of its own, and not while it is read", async () => {
  const { bucket, volume, first, write } = await heldVolume({
    checkpointEvery: 1,
  });
  const checkpoint = Promise.withResolvers<void>();
  bucket.checkpoints = checkpoint.promise;
  const writes = [write(0), write(1)];
  await turns();
  const lengths = () =>
    [first, first + 1].map((number) => bucket.sent.get(number)!.length > 0);
  expect(lengths()).toEqual([true, true]);
  bucket.held.get(first)!.resolve();
  await turns();
  expect(lengths()).toEqual([false, true]);
  checkpoint.resolve();
  bucket.held.get(first + 1)!.resolve();
  await Promise.all(writes);
  expect(await values(volume, 3)).toEqual([1, 2, 0]);
});

/** A volume with a cache, and a writer that writes over what it gave as soon as it is told that it may. */
async function released() {
  let cache!: ChunkCache;
  const held = await heldVolume({
    cache: (volumeId) => cache = newCache(volumeId, 16),
  });
  const writtenOver: number[] = [];
  const write = (sector: number) => {
    const data = new Uint8Array(512).fill(sector + 1);
    return held.volume.row.append({
      ...{ extents: [{ kind: "data", sector, sectors: 1 }], data: [data] },
      release: () => {
        data.fill(0xee);
        writtenOver.push(sector);
      },
    });
  };
  const isKept = (segment: number) => cache.has({ segment, chunk: 0 });
  return { ...held, cache, isKept, write, writtenOver };
}

Deno.test("what data lies in is its giver's again when it is sealed, and is in the cache and in the bucket all the same", async () => {
  const { bucket, volume, cache, first, isKept, write, writtenOver } =
    await released();
  const written = [write(0), write(1)];
  await turns();
  expect(bucket.underWay).toEqual([first, first + 1]);
  expect(writtenOver).toEqual([0, 1]);
  for (const number of bucket.underWay) bucket.held.get(number)!.resolve();
  await Promise.all(written);
  expect([first, first + 1].map(isKept)).toEqual([true, true]);
  expect(await values(volume, 3)).toEqual([1, 2, 0]);
  expect(volume.reader.fetchedBytes).toBe(0);
  cache.clear();
  expect(await values(volume, 3)).toEqual([1, 2, 0]);
  expect(volume.reader.fetchedBytes).toBeGreaterThan(0);
});

Deno.test("nothing of what is not in the row stays in the cache, whether it arrived or not", async () => {
  const { bucket, machine, volume, first, isKept, write } = await released();
  const outcomes = Promise.allSettled([0, 1, 2].map(write));
  await turns();
  bucket.held.get(first)!.resolve();
  bucket.held.get(first + 2)!.resolve();
  await turns();
  bucket.held.get(first + 1)!.reject(new TypeError("gone"));
  expect((await outcomes).map(({ status }) => status)).toEqual([
    ...["fulfilled", "rejected", "rejected"],
  ]);
  expect([0, 1, 2].map((n) => isKept(first + n))).toEqual([true, false, false]);
  bucket.holds = false;
  await Promise.all([1, 2].map(write));
  expect(await values(volume, 4)).toEqual([1, 2, 3, 0]);
  expect(volume.reader.fetchedBytes).toBe(0);
  expect(await values(await openOn(machine, bucket), 4)).toEqual([1, 2, 3, 0]);
});
