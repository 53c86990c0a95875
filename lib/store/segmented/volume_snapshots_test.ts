/** Snapshots of a volume in a bucket, one thing at a time; `bucket_volume_crash_test.ts` has them live through crashes. */
import { expect } from "expect";
import { BucketError } from "../../bucket/bucket.ts";
import { FaultBucket, type Schedule } from "../../bucket/fault_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import { readSnapshot } from "./snapshot_reading.ts";
import {
  bucketOfVolume,
  fill,
  filled,
  namesOf,
  numbersOf,
  often,
  SECTORS,
  SIZE_BYTES,
  valuesThen,
} from "./testing/snapshots.ts";
import {
  copyOf,
  keys,
  type Machine,
  namesIn,
  openOn,
  put,
  putBack,
  SECTOR_BYTES,
  values,
} from "./testing/volumes.ts";

Deno.test("a snapshot is what the volume was, on this machine and on another, and costs a few small objects", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket, often);
  await fill(volume, 10);
  // The checkpoint behind it, too.
  await volume.row.settled();
  const before = await namesIn(bucket);
  const made = await volume.snapshots.create("monday");
  const added = (await namesIn(bucket)).filter((name) =>
    !before.includes(name)
  );
  expect(added.map((name) => keys.parseName(name)?.kind).sort())
    .toEqual(["checkpoint", "mark", "segment", "snapshot"]);
  expect(made).toMatchObject({ name: "monday", volumeBytes: SIZE_BYTES });
  expect(made.liveBytes).toBe(4 * SECTOR_BYTES);
  for (let n = 0; n < 3; n++) await fill(volume, 20 + n);
  expect(await valuesThen(volume, made.number)).toEqual(filled(10));
  expect(await values(volume, 4)).toEqual(filled(22));
  await expect(volume.snapshots.create("monday")).rejects.toThrow("already");
  const other = await openOn({ pin: undefined }, bucket, often);
  expect(await other.snapshots.list()).toEqual([made]);
  for (let n = 0; n < 3; n++) await fill(other, 30 + n);
  expect(await valuesThen(other, made.number)).toEqual(filled(10));
});

Deno.test("a snapshot is read by somebody who does not have the volume, and takes it from nobody", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket, often);
  await fill(volume, 10);
  const { name, timeMs, number } = await volume.snapshots.create("monday");
  const other = await volume.snapshots.create("tuesday");
  for (let n = 0; n < 3; n++) await fill(volume, 20 + n);
  const request = { bucket, keys, clock: noTime };
  const store = await readSnapshot(request, { name, timeMs });
  const bytes = new Uint8Array(SIZE_BYTES);
  await store.read(0, bytes);
  expect([0, 1, 2, 3, 4].map((n) => bytes[n * SECTOR_BYTES])).toEqual([
    ...filled(10),
    0,
  ]);
  await fill(volume, 30);
  const of = (name: string, timeMs: number) =>
    readSnapshot(request, { name, timeMs });
  await expect(of("wednesday", timeMs)).rejects.toThrow("does not show");
  await expect(of(name, timeMs + 1)).rejects.toThrow("does not show");
  await volume.snapshots.release(number);
  await expect(of(name, timeMs)).rejects.toThrow("does not show");
  await bucket.delete([keys.nameOf("checkpoint", other.number)]);
  await expect(of("tuesday", other.timeMs)).rejects.toThrow("is missing");
});

Deno.test("a view of now stands still, and is written to by nobody", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket, often);
  await volume.store.write(0, new Uint8Array(SECTOR_BYTES).fill(7));
  const view = await volume.snapshots.viewNow();
  for (let n = 0; n < 5; n++) await fill(volume, 20 + n);
  const bytes = new Uint8Array(2 * SECTOR_BYTES);
  await view.read(0, bytes);
  expect([bytes[0], bytes[SECTOR_BYTES]]).toEqual([7, 0]);
  expect(view.nextMapped(0)).toEqual({ offset: 0, length: SECTOR_BYTES });
  expect(view.nextMapped(SECTOR_BYTES)).toBeUndefined();
  expect(() => view.write(0, bytes)).toThrow("read-only");
  expect(() => view.unmap({ offset: 0, length: 512 })).toThrow("read-only");
  await expect(view.resize(512)).rejects.toThrow("read-only");
  // What it alone needed goes when it is closed.
  const held = await numbersOf(bucket, "segment");
  await view.close();
  await fill(volume, 30);
  const now = await numbersOf(bucket, "segment");
  expect(held.filter((number) => !now.includes(number))).not.toEqual([]);
});

Deno.test("a restored volume is what it was, with its size, and goes on from there", async () => {
  const bucket = await bucketOfVolume();
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("small");
  await volume.store.resize(2 * SIZE_BYTES);
  await fill(volume, 20);
  await put(volume, { sector: 2 * SECTORS - 1, value: 9 });
  const later = await volume.snapshots.create("large");
  await volume.snapshots.restore(number);
  expect(volume.store.sizeBytes).toBe(SIZE_BYTES);
  expect(await values(volume, 5)).toEqual([...filled(10), 0]);
  await put(volume, { sector: 1, value: 99 });
  const again = await openOn(here, bucket);
  expect(again.store.sizeBytes).toBe(SIZE_BYTES);
  expect(await values(again, 4)).toEqual([10, 99, 12, 13]);
  await again.snapshots.restore(later.number);
  const third = await openOn(here, bucket);
  expect(third.store.sizeBytes).toBe(2 * SIZE_BYTES);
  expect((await values(third, 2 * SECTORS))[2 * SECTORS - 1]).toBe(9);
  expect(await namesOf(third)).toEqual(["small", "large"]);
});

Deno.test("whoever reads on from a checkpoint from before a restore comes to the restored state, also when the snapshot was released since", async () => {
  const bucket = await bucketOfVolume();
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("then");
  await fill(volume, 20);
  await volume.row.checkpoint();
  const before = await numbersOf(bucket, "checkpoint");
  await volume.snapshots.restore(number);
  await put(volume, { sector: 0, value: 77 });
  await volume.snapshots.release(number);
  expect(await numbersOf(bucket, "snapshot")).toEqual([]);
  // All checkpoints from after the restore are withheld.
  const hidden = (await numbersOf(bucket, "checkpoint"))
    .filter((number) => !before.includes(number));
  expect(hidden.length).toBeGreaterThan(0);
  await bucket.delete(
    hidden.map((number) => keys.nameOf("checkpoint", number)),
  );
  const again = await openOn(here, bucket);
  expect(await values(again, 4)).toEqual([77, 11, 12, 13]);
  expect(await again.snapshots.list()).toEqual([]);
});

Deno.test("where the checkpoint of a restored snapshot is gone, the volume is not taken for what it was before", async () => {
  const bucket = await bucketOfVolume();
  const volume = await openOn({ pin: undefined }, bucket);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("then");
  await fill(volume, 20);
  await volume.row.checkpoint();
  await volume.snapshots.restore(number);
  await bucket.delete([keys.nameOf("checkpoint", number)]);
  await expect(openOn({ pin: undefined }, bucket)).rejects
    .toThrow(`Checkpoint ${number}, of a snapshot, is missing`);
});

Deno.test("a restore of which nobody heard whether it was done is over when that is known", async () => {
  const memory = await bucketOfVolume();
  for (const how of ["before", "after"] as const) {
    const state = { left: 0 };
    const schedule: Schedule = ({ kind, name }) =>
      kind === "create" && name.startsWith("d/") && state.left > 0 &&
        state.left-- > 0
        ? { [how]: new BucketError("uncertain", "no answer") }
        : undefined;
    const faults = new FaultBucket(memory, schedule);
    const volume = await openOn({ pin: undefined }, faults);
    await fill(volume, 10);
    const { number } = await volume.snapshots.create(`then-${how}`);
    await fill(volume, 20);
    state.left = 3;
    const restoring = volume.snapshots.restore(number);
    if (how === "after") await restoring;
    else await expect(restoring).rejects.toThrow("no answer");
    expect(state.left).toBe(0);
    await put(volume, { sector: 0, value: 5 });
    const [, ...rest] = filled(how === "after" ? 10 : 20);
    expect(await values(volume, 4)).toEqual([5, ...rest]);
    const again = await openOn({ pin: undefined }, memory);
    expect(await values(again, 4)).toEqual([5, ...rest]);
  }
});

Deno.test("a snapshot of which nobody heard that it was made is there, and its name is taken", async () => {
  const memory = await bucketOfVolume();
  const state = { on: false };
  const volume = await openOn(
    { pin: undefined },
    new FaultBucket(
      memory,
      ({ kind, name }) =>
        state.on && kind === "create" && name.startsWith("d/")
          ? { after: new BucketError("uncertain", "no answer") }
          : undefined,
    ),
  );
  await fill(volume, 10);
  state.on = true;
  await expect(volume.snapshots.create("heard")).rejects.toThrow("no answer");
  state.on = false;
  await expect(volume.snapshots.create("heard")).rejects.toThrow("already");
  expect(await namesOf(volume)).toEqual(["heard"]);
  const [one] = await volume.snapshots.list();
  expect(await valuesThen(volume, one!.number)).toEqual(filled(10));
});

Deno.test("a bucket that is put back behind a restore is refused by who remembers", async () => {
  const bucket = await bucketOfVolume();
  const here: Machine = { pin: undefined };
  const volume = await openOn(here, bucket);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("then");
  await fill(volume, 20);
  const copy = await copyOf(bucket);
  await volume.snapshots.restore(number);
  await putBack(bucket, copy);
  await expect(openOn(here, bucket)).rejects.toThrow("older state");
});
