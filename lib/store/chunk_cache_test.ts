import { expect } from "expect";
import fc from "fast-check";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { CHUNK_BYTES, ChunkCache, type ChunkId } from "./chunk_cache.ts";
import { MemoryFile } from "./testing/memory_file.ts";

const VOLUME_ID = new Uint8Array(16).fill(7);

class Place {
  data = new MemoryFile();
  index = new MemoryFile();
  open(slots: number, volumeId = VOLUME_ID): ChunkCache {
    return new ChunkCache({
      data: this.data,
      index: this.index,
      limitBytes: slots * CHUNK_BYTES,
      volumeId,
      hash: (...parts) => primitives.hash("sha256", ...parts),
    });
  }
}

/** A chunk's bytes: unlike any other's. */
function bytesOf({ segment, chunk }: ChunkId, length = 1000): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, segment);
  new DataView(bytes.buffer).setUint32(4, chunk);
  return bytes;
}

function has(cache: ChunkCache, id: ChunkId, length?: number): boolean {
  const wanted = bytesOf(id, length);
  const into = new Uint8Array(wanted.length);
  if (!cache.read(id, 0, into)) return false;
  expect(into).toEqual(wanted);
  return true;
}

const id = (segment: number, chunk = 0): ChunkId => ({ segment, chunk });

Deno.test("what was put is read, in part too, and what was not is not", () => {
  const cache = new Place().open(4);
  expect(has(cache, id(1))).toBe(false);
  cache.put(id(1, 3), bytesOf(id(1, 3), CHUNK_BYTES));
  cache.put(id(0xffff_ffff, 0xffff), bytesOf(id(0xffff_ffff, 0xffff), 9));
  expect(has(cache, id(1, 3), CHUNK_BYTES)).toBe(true);
  expect(has(cache, id(0xffff_ffff, 0xffff), 9)).toBe(true);
  const part = new Uint8Array(4);
  expect(cache.read(id(1, 3), 4, part)).toBe(true);
  expect(part).toEqual(Uint8Array.of(0, 0, 0, 3));
  expect(has(cache, id(1, 2))).toBe(false);
  expect(cache.uses).toEqual({ hits: 3, misses: 2 });
  // Another chunk begins where this one ends.
  expect(() => cache.read(id(0xffff_ffff, 0xffff), 4, new Uint8Array(6)))
    .toThrow(RangeError);
});

Deno.test("it holds no more than its limit, and keeps what is used", () => {
  const place = new Place();
  const cache = place.open(8);
  for (let n = 0; n < 8; n++) cache.put(id(n), bytesOf(id(n)));
  for (let n = 8; n < 200; n++) {
    expect(has(cache, id(3))).toBe(true);
    cache.put(id(n), bytesOf(id(n)));
    expect(has(cache, id(n))).toBe(true);
  }
  expect(cache.sizeBytes).toBe(8 * CHUNK_BYTES);
  expect(place.data.size()).toBeLessThanOrEqual(8 * CHUNK_BYTES);
});

Deno.test("what was saved is found by the next process, and nothing of another volume", async () => {
  const place = new Place();
  const cache = place.open(8);
  for (let n = 0; n < 6; n++) cache.put(id(n, n), bytesOf(id(n, n)));
  cache.drop(2, 10);
  await cache.save();
  const again = place.open(8);
  const kept = [0, 1, 2, 3, 4, 5].filter((n) => has(again, id(n, n)));
  expect(kept).toEqual([0, 1, 3, 4, 5]);
  const smaller = place.open(3);
  expect([0, 1, 2, 3, 4, 5].filter((n) => has(smaller, id(n, n))))
    .toEqual([0, 1]);
  expect(place.data.size()).toBe(3 * CHUNK_BYTES);
  await again.save();
  expect(place.open(8, new Uint8Array(16)).sizeBytes).toBe(0);
});

Deno.test("an index that a crash has left behind the data gives nothing wrong", async () => {
  const place = new Place();
  const cache = place.open(4);
  for (let n = 0; n < 4; n++) cache.put(id(n), bytesOf(id(n)));
  await cache.save();
  // Filled anew, and never saved.
  for (let n = 4; n < 7; n++) cache.put(id(n), bytesOf(id(n)));
  const again = place.open(4);
  const found = [0, 1, 2, 3, 4, 5, 6].filter((n) => has(again, id(n)));
  expect(found).toEqual([3]);
});

Deno.test("no bit of data or index can be changed and believed", async () => {
  const place = new Place();
  const cache = place.open(2);
  cache.put(id(1), bytesOf(id(1), 64));
  cache.put(id(2), bytesOf(id(2), 64));
  await cache.save();
  const [data, index] = [place.data.bytes.slice(), place.index.bytes.slice()];
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.nat(index.length * 8 - 1),
      fc.nat(63),
      (inData, indexBit, dataByte) => {
        place.data.bytes = data.slice();
        place.index.bytes = index.slice();
        if (inData) place.data.bytes[dataByte]! ^= 1;
        else place.index.bytes[indexBit >> 3]! ^= 1 << (indexBit & 7);
        const again = place.open(2);
        // `has` compares the bytes.
        const found = [1, 2].filter((n) => has(again, id(n), 64));
        expect(found).toEqual(inData ? [2] : []);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("a disk that takes nothing, or gives nothing back, is no cache and says so", () => {
  const place = new Place();
  const cache = place.open(4);
  cache.put(id(1), bytesOf(id(1)));
  place.data.broken = "write";
  cache.put(id(2), bytesOf(id(2)));
  expect(cache.trouble).toBe("ENOSPC");
  expect([has(cache, id(1)), has(cache, id(2))]).toEqual([true, false]);
  place.data.broken = "read";
  expect(has(cache, id(1))).toBe(false);
  expect(cache.trouble).toBe("EIO");
  place.data.broken = undefined;
  cache.put(id(2), bytesOf(id(2)));
  expect(cache.trouble).toBe(undefined);
  expect(has(cache, id(2))).toBe(true);
});

Deno.test("whatever is put, dropped and saved, what is read is what was put last", async () => {
  const step = fc.record({
    segment: fc.nat(5),
    chunk: fc.nat(3),
    what: fc.constantFrom("put", "put", "put", "read", "drop", "reopen"),
    length: fc.integer({ min: 8, max: 300 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const place = new Place();
      let cache = place.open(5);
      const lengths = new Map<string, number>();
      for (const { segment, chunk, what, length } of steps) {
        const at = { segment, chunk };
        const name = `${segment} ${chunk}`;
        if (what === "put") {
          cache.put(at, bytesOf(at, length));
          lengths.set(name, length);
        } else if (what === "read") {
          const known = lengths.get(name);
          const found = has(cache, at, known);
          if (known === undefined) expect(found).toBe(false);
        } else if (what === "drop") {
          cache.drop(segment, 4);
          for (let n = 0; n < 4; n++) lengths.delete(`${segment} ${n}`);
        } else {
          await cache.save();
          cache = place.open(5);
        }
      }
    }),
  );
});

Deno.test("its limit can be changed: what has no place any more goes, and the rest is what it was", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.record({ put: fc.integer({ min: 0, max: 40 }) }),
          fc.record({ drop: fc.integer({ min: 0, max: 40 }) }),
          fc.record({ slots: fc.integer({ min: 1, max: 40 }) }),
        ),
        { maxLength: 200 },
      ),
      async (steps) => {
        const place = new Place();
        const cache = place.open(20);
        for (let n = 0; n < 20; n++) cache.put(id(n), bytesOf(id(n)));
        let slots = 20;
        for (const step of steps) {
          if ("put" in step) {
            cache.put(id(step.put), bytesOf(id(step.put)));
            expect(has(cache, id(step.put))).toBe(true);
          } else if ("drop" in step) cache.drop(step.drop, 1);
          else cache.resize((slots = step.slots) * CHUNK_BYTES);
          // None is another's, and none is twice there.
          const there = Array.from({ length: 41 }, (_, n) => has(cache, id(n)))
            .filter((found) => found).length;
          expect(there).toBe(cache.sizeBytes / CHUNK_BYTES);
          expect(there).toBeLessThanOrEqual(slots);
          expect(place.data.size()).toBeLessThanOrEqual(slots * CHUNK_BYTES);
        }
        const left = cache.sizeBytes;
        await cache.save();
        expect(place.open(slots).sizeBytes).toBe(left);
      },
    ),
    { numRuns: 40 },
  );
});
