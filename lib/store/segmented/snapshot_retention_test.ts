/** What a snapshot keeps, for how long, and who may let it go. */
import { expect } from "expect";
import { type Bucket, BucketError } from "../../bucket/bucket.ts";
import { FaultBucket, type Schedule } from "../../bucket/fault_bucket.ts";
import { Fenced } from "./fenced.ts";
import {
  bucketOfVolume,
  fill,
  filled,
  namesOf,
  numbersOf,
  often,
  valuesThen,
} from "./testing/snapshots.ts";
import {
  keys,
  namesIn,
  openOn,
  SECTOR_BYTES,
  values,
} from "./testing/volumes.ts";

Deno.test("a snapshot that no listing shows keeps what it needs", async () => {
  const memory = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, memory);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("hidden");
  await volume.row.checkpoint();
  // Neither its name nor its checkpoint is listed.
  const hidden = [
    keys.nameOf("snapshot", number),
    keys.nameOf("checkpoint", number),
  ];
  const lagging: Bucket = {
    create: (name, bytes) => memory.create(name, bytes),
    get: (name, range) => memory.get(name, range),
    list: async (prefix, after) => {
      const { objects, more } = await memory.list(prefix, after);
      const shown = objects.filter(({ name }) => !hidden.includes(name));
      return { objects: shown, more };
    },
    delete: (names) => memory.delete(names),
    close: () => Promise.resolve(),
  };
  const other = await openOn({ pin: undefined }, lagging, often);
  for (let n = 0; n < 4; n++) await fill(other, 20 + n);
  expect(await namesOf(other)).toEqual(["hidden"]);
  const third = await openOn({ pin: undefined }, lagging, often);
  for (let n = 0; n < 4; n++) await fill(third, 30 + n);
  expect(await valuesThen(third, number)).toEqual(filled(10));
});

Deno.test("what a snapshot alone needed goes with it, whoever made it and whenever", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket, often);
  await fill(volume, 10);
  const its = await numbersOf(bucket, "segment");
  const { number } = await volume.snapshots.create("then");
  for (let n = 0; n < 3; n++) await fill(volume, 20 + n);
  const second = await volume.snapshots.create("later");
  // Another process has never read what it needs.
  const other = await openOn({ pin: undefined }, bucket, often);
  await other.snapshots.release(number);
  await fill(other, 30);
  const left = await numbersOf(bucket, "segment");
  // Claims stay.
  expect(its.filter((number) => left.includes(number))).toEqual([1]);
  expect(await numbersOf(bucket, "snapshot")).toEqual([second.number]);
  expect(await numbersOf(bucket, "checkpoint")).not.toContain(number);
  expect(await valuesThen(other, second.number)).toEqual(filled(22));
  await expect(other.snapshots.view(number)).rejects.toThrow("no snapshot");
  await expect(other.snapshots.restore(number)).rejects.toThrow("no snapshot");
  await expect(other.snapshots.release(number)).rejects.toThrow("no snapshot");
});

Deno.test("a view of a snapshot that is released goes on until it is closed", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket, often);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("then");
  const view = await volume.snapshots.view(number);
  await volume.snapshots.release(number);
  for (let n = 0; n < 3; n++) await fill(volume, 20 + n);
  const bytes = new Uint8Array(SECTOR_BYTES);
  await view.read(0, bytes);
  expect(bytes[0]).toBe(10);
  await view.close();
});

Deno.test("what a crash leaves of a release goes when the volume is opened the next time", async () => {
  const memory = await bucketOfVolume();
  const state = { on: false };
  const schedule: Schedule = ({ kind }) =>
    state.on && kind === "delete"
      ? { before: new BucketError("uncertain", "no answer") }
      : undefined;
  const volume = await openOn(
    { pin: undefined },
    new FaultBucket(memory, schedule),
    often,
  );
  await fill(volume, 10);
  const its = await numbersOf(memory, "segment");
  const { number } = await volume.snapshots.create("then");
  for (let n = 0; n < 3; n++) await fill(volume, 20 + n);
  state.on = true;
  await volume.snapshots.release(number);
  expect(await numbersOf(memory, "snapshot")).toEqual([number]);
  const other = await openOn({ pin: undefined }, memory, often);
  expect(await other.snapshots.list()).toEqual([]);
  expect(await numbersOf(memory, "snapshot")).toEqual([]);
  await fill(other, 30);
  const left = await numbersOf(memory, "segment");
  expect(its.filter((number) => left.includes(number))).toEqual([1]);
  expect(await numbersOf(memory, "checkpoint")).not.toContain(number);
});

Deno.test("a writer that has lost the volume makes, releases and restores no snapshot, and deletes nothing", async () => {
  const bucket = await bucketOfVolume();
  const loser = await openOn({ pin: undefined }, bucket, often);
  await fill(loser, 10);
  const { number } = await loser.snapshots.create("kept");
  await fill(loser, 20);
  const winner = await openOn({ pin: undefined }, bucket);
  await fill(winner, 30);
  const before = await namesIn(bucket);
  await expect(loser.snapshots.create("never")).rejects.toThrow(Fenced);
  await expect(loser.snapshots.release(number)).rejects.toThrow(Fenced);
  await expect(loser.snapshots.restore(number)).rejects.toThrow(Fenced);
  const after = await namesIn(bucket);
  expect(before.filter((name) => !after.includes(name))).toEqual([]);
  expect(await namesOf(winner)).toEqual(["kept"]);
  expect(await values(winner, 4)).toEqual(filled(30));
  // It has found out at its checkpoint, before it made a name.
  expect(await numbersOf(bucket, "snapshot")).toEqual([number]);
  const next = await openOn({ pin: undefined }, bucket);
  expect(await namesOf(next)).toEqual(["kept"]);
  expect(await numbersOf(bucket, "snapshot")).toEqual([number]);
});

Deno.test("a name that another has given since stays, whoever sleeps while it opens the volume", async () => {
  const memory = await bucketOfVolume();
  const first = await openOn({ pin: undefined }, memory, often);
  await fill(first, 10);
  // Reads and claims, and sleeps before its first checkpoint.
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const slow = new FaultBucket(memory, ({ kind, name }) => {
    if (kind !== "create" || !name.startsWith("m/")) return undefined;
    arrived.resolve();
    return { delay: gate.promise };
  });
  const sleeping = openOn({ pin: undefined }, slow, often);
  await arrived.promise;
  const winner = await openOn({ pin: undefined }, memory, often);
  const { number } = await winner.snapshots.create("new");
  await fill(winner, 20);
  gate.resolve();
  await expect(sleeping).rejects.toThrow(Fenced);
  expect(await numbersOf(memory, "snapshot")).toEqual([number]);
  for (let n = 0; n < 3; n++) await fill(winner, 30 + n);
  expect(await valuesThen(winner, number)).toEqual(filled(10));
});

Deno.test("what was dead before any checkpoint told of it goes, whoever opens the volume then", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket);
  await fill(volume, 10);
  const its = await numbersOf(bucket, "segment");
  await fill(volume, 20);
  await volume.row.checkpoint();
  const other = await openOn({ pin: undefined }, bucket, often);
  for (let n = 0; n < 2; n++) await fill(other, 30 + n);
  const left = await numbersOf(bucket, "segment");
  expect(its.filter((number) => left.includes(number))).toEqual([1]);
});
