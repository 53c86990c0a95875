/** What is in the bucket and nobody heard of, because the node was killed or its line broke: it does not come again, so the bucket stays a prefix. */
import { expect } from "expect";
import { BucketError } from "../../bucket/bucket.ts";
import { CrashDisk } from "../../journal/testing/crash_disk.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { openJournal } from "../testing/journaled.ts";
import { heldVolume, turns } from "./testing/held_volume.ts";
import { openOn, values } from "./testing/volumes.ts";

/** A write of a sector is a batch, and so a segment. */
const SEGMENT_BYTES = 1024;

/** Four writes, each a segment of its own; all are under way, and `arrived` of them are there. Nobody hears of any. */
async function unheard(arrived: number) {
  const disk = new CrashDisk(new Dice(1));
  const held = await heldVolume({
    segmentBytes: SEGMENT_BYTES,
    journal: await openJournal(disk.folder("j")),
  });
  const { bucket, machine, volume, first } = held;
  for (const [sector, value] of [[0, 1], [0, 2], [1, 3], [2, 4]] as const) {
    await volume.store.write(sector * 512, new Uint8Array(512).fill(value));
  }
  await turns();
  expect(bucket.underWay).toEqual([first, first + 1, first + 2, first + 3]);
  for (let n = 0; n < arrived; n++) await bucket.arrive(first + n);
  /** Opens the volume where nothing is known of it. */
  const third = async () => {
    const copy = bucket.copy();
    return await values(await openOn({ pin: undefined }, copy), 4);
  };
  /** The node comes back after a kill. */
  const again = async () => {
    bucket.holds = false;
    bucket.held.clear();
    const journal = await openJournal(disk.copy().folder("j"));
    const opened = await openOn(machine, bucket, { cleans: false, journal });
    bucket.holds = true;
    return opened;
  };
  return { ...held, third, again };
}

Deno.test("after a kill only what is missing in the bucket comes, and whoever looks meanwhile sees a prefix", async () => {
  const { bucket, first, third, again } = await unheard(3);
  expect(await third()).toEqual([2, 3, 0, 0]);
  const { row, store } = await again();
  expect(await values({ store } as never, 4)).toEqual([2, 3, 4, 0]);
  const drained = store.drained();
  await turns();
  // Behind three segments and a claim.
  expect(row.end.next).toBe(first + 3 + 256);
  expect(bucket.underWay).toEqual([row.end.next]);
  expect(await third()).toEqual([2, 3, 0, 0]);
  bucket.held.get(row.end.next)!.resolve();
  await drained;
  expect(store.undrainedBytes).toBe(0);
  expect(await third()).toEqual([2, 3, 4, 0]);
  expect(await values({ store } as never, 4)).toEqual([2, 3, 4, 0]);
});

Deno.test("where all of it is there nothing comes again, also when a checkpoint is all that tells of it", async () => {
  const { bucket, first, third, again } = await unheard(4);
  const one = await again();
  expect(one.row.end.next).toBe(first + 4 + 256);
  // It was killed again before it had marked anything.
  const { row, store } = await again();
  const drained = store.drained();
  await turns();
  expect(bucket.underWay).toEqual([]);
  await drained;
  expect(store.undrainedBytes).toBe(0);
  expect(row.end.next).toBe(first + 4 + 2 * 256);
  expect(await third()).toEqual([2, 3, 4, 0]);
});

Deno.test("where the line broke, what has arrived does not come again either", async () => {
  const { bucket, volume, first, third } = await unheard(2);
  const { store, row } = volume;
  bucket.holds = false;
  for (const { reject } of [...bucket.held.values()]) {
    reject(new BucketError("uncertain", "no answer"));
  }
  await store.drained();
  expect(store.undrainedBytes).toBe(0);
  // Behind two segments and a claim the other two.
  expect(row.end.next).toBe(first + 2 + 256 + 2);
  expect(await third()).toEqual([2, 3, 4, 0]);
});

Deno.test("what another machine's journal has in the row is nothing that this one's has", async () => {
  const { bucket, third } = await unheard(4);
  bucket.holds = false;
  const { store, row } = await openOn({ pin: undefined }, bucket);
  expect(row.end.drained?.last).toBe(4);
  await store.write(0, new Uint8Array(512).fill(9));
  await store.drained();
  expect(await third()).toEqual([9, 3, 4, 0]);
  expect(row.end.drained?.last).toBe(1);
});

Deno.test("a journal that is older than what was uploaded from it is refused, and nothing is changed", async () => {
  const disk = new CrashDisk(new Dice(1));
  const { bucket, machine, volume } = await heldVolume({
    journal: await openJournal(disk.folder("j")),
  });
  bucket.holds = false;
  const yesterday = { disk: disk.copy(), pin: machine.pin };
  await volume.store.write(0, new Uint8Array(512).fill(1));
  await volume.store.drained();
  const { next } = volume.row.end;
  // The node's disk is put back, with all that is on it.
  machine.pin = yesterday.pin;
  const journal = await openJournal(yesterday.disk.folder("j"));
  const opening = openOn(machine, bucket, { cleans: false, journal });
  await expect(opening).rejects.toThrow(
    "The journal on this node's disk is older than what was uploaded from it: it ends with entry 0, and entry 1 is in the bucket",
  );
  await volume.store.write(512, new Uint8Array(512).fill(2));
  await volume.store.drained();
  expect(volume.row.end.next).toBe(next + 1);
});
