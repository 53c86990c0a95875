/** What snapshots need is read back with the volume, and damage that only they see is told. */
import { expect } from "expect";
import type { Bucket } from "../../bucket/bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { noTime } from "../testing/journaled.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import { bucketOfVolume, fill, often } from "./testing/snapshots.ts";
import {
  keys,
  type Machine,
  makeVolume,
  namesIn,
  openOn,
  put,
  withoutCheckpoints,
} from "./testing/volumes.ts";
import { verifyVolume } from "./verify.ts";

const SOUND = { damages: [], unclaimed: [] };

const verify = (bucket: Bucket, { pin }: Partial<Machine> = {}) =>
  verifyVolume({ bucket, keys, clock: noTime, ...(pin && { pin }) });

/** A volume of which nothing is any more what it was when its snapshot was made. */
async function grown() {
  const bucket = await bucketOfVolume();
  const machine: Machine = { pin: undefined };
  const volume = await openOn(machine, bucket, often);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("then");
  const its = volume.map.live();
  for (let n = 0; n < 3; n++) await fill(volume, 20 + n);
  await quiet(volume);
  return { bucket, machine, volume, number, its };
}

async function quiet({ row, cleaner }: BucketVolume): Promise<void> {
  await row.settled();
  await cleaner?.settled();
  await row.settled();
}

async function flip(bucket: Bucket, name: string, at: number): Promise<void> {
  const bytes = (await bucket.get(name))!.slice();
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  await bucket.delete([name]);
  await bucket.create(name, bytes);
}

Deno.test("a segment that only a snapshot needs is read back, and named with it where it is damaged or gone", async () => {
  const { bucket, machine, its } = await grown();
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
  expect(its.length).toBeGreaterThan(0);
  for (const number of its) {
    const name = keys.nameOf("segment", number);
    const bytes = (await bucket.get(name))!.slice();
    const told = {
      ...{ kind: "segment", number, name, extents: [] },
      snapshots: ["then"],
    };
    await flip(bucket, name, -1);
    const flipped = await verify(bucket, machine);
    expect(flipped.damages).toMatchObject([
      { ...told, chunks: [0], why: "chunk 0 does not prove itself" },
    ]);
    await bucket.delete([name]);
    const gone = await verify(bucket, machine);
    expect(gone.damages).toMatchObject([{ ...told, why: "it is missing" }]);
    await bucket.create(name, bytes);
  }
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
});

Deno.test("a snapshot's own objects are read back, and are missed where they are gone", async () => {
  const { bucket, machine, number } = await grown();
  for (
    const [kind, why] of [
      ["snapshot", "it is missing"],
      ["checkpoint", "its checkpoint is not there"],
    ] as const
  ) {
    const name = keys.nameOf(kind, number);
    const bytes = (await bucket.get(name))!.slice();
    await bucket.delete([name]);
    const gone = await verify(bucket, machine);
    expect(gone.damages).toMatchObject([{ kind: "snapshot", number, why }]);
    await bucket.create(name, bytes);
    for (const at of [0, 40, 150, -1]) {
      await flip(bucket, name, at);
      const { damages } = await verify(bucket, machine);
      expect(damages.map(({ name }) => name)).toContain(name);
      await flip(bucket, name, at);
    }
  }
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
});

Deno.test("the state that a restore takes is needed as long as somebody may read it, and a volume that was put back is told as it is", async () => {
  const { bucket, machine, volume, number, its } = await grown();
  await volume.snapshots.restore(number);
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
  // What is damaged is the volume's again.
  const name = keys.nameOf("segment", its[0]!);
  await flip(bucket, name, -1);
  const found = await verify(bucket, machine);
  expect(found.damages).toMatchObject([{
    ...{ name, snapshots: ["then"] },
    extents: [{ length: 512 }],
  }]);
  await flip(bucket, name, -1);
  // The note lies behind the last checkpoint: nobody can open the volume without what it names.
  await bucket.delete([keys.nameOf("checkpoint", number)]);
  const { damages } = await verify(bucket, machine);
  const lost = damages.find(({ kind }) => kind === "checkpoint");
  expect(lost).toMatchObject({ number, extents: "all", closes: true });
});

Deno.test("what a crash leaves of snapshots is no damage", async () => {
  const { bucket, machine, volume, number } = await grown();
  const kept = new Map<string, Uint8Array>();
  for (const name of await namesIn(bucket)) {
    kept.set(name, (await bucket.get(name))!.slice());
  }
  await volume.snapshots.release(number);
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
  const gone = [...kept].filter(([name]) =>
    keys.parseName(name)?.number === number
  );
  for (const [name, bytes] of gone) await bucket.create(name, bytes);
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
});

Deno.test("a snapshot whose release no checkpoint tells of needs nothing any more", async () => {
  const { bucket, machine, number, its } = await grown();
  const state = { on: false };
  const volume = await openOn(machine, withoutCheckpoints(bucket, state));
  state.on = true;
  await volume.snapshots.release(number);
  expect(await verify(bucket, machine)).toMatchObject(SOUND);
  // It is there yet, and should be what was written.
  await flip(bucket, keys.nameOf("segment", its[0]!), -1);
  const { damages } = await verify(bucket, machine);
  expect(damages).toMatchObject([{ number: its[0], snapshots: [] }]);
});

Deno.test("beside a writer that makes, releases and restores snapshots, and cleans, there is no false alarm", async () => {
  let [made, released, restored, moved] = [0, 0, 0, 0];
  for (let seed = 0; seed < 40; seed++) {
    const dice = new Dice(seed);
    const memory = new MemoryBucket({ pageObjects: 7 });
    const [sectors, segmentBytes] = [64, 16 * 512];
    await makeVolume(memory, { sizeBytes: sectors * 512, segmentBytes });
    const machine: Machine = { pin: undefined };
    const checkpointEvery = 1 + dice.next(6);
    const volume = await openOn(machine, memory, { checkpointEvery });
    const { snapshots } = volume;
    const act = async () => {
      const [first] = await snapshots.list();
      const which = dice.next(10);
      if (which === 0 && !first) {
        await snapshots.create(`of-${made++}`);
      } else if (which === 1 && first) {
        await snapshots.release(first.number);
        released++;
      } else if (which === 2 && first) {
        await snapshots.restore(first.number);
        restored++;
      } else {
        const length = 1 + dice.next(8);
        const sector = dice.next(sectors - length + 1);
        const value = 1 + dice.next(255);
        await put(volume, { sector, sectors: length, value });
      }
    };
    for (let n = dice.next(40); n > 0; n--) await act();
    let looks = 0;
    const bucket: Bucket = {
      create: (name, bytes) => memory.create(name, bytes),
      get: async (name, range) => {
        // It rests in the end: nobody catches one that is quicker than a look.
        if (looks++ < 200 && dice.once(4)) await act();
        return await memory.get(name, range);
      },
      list: (prefix, after) => memory.list(prefix, after),
      delete: (names) => memory.delete(names),
      close: () => Promise.resolve(),
    };
    const during = await verify(bucket, machine);
    expect({ seed, ...during }).toMatchObject({ seed, ...SOUND });
    await quiet(volume);
    const after = await verify(memory, machine);
    expect({ seed, ...after }).toMatchObject({ seed, ...SOUND });
    moved += volume.cleaner!.moved.segments;
  }
  for (const count of [made, released, restored, moved]) {
    expect(count).toBeGreaterThan(10);
  }
});
