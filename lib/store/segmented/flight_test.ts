/** How segments go into the bucket, several at once: what may be under way, and what becomes of it where one does not arrive. */
import { expect } from "expect";
import type { Created } from "../../bucket/bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { UPLOADS } from "./row_queue.ts";
import {
  keys,
  type Machine,
  makeVolume,
  openOn,
  put,
  values,
} from "./testing/volumes.ts";

const SECTORS = 64;

/** A bucket that answers to segments when it is told to. */
class HeldBucket extends MemoryBucket {
  /** Those that are under way, in the order in which they came. */
  readonly held = new Map<number, PromiseWithResolvers<void>>();
  holds = false;

  override async create(name: string, bytes: Uint8Array): Promise<Created> {
    const parsed = keys.parseName(name);
    if (!this.holds || parsed?.kind !== "segment") {
      return await super.create(name, bytes);
    }
    // What is uploaded may lie in memory that is used again when it is.
    const copy = bytes.slice();
    const answer = Promise.withResolvers<void>();
    this.held.set(parsed.number, answer);
    try {
      await answer.promise;
    } finally {
      this.held.delete(parsed.number);
    }
    return await super.create(name, copy);
  }

  get underWay(): number[] {
    return [...this.held.keys()];
  }
}

async function heldVolume() {
  const bucket = new HeldBucket();
  await makeVolume(bucket, { sizeBytes: SECTORS * 512 });
  const machine: Machine = { pin: undefined };
  const volume = await openOn(machine, bucket, { cleans: false });
  bucket.holds = true;
  const { next: first } = volume.row.end;
  const done: number[] = [];
  const write = (sector: number) =>
    put(volume, { sector, value: sector + 1 })
      .then(() => void done.push(sector));
  return { bucket, machine, volume, first, done, write };
}

/** Long enough for whatever waits for nothing. */
async function turns(): Promise<void> {
  for (let n = 0; n < 500; n++) await undefined;
}

Deno.test("the next segment starts when the first has landed, and not before", async () => {
  const { bucket, volume, first, done, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS + 2 }, (_, n) => write(n));
  await turns();
  const window = (from: number) =>
    Array.from({ length: UPLOADS }, (_, n) => first + from + n);
  expect(bucket.underWay).toEqual(window(0));
  // However many behind it have arrived: more would lie further behind the end of the row than anybody expects.
  bucket.held.get(first + 1)!.resolve();
  bucket.held.get(first + 2)!.resolve();
  await turns();
  writes.push(write(6));
  await turns();
  expect(bucket.underWay).toEqual([first, first + 3]);
  expect(done).toEqual([]);
  bucket.held.get(first)!.resolve();
  await turns();
  expect(done).toEqual([0, 1, 2]);
  expect(bucket.underWay).toEqual(window(3));
  bucket.held.get(first + 3)!.resolve();
  await turns();
  expect(bucket.underWay).toEqual([first + 4, first + 5, first + 6]);
  // A write that comes meanwhile goes beside them.
  writes.push(write(10));
  await turns();
  expect(bucket.underWay).toEqual(window(4));
  for (const number of window(4)) bucket.held.get(number)!.resolve();
  await Promise.all(writes);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 10]);
  expect(await values(volume, 11)).toEqual([1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 11]);
});

Deno.test("what is resolved is pinned, though others are under way", async () => {
  const { bucket, machine, first, write } = await heldVolume();
  const writes = [write(0), write(1)];
  await turns();
  bucket.held.get(first)!.resolve();
  await writes[0];
  expect(machine.pin).toMatchObject({ next: first + 1 });
  bucket.held.get(first + 1)!.resolve();
  await writes[1];
  expect(machine.pin).toMatchObject({ next: first + 2 });
});

Deno.test("where one is not created, those behind it are not in the row, none starts after them, and all come again", async () => {
  const { bucket, machine, volume, first, done, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS + 2 }, (_, n) => write(n));
  let told = false;
  const outcomes = Promise.allSettled(writes).finally(() => told = true);
  await turns();
  bucket.held.get(first + 2)!.reject(new TypeError("gone"));
  await turns();
  bucket.held.get(first)!.resolve();
  await turns();
  expect(done).toEqual([0]);
  expect(bucket.underWay).toEqual([first + 1, first + 3]);
  bucket.held.get(first + 1)!.resolve();
  await turns();
  expect(done).toEqual([0, 1]);
  // Nothing is told while anything is under way.
  expect(told).toBe(false);
  bucket.held.get(first + 3)!.resolve();
  expect((await outcomes).map(({ status }) => status)).toEqual([
    ...["fulfilled", "fulfilled"],
    ...Array.from({ length: UPLOADS }, () => "rejected"),
  ]);
  expect(bucket.underWay).toEqual([]);
  bucket.holds = false;
  for (let n = 2; n < UPLOADS + 2; n++) await write(n);
  const expected = Array.from({ length: UPLOADS + 2 }, (_, n) => n + 1);
  expect(await values(volume, UPLOADS + 2)).toEqual(expected);
  // So far behind that no segment of before is in the way.
  expect(volume.row.end.next).toBeGreaterThan(first + 256);
  const again = await openOn(machine, bucket);
  expect(await values(again, UPLOADS + 2)).toEqual(expected);
});

Deno.test("whoever waits for a turn has it although writes never pause", async () => {
  const { bucket, volume, write } = await heldVolume();
  const writes = Array.from({ length: UPLOADS }, (_, n) => write(n));
  await turns();
  let resized = false;
  const resizing = volume.row.resize(2 * SECTORS * 512)
    .then(() => resized = true);
  for (let n = 0; !resized && n < 20; n++) {
    writes.push(write(n % SECTORS));
    bucket.held.get(bucket.underWay[0]!)?.resolve();
    await turns();
  }
  expect(resized).toBe(true);
  bucket.holds = false;
  for (const { resolve } of [...bucket.held.values()]) resolve();
  await Promise.all([...writes, resizing]);
  expect(volume.row.sizeBytes).toBe(2 * SECTORS * 512);
});
