/** Clones of volumes in a bucket: what they share with those that they were made of, and what not. */
import { expect } from "expect";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { MAX_ANCESTORS } from "../../segments/ancestor.ts";
import { systemPrimitives as primitives } from "../../os/primitives.ts";
import { ChunkCache } from "../chunk_cache.ts";
import { MemoryFile } from "../testing/memory_file.ts";
import { noTime } from "../testing/journaled.ts";
import { readSnapshot } from "./snapshot_reading.ts";
import { cloned, Home, placesIn, source, under } from "./testing/clones.ts";
import { fill, filled, often, SIZE_BYTES } from "./testing/snapshots.ts";
import { openOn, put, SECTOR_BYTES, values } from "./testing/volumes.ts";
import { MAX_CLONES } from "./volume_clones.ts";

Deno.test("a clone begins with what the snapshot has, and copies no data", async () => {
  const { bucket, volume, copy, clone, made } = await cloned();
  expect(made.sizeBytes).toBe(SIZE_BYTES);
  expect(made.liveBytes).toBe(4 * SECTOR_BYTES);
  expect(await values(copy, 5)).toEqual([...filled(10), 0]);
  expect(await values(volume, 4)).toEqual(filled(20));
  expect(copy.store.sizeBytes).toBe(SIZE_BYTES);
  // A claim, and nothing else.
  expect(await under(bucket, `${clone.prefix}d/`)).toHaveLength(1);
  expect(copy.inheritedBytes).toBe(4 * SECTOR_BYTES);
  expect(copy.storedBytes).toBeLessThan(2048);
});

Deno.test("what is written to a clone is the clone's, and what is written to its source the source's", async () => {
  const { bucket, home, volume, clone, copy } = await cloned();
  await put(copy, { sector: 1, value: 77 });
  await put(volume, { sector: 2, value: 88 });
  await put(copy, { sector: 5, value: 78 });
  expect(await values(copy, 6)).toEqual([10, 77, 12, 13, 0, 78]);
  expect(await values(volume, 6)).toEqual([20, 21, 88, 23, 0, 0]);
  for (let n = 0; n < 3; n++) {
    const again = await clone.open(bucket);
    expect(await values(again, 6)).toEqual([10, 77, 12, 13, 0, 78]);
    expect(await values(await home.open(bucket), 4))
      .toEqual([20, 21, 88, 23]);
  }
  // With the key alone, on another machine.
  clone.machine = { pin: undefined };
  expect(await values(await clone.open(bucket), 6))
    .toEqual([10, 77, 12, 13, 0, 78]);
});

Deno.test("a clone has snapshots of its own, and is put back to them", async () => {
  const { bucket, clone, copy } = await cloned();
  const { number } = await copy.snapshots.create("before");
  for (let n = 0; n < 3; n++) await fill(copy, 30 + n);
  await copy.store.resize(2 * SIZE_BYTES);
  await copy.snapshots.restore(number);
  expect(await values(copy, 4)).toEqual(filled(10));
  const again = await clone.open(bucket, often);
  expect(again.store.sizeBytes).toBe(SIZE_BYTES);
  expect(await values(again, 4)).toEqual(filled(10));
  const { name, timeMs } = await again.snapshots.expect(number);
  await fill(again, 50);
  const place = clone.place(bucket);
  const reading = { bucket: place, keys: clone.keys, clock: noTime };
  const store = await readSnapshot(
    { ...reading, elsewhere: placesIn(bucket) },
    { name, timeMs },
  );
  const bytes = new Uint8Array(SECTOR_BYTES);
  await store.read(0, bytes);
  expect(bytes[0]).toBe(10);
  await expect(readSnapshot(reading, { name, timeMs })).rejects
    .toThrow("out of reach");
});

Deno.test("what a clone needs stays, whatever the source does, and the clone deletes nothing of it", async () => {
  const { bucket, home, volume, clone, copy, number } = await cloned();
  for (let n = 0; n < 4; n++) await fill(volume, 30 + n);
  await volume.cleaner!.settled();
  const later = await volume.snapshots.create("later");
  await volume.snapshots.restore(later.number);
  await volume.snapshots.restore(number);
  await fill(volume, 40);
  await volume.snapshots.release(later.number);
  const before = await under(bucket, `${home.prefix}`);
  for (let n = 0; n < 4; n++) {
    await put(copy, { sector: 0, value: 50 + n });
  }
  await copy.cleaner!.settled();
  // Nothing of the source lives in it any more.
  for (let n = 0; n < 4; n++) await fill(copy, 60 + n);
  await copy.cleaner!.settled();
  expect(copy.inheritedBytes).toBe(0);
  expect(await under(bucket, `${home.prefix}`)).toEqual(before);
  expect(
    [...copy.map.segments()].filter(({ number }) =>
      number < copy.superblock.ancestors!.at(-1)!.base
    ),
  ).toEqual([]);
  expect(await values(await clone.open(bucket), 4)).toEqual(filled(63));
  const other = new Home("other");
  await other.cloneOf({ home, volume }, number, bucket);
  expect(await values(await other.open(bucket), 4)).toEqual(filled(10));
});

Deno.test("a snapshot is not released while there is a clone of it, and is when the clone is gone", async () => {
  const { bucket, home, volume, clone, number } = await cloned();
  await expect(volume.snapshots.release(number)).rejects.toMatchObject({
    kind: "conflict",
    message: expect.stringContaining('Snapshot "then" has a clone'),
  });
  // Also by a process that has not made it, from a checkpoint and from the row.
  for (let n = 0; n < 3; n++) {
    const again = await home.open(bucket, n === 1 ? often : {});
    expect(again.snapshots.clones.list.map(({ clone }) => clone.name))
      .toEqual(["try"]);
    await expect(again.snapshots.release(number)).rejects.toThrow("a clone");
    await fill(again, 50 + n);
  }
  await clone.place(bucket)
    .delete([clone.keys.nameOf("superblock", 0)]);
  // Whoever cannot look where clones lie lets nothing go.
  const { keys, machine } = home;
  const blind = await openOn(machine, home.place(bucket), { keys });
  await expect(blind.snapshots.release(number)).rejects.toThrow("a clone");
  expect(await blind.snapshots.clones.look()).toHaveLength(1);
  const last = await home.open(bucket, often);
  await last.snapshots.release(number);
  expect(last.snapshots.clones.list).toEqual([]);
  await fill(last, 60);
  const segments = await under(bucket, `${home.prefix}d/`);
  for (let n = 0; n < 2; n++) await fill(last, 61 + n);
  expect((await under(bucket, `${home.prefix}d/`)).length)
    .toBeLessThanOrEqual(segments.length);
  expect((await home.open(bucket)).snapshots.clones.list).toEqual([]);
});

Deno.test("a clone of a clone reads from both, and keeps both", async () => {
  const { bucket, clone, copy, volume, number } = await cloned();
  await put(copy, { sector: 1, value: 77 });
  const second = await copy.snapshots.create("second");
  await fill(copy, 30);
  const third = new Home("third");
  await third.cloneOf({ home: clone, volume: copy }, second.number, bucket);
  const last = await third.open(bucket, often);
  expect(last.superblock.ancestors!.map(({ prefix }) => prefix))
    .toEqual(["photos/", "try/"]);
  expect(await values(last, 4)).toEqual([10, 77, 12, 13]);
  await put(last, { sector: 2, value: 99 });
  await expect(copy.snapshots.release(second.number)).rejects
    .toThrow("a clone");
  await expect(volume.snapshots.release(number)).rejects.toThrow("a clone");
  for (let n = 0; n < 3; n++) await fill(copy, 40 + n);
  expect(await values(await third.open(bucket), 4)).toEqual([10, 77, 99, 13]);
});

Deno.test("clones of clones end at a number, unless nothing of the first is read any more", async () => {
  const bucket = new MemoryBucket();
  let home = new Home("c0");
  await home.make(bucket, SIZE_BYTES);
  const grow = async (n: number) => {
    const volume = await home.open(bucket);
    await put(volume, { sector: n % 20, value: 1 + n });
    return { volume, snapshot: await volume.snapshots.create("then") };
  };
  const next = async (n: number) => {
    const { volume, snapshot } = await grow(n);
    const child = new Home(`c${n + 1}`);
    await child.cloneOf({ home, volume }, snapshot.number, bucket);
    home = child;
    return volume;
  };
  for (let n = 0; n < MAX_ANCESTORS; n++) await next(n);
  const full = await home.open(bucket);
  expect(full.superblock.ancestors).toHaveLength(MAX_ANCESTORS);
  expect(await values(full, MAX_ANCESTORS))
    .toEqual(Array.from({ length: MAX_ANCESTORS }, (_, n) => n + 1));
  await expect(next(MAX_ANCESTORS)).rejects.toMatchObject({
    kind: "conflict",
    message: expect.stringContaining("16 times over"),
  });
  // What lay in the first one's segment is written anew.
  const free = await home.open(bucket);
  await put(free, { sector: 0, value: 99 });
  const { number } = await free.snapshots.create("free");
  const child = new Home("free");
  await child.cloneOf({ home, volume: free }, number, bucket);
  const last = await child.open(bucket);
  expect(last.superblock.ancestors).toHaveLength(MAX_ANCESTORS);
  expect(await values(last, 3)).toEqual([99, 2, 3]);
});

Deno.test("a clone's cache holds what it has read of its source", async () => {
  const { bucket, clone } = await cloned();
  const [data, index] = [new MemoryFile(), new MemoryFile()];
  const cache = (volumeId: Uint8Array) =>
    new ChunkCache({
      ...{ data, index, volumeId, limitBytes: 2 ** 20 },
      hash: (...parts) => primitives.hash("sha256", ...parts),
    });
  const first = await clone.open(bucket, { cache, prefetches: true });
  expect(await values(first, 4)).toEqual(filled(10));
  await put(first, { sector: 3, value: 90 });
  await first.store.close();
  const again = await clone.open(bucket, { cache });
  const before = again.reader.fetchedBytes;
  expect(await values(again, 4)).toEqual([10, 11, 12, 90]);
  expect(again.reader.fetchedBytes).toBe(before);
});

Deno.test("a clone whose beginning is withheld is not taken for an empty volume", async () => {
  const { bucket, clone, number, ...from } = await source()
    .then((from) => ({ ...from, clone: new Home("try") }));
  await clone.cloneOf(from, number, bucket);
  const place = clone.place(bucket);
  const first = clone.keys.nameOf("checkpoint", 1);
  const bytes = (await place.get(first))!;
  await place.delete([first]);
  for (const pin of [clone.machine.pin, undefined]) {
    clone.machine = { pin };
    await expect(clone.open(bucket)).rejects.toThrow("began with is missing");
  }
  await place.create(first, bytes);
  const opened = await clone.open(bucket);
  expect(await values(opened, 4)).toEqual(filled(10));
});

Deno.test("nothing is put beside a volume of the same key, or the half of one", async () => {
  const { bucket, home, volume, number, clone, copy } = await cloned();
  await put(copy, { sector: 0, value: 1 });
  await copy.row.settled();
  const before = await under(bucket, clone.prefix);
  const again = () => clone.cloneOf({ home, volume }, number, bucket);
  await expect(again()).rejects.toMatchObject({ kind: "conflict" });
  expect(await under(bucket, clone.prefix)).toEqual(before);
  const place = clone.place(bucket);
  await place.delete([clone.keys.nameOf("superblock", 0)]);
  const half = await under(bucket, clone.prefix);
  await expect(again()).rejects.toThrow("the half of one");
  expect(await under(bucket, clone.prefix)).toEqual(half);
  await expect(clone.cloneOf({ home, volume }, 99, bucket)).rejects
    .toMatchObject({ kind: "not-found" });
});

Deno.test("a volume has so many clones at a time, and those that are gone do not count", async () => {
  const { bucket, home, volume, number } = await source();
  const homes = Array.from({ length: MAX_CLONES }, (_, n) => new Home(`${n}`));
  for (const one of homes) await one.cloneOf({ home, volume }, number, bucket);
  const more = new Home("more");
  await expect(more.cloneOf({ home, volume }, number, bucket)).rejects
    .toThrow("at most 256 clones");
  const [gone] = homes;
  await gone!.place(bucket).delete([gone!.keys.nameOf("superblock", 0)]);
  await more.cloneOf({ home, volume }, number, bucket);
  expect(await values(await more.open(bucket), 4)).toEqual(filled(10));
  expect((await home.open(bucket)).snapshots.clones.list)
    .toHaveLength(MAX_CLONES);
});
