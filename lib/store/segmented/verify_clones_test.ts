/** Clones that are read back: their ancestors' segments are looked at with their own, and what is wrong is said with whose it is. */
import { expect } from "expect";
import type { Bucket } from "../../bucket/bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import { Home, placesIn } from "./testing/clones.ts";
import { put, SECTOR_BYTES, values } from "./testing/volumes.ts";
import { verifyVolume } from "./verify.ts";

const CHUNK_SECTORS = 128;
/** What is wrong with a head. */
const HEAD = "its head does not prove itself";
const SIZE_BYTES = 1024 * SECTOR_BYTES;
const whole = { segmentBytes: 8 * 2 ** 20, cleans: false };

async function chunk(volume: BucketVolume, at: number, value: number) {
  const sectors = CHUNK_SECTORS;
  await put(volume, { sector: at * CHUNK_SECTORS, sectors, value });
}

/** A clone of a clone, each with one chunk of its own that is read in all. */
async function three() {
  const bucket = new MemoryBucket();
  const [first, second, third] = ["a", "b", "c"]
    .map((name) => new Home(name)) as [Home, Home, Home];
  await first.make(bucket, SIZE_BYTES);
  const volume = await first.open(bucket, { cleans: false });
  await chunk(volume, 0, 1);
  const then = await volume.snapshots.create("then");
  await chunk(volume, 0, 9);
  await second.cloneOf({ home: first, volume }, then.number, bucket);
  const copy = await second.open(bucket, { cleans: false });
  await chunk(copy, 1, 2);
  const later = await copy.snapshots.create("later");
  await third.cloneOf({ home: second, volume: copy }, later.number, bucket);
  const last = await third.open(bucket, { cleans: false });
  await chunk(last, 2, 3);
  await last.snapshots.create("own");
  await last.store.close();
  /** Whose segments the last one reads. */
  const numberAt = (at: number) =>
    last.map.lookup({ sector: at * CHUNK_SECTORS, length: 1 })[0]!.holder!;
  return { bucket, first, second, third, numberAt };
}

const verify = (home: Home, bucket: Bucket, remembers = true) =>
  verifyVolume({
    ...{ bucket: home.place(bucket), keys: home.keys, clock: noTime },
    elsewhere: placesIn(bucket),
    ...(remembers && { pin: home.machine.pin! }),
  });

async function replace(bucket: Bucket, name: string, bytes?: Uint8Array) {
  await bucket.delete([name]);
  if (bytes) await bucket.create(name, bytes);
}

Deno.test("a clone is read back with what it reads of its ancestors, and nothing is missing", async () => {
  const { bucket, first, second, third } = await three();
  for (const home of [first, second, third]) {
    const found = await verify(home, bucket);
    expect(found.damages).toEqual([]);
    expect(found.unclaimed).toEqual([]);
    expect(await verify(home, bucket, false)).toEqual(found);
  }
  const found = await verify(third, bucket);
  expect(found.inherited).toBe(2);
  // Two of its ancestors, its claim, what was written, and the note.
  expect(found.segments).toBe(5);
  expect(found.bytes).toBeGreaterThan(3 * CHUNK_SECTORS * SECTOR_BYTES);
});

Deno.test("what is changed, exchanged or deleted of an ancestor is told by verify and by the read, and whose it is", async () => {
  const world = await three();
  const { bucket, first, second, third, numberAt } = world;
  const owners = [first, second];
  const nameOf = (at: number) =>
    owners[at]!.keys.nameOf("segment", numberAt(at));
  const other = await three();
  for (const at of [0, 1]) {
    const owner = owners[at]!;
    const name = owner.prefix + nameOf(at);
    const bytes = (await bucket.get(name))!;
    const others = await other.bucket.get(name);
    for (
      const [hurt, why] of [
        [undefined, "it is missing"],
        [bytes.with(bytes.length - 9, bytes.at(-9)! ^ 1), "chunk 0"],
        [bytes.with(40, bytes[40]! ^ 1), HEAD],
        [others, ""],
        [bytes.subarray(0, bytes.length - 1), "chunk 0"],
      ] as const
    ) {
      await replace(bucket, name, hurt);
      const { damages } = await verify(third, bucket);
      expect(damages).toEqual([expect.objectContaining({
        ...{ kind: "segment", number: numberAt(at), prefix: owner.prefix },
        name: nameOf(at),
        why: expect.stringContaining(why),
        extents: [{
          offset: at * CHUNK_SECTORS * SECTOR_BYTES,
          length: CHUNK_SECTORS * SECTOR_BYTES,
        }],
        snapshots: ["own"],
      })]);
      third.machine = { pin: undefined };
      const volume = await third.open(bucket, { cleans: false });
      const read = values(volume, (at + 1) * CHUNK_SECTORS);
      // A reader looks at the data alone: the checkpoint says where they are, and what proves them.
      if (why === HEAD) expect((await read)[at * CHUNK_SECTORS]).toBe(1 + at);
      else await expect(read).rejects.toThrow(`of "${owner.prefix}"`);
      await volume.store.close();
    }
    await replace(bucket, name, bytes);
    expect((await verify(third, bucket)).damages).toEqual([]);
  }
  const volume = await third.open(bucket, whole);
  const all = await values(volume, 3 * CHUNK_SECTORS);
  expect([0, 1, 2].map((at) => all[at * CHUNK_SECTORS])).toEqual([1, 2, 3]);
});

Deno.test("a clone whose first checkpoint is withheld is damaged as a whole", async () => {
  const bucket = new MemoryBucket();
  const [first, second] = [new Home("a"), new Home("b")];
  await first.make(bucket, SIZE_BYTES);
  const volume = await first.open(bucket);
  await chunk(volume, 0, 1);
  const { number } = await volume.snapshots.create("then");
  await second.cloneOf({ home: first, volume }, number, bucket);
  expect((await verify(second, bucket)).damages).toEqual([]);
  await second.place(bucket).delete([second.keys.nameOf("checkpoint", 1)]);
  expect((await verify(second, bucket)).damages).toContainEqual(
    expect.objectContaining({
      ...{ kind: "checkpoint", number: 1, extents: "all" },
      why: "it is missing: this clone began with it",
    }),
  );
});
