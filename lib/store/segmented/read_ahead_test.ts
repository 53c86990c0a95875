import { expect } from "expect";
import { MediaError } from "../../base/media_error.ts";
import { CHUNK_BYTES } from "../chunk_cache.ts";
import { MappedBytes } from "./mapped_bytes.ts";
import { coldVolume, settle } from "./testing/cold_volume.ts";
import { keys } from "./testing/volumes.ts";

const CHUNKS = 160;
const CACHES = [0, CHUNKS] as const;

/** Reads of a chunk each, and whether one had to wait for the bucket. */
async function reader(cacheChunks: number, chunks = CHUNKS) {
  const { bucket, volume, cache } = await coldVolume(chunks, { cacheChunks });
  const bytes = new MappedBytes(volume.map, volume.reader);
  const read = async (chunk: number): Promise<"here" | "waited"> => {
    const into = new Uint8Array(CHUNK_BYTES);
    const waits = bytes.read(chunk * CHUNK_BYTES, into);
    await waits;
    expect(into.every((one) => one === 1 + chunk)).toBe(true);
    await settle();
    return waits ? "waited" : "here";
  };
  return { bucket, read, volume, cache, bytes };
}

for (const cacheChunks of CACHES) {
  Deno.test(`who reads on waits three times and never again, with a cache of ${cacheChunks} chunks`, async () => {
    const { read, bucket } = await reader(cacheChunks);
    const found: string[] = [];
    for (let chunk = 0; chunk < CHUNKS; chunk++) found.push(await read(chunk));
    expect(found.indexOf("here")).toBeLessThanOrEqual(3);
    expect(found.lastIndexOf("waited")).toBeLessThan(3);
    // What is fetched at once grows, and nothing is fetched twice.
    expect(bucket.gets).toBeLessThan(CHUNKS / 4);
  });
}

Deno.test("several that read on at once, and not quite in order, are all read ahead of", async () => {
  const { read } = await reader(CHUNKS);
  const waited: string[] = [];
  const starts = [0, 50, 100];
  // Each two chunks forward and one back.
  const steps = Array.from({ length: 40 }, (_, n) => n % 2 ? n - 1 : n + 1);
  for (const [n, step] of steps.entries()) {
    for (const start of starts) {
      if (await read(start + step) === "waited" && n >= 6) {
        waited.push(`${start}+${step}`);
      }
    }
  }
  expect(waited).toEqual([]);
});

Deno.test("who reads anywhere has nothing fetched but what he reads", async () => {
  const { read, bucket } = await reader(CHUNKS);
  const anywhere = [90, 3, 150, 40, 120, 66, 12, 101, 134, 27];
  for (const chunk of anywhere) expect(await read(chunk)).toBe("waited");
  expect(bucket.gets).toBe(anywhere.length);
});

Deno.test("what is fetched ahead pushes nothing out that is about to be read, however small the cache", async () => {
  const { read, bucket } = await reader(8);
  const found: string[] = [];
  for (let chunk = 0; chunk < CHUNKS; chunk++) found.push(await read(chunk));
  expect(found.lastIndexOf("waited")).toBeLessThan(3);
  expect(bucket.gets).toBeLessThanOrEqual(CHUNKS);
});

Deno.test("damage ahead is told to who reads it, and to nobody before", async () => {
  const { read, volume, bucket, bytes } = await reader(CHUNKS);
  const second = volume.map.lookup({
    sector: 16 * CHUNK_BYTES / 512,
    length: 1,
  })[0]!;
  await bucket.delete([keys.nameOf("segment", second.holder!)]);
  for (let chunk = 0; chunk < 16; chunk++) await read(chunk);
  await expect(
    (async () => await bytes.read(16 * CHUNK_BYTES, new Uint8Array(512)))(),
  ).rejects.toThrow(MediaError);
});

Deno.test("nothing is fetched ahead once the volume is being closed, nor kept of what is on its way", async () => {
  const { read, volume, cache, bytes, bucket } = await reader(CHUNKS);
  for (let chunk = 0; chunk < 2; chunk++) await read(chunk);
  // The third step begins to fetch ahead.
  await bytes.read(2 * CHUNK_BYTES, new Uint8Array(CHUNK_BYTES));
  volume.reader.close();
  const held = cache!.sizeBytes;
  const { gets } = bucket;
  await settle();
  expect(cache!.sizeBytes).toBe(held);
  expect(bucket.gets - gets).toBeLessThanOrEqual(2);
});
