import { expect } from "expect";
import type { Bucket } from "../../bucket/bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { noTime } from "../testing/journaled.ts";
import { bucketOf, livedVolume } from "./testing/lived_volume.ts";
import {
  keys,
  type Machine,
  makeVolume,
  openOn,
  put,
  withoutCheckpoints,
} from "./testing/volumes.ts";
import { type Verified, type VerifyOptions, verifyVolume } from "./verify.ts";

const SIZE_BYTES = 64 * 512;
const SOUND = { damages: [], unclaimed: [] };

const verify = (bucket: Bucket, more: Partial<VerifyOptions> = {}) =>
  verifyVolume({ bucket, keys, clock: noTime, ...more });

async function volumeOn(bucket: Bucket, checkpointEvery = 1000) {
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const machine: Machine = { pin: undefined };
  const volume = await openOn(machine, bucket, { checkpointEvery });
  return { machine, volume };
}

/** Counts what is read of each object, and does something before a read. */
function watched(
  inner: Bucket,
  before: (name: string) => void | Promise<void> = () => {},
) {
  const reads = new Map<string, number>();
  const bucket: Bucket = {
    create: (name, bytes) => inner.create(name, bytes),
    get: async (name, range) => {
      reads.set(name, 1 + (reads.get(name) ?? 0));
      await before(name);
      return await inner.get(name, range);
    },
    list: (prefix, after) => inner.list(prefix, after),
    delete: (names) => inner.delete(names),
    close: () => Promise.resolve(),
  };
  return { bucket, reads };
}

Deno.test("a volume that was only made, and one that was opened, are sound", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  expect(await verify(bucket)).toMatchObject({ ...SOUND, segments: 0 });
  const machine: Machine = { pin: undefined };
  await openOn(machine, bucket);
  expect(await verify(bucket, { pin: machine.pin! })).toMatchObject(SOUND);
});

Deno.test("a damaged chunk is told with those bytes of the volume that lie in it", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: 512 * 512 });
  const volume = await openOn({ pin: undefined }, bucket);
  await put(volume, { sector: 100, sectors: 200, value: 1 });
  // Of the second chunk these are somewhere else since.
  await put(volume, { sector: 240, sectors: 4, value: 2 });
  const name = keys.nameOf("segment", 257);
  const bytes = (await bucket.get(name))!;
  bytes[bytes.length - 1]! ^= 1;
  await bucket.delete([name]);
  await bucket.create(name, bytes);
  const { damages } = await verify(bucket);
  expect(damages).toEqual([{
    ...{ kind: "segment", number: 257, name, chunks: [1], moreExtents: 0 },
    snapshots: [],
    why: "chunk 1 does not prove itself",
    extents: [
      { offset: 228 * 512, length: 12 * 512 },
      { offset: 244 * 512, length: 56 * 512 },
    ],
  }]);
});

Deno.test("what was cut off goes on behind what it has looked at, and knows what it has found", async () => {
  const { today } = await livedVolume();
  const memory = await bucketOf(today.objects);
  const damaged = keys.nameOf("segment", 257);
  const bytes = (await memory.get(damaged))!;
  bytes[bytes.length - 1]! ^= 1;
  await memory.delete([damaged]);
  await memory.create(damaged, bytes);
  const whole = await verify(memory, { pin: today.pin });
  expect(whole.damages).toHaveLength(1);

  const numbers = [...today.objects.keys()].map((name) => keys.parseName(name)!)
    .filter(({ kind }) => kind === "segment").map(({ number }) => number)
    .sort((a, b) => a - b);
  for (const upTo of numbers) {
    const ending = new AbortController();
    let kept: Verified | undefined;
    const cut = verify(memory, {
      signal: ending.signal,
      keep: (verified) => {
        kept = verified;
        if (verified.upTo === upTo) ending.abort(new Error("cut off"));
      },
    });
    if (upTo !== numbers.at(-1)) await expect(cut).rejects.toThrow("cut off");
    else await cut;
    const { bucket, reads } = watched(memory);
    const again = await verify(bucket, { pin: today.pin, from: kept });
    expect(again).toEqual(whole);
    // Segments of before the last two checkpoints are read once, or never.
    const first = keys.nameOf("segment", 1);
    expect(reads.get(first)).toBe(undefined);
  }
  // Of another volume it says nothing.
  const from = { volumeId: new Uint8Array(16), upTo: 521, suspects: [] };
  const chain = { last: undefined, claims: [] };
  expect(await verify(memory, { from: { ...from, chain } })).toEqual(whole);
});

Deno.test("beside a writer that goes on there is no false alarm", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const dice = new Dice(seed);
    const memory = new MemoryBucket({ pageObjects: 7 });
    const every = 1 + dice.next(6);
    const { machine, volume } = await volumeOn(memory, every);
    const write = async () => {
      const sector = dice.next(8);
      await put(volume, { sector, sectors: 1 + dice.next(4), value: 1 });
    };
    for (let n = dice.next(30); n > 0; n--) await write();
    let looks = 0;
    const { bucket } = watched(memory, async () => {
      // It rests in the end: nobody catches one that is quicker than a look.
      if (looks++ < 200 && dice.once(4)) {
        for (let n = dice.next(4); n > 0; n--) await write();
      }
    });
    const found = await verify(bucket, { pin: machine.pin! });
    expect({ seed, ...found }).toMatchObject({ seed, ...SOUND });
  }
});

Deno.test("a volume that is cleaned gives no false alarm, while it is and after that, and when it was taken", async () => {
  let [movedBytes, strays] = [0, 0];
  for (let seed = 0; seed < 30; seed++) {
    const dice = new Dice(seed);
    const memory = new MemoryBucket({ pageObjects: 7 });
    const segmentBytes = 16 * 512;
    await makeVolume(memory, { sizeBytes: SIZE_BYTES, segmentBytes });
    const expectSound = async (bucket: Bucket, { pin }: Machine) => {
      const found = await verify(bucket, { pin: pin! });
      expect({ seed, ...found }).toMatchObject({ seed, ...SOUND });
    };
    for (let lives = 0; lives < 3; lives++) {
      const machine: Machine = { pin: undefined };
      const every = 1 + dice.next(6);
      const volume = await openOn(machine, memory, { checkpointEvery: every });
      const write = () => {
        const sectors = 1 + dice.next(8);
        const sector = dice.next(65 - sectors);
        return put(volume, { sector, sectors, value: 1 + dice.next(255) });
      };
      for (let n = 20 + dice.next(30); n > 0; n--) await write();
      let looks = 0;
      const { bucket } = watched(memory, async () => {
        if (looks++ < 200 && dice.once(4)) await write();
      });
      await expectSound(bucket, machine);
      await volume.row.settled();
      await volume.cleaner!.settled();
      await volume.row.settled();
      await expectSound(memory, machine);
      movedBytes += volume.cleaner!.moved.bytes;
      strays += volume.cleaner!.strays.deleted;
    }
  }
  expect(movedBytes).toBeGreaterThan(0);
  expect(strays).toBeGreaterThan(0);
});

Deno.test("a claim of somebody who slept, under a number that was used and deleted since, is no damage", async () => {
  const memory = new MemoryBucket();
  const { volume } = await volumeOn(memory, 1);
  await put(volume, { sector: 0, value: 1 });
  const { next } = volume.row.end;
  const { promise, resolve } = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const { bucket } = watched(memory);
  bucket.create = async (name, bytes) => {
    arrived.resolve();
    await promise;
    return await memory.create(name, bytes);
  };
  const sleeping = openOn({ pin: undefined }, bucket);
  await arrived.promise;
  for (let n = 0; n < 9; n++) await put(volume, { sector: 1, value: n });
  // Others of the same epoch lie before and behind it.
  await put(volume, { sector: 2, value: 1 });
  resolve();
  await expect(sleeping).rejects.toThrow("Another node has had this volume");
  expect(await memory.get(keys.nameOf("segment", next))).toBeDefined();
  expect(await verify(memory)).toMatchObject(SOUND);
  const after = await openOn({ pin: undefined }, memory);
  await put(after, { sector: 3, value: 1 });
  expect(await verify(memory)).toMatchObject(SOUND);
});

Deno.test("what a writer left that died is no damage", async () => {
  const memory = new MemoryBucket();
  const { volume } = await volumeOn(memory);
  for (let n = 0; n < 6; n++) await put(volume, { sector: n, value: n + 1 });
  const machine: Machine = { pin: undefined };
  const dying = await openOn(machine, memory);
  // Of three that were under way the first has not arrived, and the others have.
  const from = dying.row.end.next;
  const lost = keys.nameOf("segment", from);
  const create = memory.create.bind(memory);
  const others = Promise.withResolvers<void>();
  memory.create = async (name, bytes) => {
    if (name === lost) {
      await others.promise;
      throw new TypeError("gone");
    }
    const answer = await create(name, bytes);
    if (name === keys.nameOf("segment", from + 2)) others.resolve();
    return answer;
  };
  const writes = [7, 8, 9].map((sector) => put(dying, { sector, value: 5 }));
  expect((await Promise.allSettled(writes)).map(({ status }) => status))
    .not.toContain("fulfilled");
  memory.create = create;
  expect(await memory.get(keys.nameOf("segment", from + 1))).toBeDefined();
  expect(await verify(memory)).toMatchObject(SOUND);
  const after = await openOn({ pin: undefined }, memory);
  await put(after, { sector: 1, value: 9 });
  expect(await verify(memory)).toMatchObject(SOUND);
});

Deno.test("segments that are missing where a reader would begin are told, and why", async () => {
  const memory = new MemoryBucket();
  const { volume, machine } = await volumeOn(memory);
  for (let n = 0; n < 8; n++) await put(volume, { sector: n, value: n + 1 });
  const name = keys.nameOf("segment", 259);
  const bytes = (await memory.get(name))!;
  await memory.delete([name]);
  const { damages } = await verify(memory, { pin: machine.pin! });
  expect(damages).toMatchObject([{ number: 259, name, extents: "all" }]);
  await memory.create(name, bytes);
  expect(await verify(memory)).toMatchObject(SOUND);
});

Deno.test("a snapshot needs its checkpoint", async () => {
  const memory = new MemoryBucket();
  const { volume } = await volumeOn(memory);
  await put(volume, { sector: 0, value: 1 });
  const { number } = await volume.snapshots.create("monday");
  for (let n = 0; n < 3; n++) {
    await put(volume, { sector: 1, value: n });
    await volume.row.checkpoint();
  }
  expect(await verify(memory)).toMatchObject(SOUND);
  await memory.delete([keys.nameOf("checkpoint", number)]);
  const { damages } = await verify(memory);
  const name = keys.nameOf("snapshot", number);
  expect(damages).toMatchObject([{
    ...{ kind: "snapshot", number, name, extents: [], snapshots: ["monday"] },
    why: "its checkpoint is not there",
  }]);
});

Deno.test("a bucket that does not answer is no damage", async () => {
  const memory = new MemoryBucket();
  await volumeOn(memory);
  const bucket = withoutCheckpoints(memory);
  bucket.list = () => Promise.reject(new TypeError("no answer"));
  await expect(verify(bucket)).rejects.toThrow("no answer");
});
