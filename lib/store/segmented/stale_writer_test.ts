/** Writers that slept, buckets that were put back, and what must not come of it. */
import { expect } from "expect";
import { type Bucket, BucketError, type Created } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { readPast } from "./past.ts";
import { noTime } from "../testing/journaled.ts";
import { Fenced } from "./fenced.ts";
import { GatedBucket } from "./testing/gated_bucket.ts";
import {
  bucketOf,
  copyOf,
  keys,
  type Machine,
  makeVolume,
  namesIn,
  openOn,
  put,
  putBack,
  values,
  withoutCheckpoints,
} from "./testing/volumes.ts";

const SIZE_BYTES = 16 * 512;
const often = { checkpointEvery: 1 };

/** Creates of segments wait until they are let go. */
class Held implements Bucket {
  readonly #inner: Bucket;
  #gate: Promise<void> | undefined;
  arrived: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(inner: Bucket) {
    this.#inner = inner;
  }
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }
  async create(name: string, bytes: Uint8Array): Promise<Created> {
    if (name.startsWith("d/")) {
      this.arrived.resolve();
      await this.#gate;
    }
    return await this.#inner.create(name, bytes);
  }
  get: Bucket["get"] = (name, range) => this.#inner.get(name, range);
  list: Bucket["list"] = (prefix, after) => this.#inner.list(prefix, after);
  delete: Bucket["delete"] = (names) => this.#inner.delete(names);
  close(): Promise<void> {
    return Promise.resolve();
  }
}

Deno.test("a writer that lost the volume finds the claim, however much was written and deleted since", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const loser = await openOn({ pin: undefined }, bucket, often);
  await put(loser, { sector: 0, value: 1 });
  await put(loser, { sector: 1, value: 2 });
  // Whoever takes the volume over and dies leaves a claim that the next one finds in the row.
  const dying = openOn({ pin: undefined }, withoutCheckpoints(bucket));
  await expect(dying).rejects.toThrow("no answer");
  const winner = await openOn({ pin: undefined }, bucket, often);
  for (let n = 0; n < 10; n++) await put(winner, { sector: 2, value: 10 + n });
  await expect(put(loser, { sector: 0, value: 99 })).rejects.toThrow(Fenced);
  expect(await values(winner, 3)).toEqual([1, 2, 19]);
  const again = await openOn({ pin: undefined }, bucket);
  expect(await values(again, 3)).toEqual([1, 2, 19]);
});

Deno.test("who slept between reading the row and claiming it claims nothing that was used and deleted meanwhile", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const winner = await openOn({ pin: undefined }, bucket, often);
  await put(winner, { sector: 0, value: 1 });
  const held = new Held(bucket);
  const wake = held.hold();
  const opening = openOn({ pin: undefined }, held, often);
  await held.arrived.promise;
  for (let n = 0; n < 10; n++) await put(winner, { sector: 1, value: 10 + n });
  wake();
  await expect(opening).rejects.toThrow(Fenced);
  await put(winner, { sector: 2, value: 3 });
  const again = await openOn({ pin: undefined }, bucket);
  expect(await values(again, 3)).toEqual([1, 19, 3]);
});

Deno.test("who restarts with a journal takes nothing back that another has claimed since it looked", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const here: Machine = { pin: undefined };
  await put(await openOn(here, bucket), { sector: 0, value: 1 });
  const held = new Held(bucket);
  const wake = held.hold();
  const opening = openOn(here, held);
  await held.arrived.promise;
  const other = await openOn({ pin: undefined }, bucket);
  await put(other, { sector: 0, value: 2 });
  wake();
  await expect(opening).rejects.toThrow(Fenced);
  await put(other, { sector: 1, value: 3 });
  const again = await openOn({ pin: undefined }, bucket);
  expect(await values(again, 2)).toEqual([2, 3]);
});

Deno.test("each claim is known again that was tried while nobody answered, whichever arrives", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const here: Machine = { pin: undefined };
  await put(await openOn(here, memory), { sector: 0, value: 1 });
  const error = new BucketError("uncertain", "no answer");
  const bucket = new FaultBucket(
    memory,
    ({ kind, name }) =>
      kind === "create" && name.startsWith("d/")
        ? { late: { error, operations: 1000 } }
        : undefined,
  );
  for (let tries = 0; tries < 3; tries++) {
    // The process dies of it each time.
    await expect(openOn(here, bucket)).rejects.toThrow("no answer");
  }
  expect(here.pin?.claims).toHaveLength(3);
  await bucket.settle();
  const volume = await openOn(here, memory);
  await put(volume, { sector: 1, value: 2 });
  expect(await values(volume, 2)).toEqual([1, 2]);
  expect(here.pin?.claims).toBeUndefined();
});

Deno.test("a claim that is tried again and again in one life is one object", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const state = { on: false };
  const error = new BucketError("uncertain", "no answer");
  const bucket = new FaultBucket(
    memory,
    ({ kind }) => kind === "create" && state.on ? { before: error } : undefined,
  );
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  state.on = true;
  for (let tries = 0; tries < 5; tries++) {
    await expect(put(volume, { sector: 0, value: 1 })).rejects.toThrow();
  }
  expect(here.pin?.claims).toHaveLength(1);
  state.on = false;
  await put(volume, { sector: 0, value: 1 });
  expect(here.pin?.claims).toBeUndefined();
});

Deno.test("a bucket that was put back and written to by another is refused, although it goes further than what is remembered", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const copy = await copyOf(bucket);
  const here: Machine = { pin: undefined };
  const mine = await openOn(here, bucket);
  await put(mine, { sector: 0, value: 1 });
  await putBack(bucket, copy);
  const other = await openOn({ pin: undefined }, bucket);
  for (let n = 0; n < 3; n++) await put(other, { sector: n, value: 7 });
  await expect(openOn(here, bucket)).rejects
    .toThrow("Another node has written to this volume since");
});

Deno.test("another's claim behind our own, of which we never heard, is another's", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const here: Machine = { pin: undefined };
  await openOn(here, bucket);
  // It is pinned before it is made, and the process ends.
  const kept = { ...here };
  const dying = openOn(here, withoutCheckpoints(bucket), {
    keepPin: (pin) => {
      if (pin.claims) kept.pin = pin;
    },
  });
  await expect(dying).rejects.toThrow("no answer");
  expect(kept.pin?.claims).toHaveLength(1);
  const other = openOn({ pin: undefined }, withoutCheckpoints(bucket));
  await expect(other).rejects.toThrow("no answer");
  await expect(openOn(kept, bucket)).rejects
    .toThrow("Another node has written to this volume since");
});

Deno.test("a segment that is missing inside the row is noticed by who remembers nothing", async () => {
  const bucket = await bucketOf(SIZE_BYTES);
  const volume = await openOn({ pin: undefined }, bucket);
  for (let n = 0; n < 8; n++) await put(volume, { sector: n, value: n + 1 });
  const { next } = volume.row.end;
  await bucket.delete([keys.nameOf("segment", next - 6)]);
  await expect(openOn({ pin: undefined }, bucket)).rejects.toThrow(
    "is missing or not what was written",
  );
});

Deno.test("a checkpoint that cannot be written is told of", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const state = { on: false };
  const volume = await openOn(
    { pin: undefined },
    withoutCheckpoints(memory, state),
    often,
  );
  state.on = true;
  await put(volume, { sector: 0, value: 1 });
  await volume.row.settled();
  expect(volume.row.trouble).toContain("no answer");
  state.on = false;
  await put(volume, { sector: 0, value: 2 });
  await volume.row.settled();
  expect(volume.row.trouble).toBeUndefined();
});

Deno.test("who opens a volume while another writes and deletes what was to be read reads it from further on", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const writer = await openOn({ pin: undefined }, memory, often);
  for (let n = 0; n < 6; n++) await put(writer, { sector: n, value: 1 });
  const gated = new GatedBucket(memory);
  // The reader has a checkpoint, and is about to read what comes behind it.
  const next = keys.nameOf("segment", writer.row.end.next);
  const reading = gated.holdNext({ kind: "get", prefix: next, side: "before" });
  const past = readPast({
    ...{ bucket: gated, keys, volumeBytes: SIZE_BYTES, pin: undefined },
    ...{ volumeId: writer.superblock.volumeId, clock: noTime },
  });
  await reading.arrived;
  for (let n = 0; n < 10; n++) await put(writer, { sector: 7, value: 10 + n });
  reading.open();
  const { end, map } = await past;
  expect(end.next).toBe(writer.row.end.next);
  expect([...map.runs()]).toEqual([...writer.map.runs()]);
});

Deno.test("who remembers more than a listing shows finds it by its mark, and is refused where there is none", async () => {
  const memory = new MemoryBucket();
  await makeVolume(memory, { sizeBytes: SIZE_BYTES });
  let lagging = 0;
  const bucket = new FaultBucket(memory, ({ kind, name }) => {
    if (kind !== "list" || name !== "m/" || lagging === 0) return undefined;
    lagging--;
    // All checkpoints there are.
    return { lagging: 50 };
  });
  const here: Machine = { pin: undefined };
  const writer = await openOn(here, bucket, often);
  for (let n = 0; n < 6; n++) await put(writer, { sector: 7, value: 1 + n });
  await writer.row.settled();
  lagging = 2;
  const again = await openOn(here, bucket, often);
  expect((await values(again, 8))[7]).toBe(6);
  lagging = 100;
  const third = await openOn(here, bucket, often);
  expect((await values(third, 8))[7]).toBe(6);
  await third.row.settled();
  const marks = (await namesIn(memory))
    .filter((name) => keys.parseName(name)?.kind === "mark");
  expect(marks.length).toBeGreaterThan(6);
  await memory.delete(marks);
  lagging = 100;
  await expect(openOn(here, bucket)).rejects.toThrow("shows an older state");
});

Deno.test("who cannot read it although nobody writes is told at once", async () => {
  const memory = await bucketOf(SIZE_BYTES);
  const writer = await openOn({ pin: undefined }, memory);
  for (let n = 0; n < 8; n++) await put(writer, { sector: n, value: 1 });
  await memory.delete([keys.nameOf("segment", writer.row.end.next - 7)]);
  let listings = 0;
  const counted = new FaultBucket(memory, ({ kind, name }) => {
    if (kind === "list" && name === "m/") listings++;
    return undefined;
  });
  await expect(openOn({ pin: undefined }, counted)).rejects
    .toThrow("is missing or not what was written");
  expect(listings).toBe(2);
});

Deno.test("a writer that was fenced, or does not know what has arrived, finds out that it has lost the volume though nobody writes", async () => {
  const memory = new MemoryBucket();
  await makeVolume(memory, { sizeBytes: 64 * 512 });
  const state = { fails: false };
  const bucket = new FaultBucket(
    memory,
    ({ kind }) =>
      state.fails && kind === "create"
        ? { before: new BucketError("uncertain", "no answer") }
        : undefined,
  );
  for (const fails of [false, true]) {
    const loser = await openOn({ pin: undefined }, bucket);
    await put(loser, { sector: 0, value: 1 });
    state.fails = fails;
    if (fails) {
      await expect(put(loser, { sector: 1, value: 1 })).rejects
        .toThrow("no answer");
    }
    state.fails = false;
    await openOn({ pin: undefined }, memory);
    if (!fails) {
      await expect(put(loser, { sector: 1, value: 1 })).rejects
        .toThrow(Fenced);
    }
    await expect(loser.row.expectOurs()).rejects.toThrow(Fenced);
    await expect(loser.row.expectOurs()).rejects.toThrow(Fenced);
  }
});
