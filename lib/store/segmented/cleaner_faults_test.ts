/** What the cleaner does about what is damaged, about a bucket that does not answer, and about objects that nobody knows of any more. */
import { expect } from "expect";
import { BucketError, listAll } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import { objectBytes } from "./ledger.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import { CLAIM_BYTES } from "./chain.ts";
import { UPLOADS } from "./row_queue.ts";
import { GatedBucket } from "./testing/gated_bucket.ts";
import {
  keys,
  type Machine,
  makeVolume,
  namesIn,
  openOn,
  put,
  values,
} from "./testing/volumes.ts";

const SECTORS = 128;
const SEGMENT_SECTORS = 16;
const SEGMENTS = SECTORS / SEGMENT_SECTORS;

async function emptyBucket(): Promise<MemoryBucket> {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, {
    sizeBytes: SECTORS * 512,
    segmentBytes: SEGMENT_SECTORS * 512,
  });
  return bucket;
}

/** Fills a volume in segments, the first of number `first`. */
async function fill(volume: BucketVolume): Promise<{ first: number }> {
  const { next: first } = volume.row.end;
  for (let n = 0; n < SEGMENTS; n++) {
    await put(volume, { sector: n * 16, sectors: 16, value: 1 + n });
  }
  return { first };
}

async function quiet({ row, cleaner }: BucketVolume): Promise<void> {
  await row.settled();
  await cleaner?.settled();
  await row.settled();
}

/** Changes one byte of an object, counted from its end. */
async function damage(
  bucket: MemoryBucket,
  segment: number,
  fromEnd: number,
): Promise<void> {
  const name = keys.nameOf("segment", segment);
  const bytes = (await bucket.get(name))!;
  bytes[bytes.length - fromEnd]! ^= 1;
  await bucket.delete([name]);
  await bucket.create(name, bytes);
}

const DAMAGE: readonly (readonly [
  string,
  (bucket: MemoryBucket, segment: number) => Promise<void>,
])[] = [
  ["whose data were changed", (bucket, one) => damage(bucket, one, 100)],
  ["whose head was changed", (bucket, one) => damage(bucket, one, 8210)],
  [
    "that is missing",
    (bucket, one) => bucket.delete([keys.nameOf("segment", one)]),
  ],
];

for (const [how, spoil] of DAMAGE) {
  Deno.test(`a segment ${how} is left where it is and told of, and others are moved`, async () => {
    const bucket = await emptyBucket();
    const volume = await openOn({ pin: undefined }, bucket);
    const { first } = await fill(volume);
    await spoil(bucket, first + 2);
    const before = await namesIn(bucket);
    // Of each but the last two, half is written over: of the damaged one a little more, so that it comes first.
    const expected: number[] = [];
    for (let n = 0; n < SEGMENTS; n++) {
      const sectors = n >= SEGMENTS - 2 ? 0 : n === 2 ? 12 : 8;
      expected.push(...Array(sectors).fill(50 + n));
      expected.push(...Array(16 - sectors).fill(1 + n));
      if (sectors > 0) {
        await put(volume, { sector: n * 16, sectors, value: 50 + n });
      }
    }
    await quiet(volume);
    const { cleaner, map, store } = volume;
    expect(cleaner?.trouble).toMatch(
      new RegExp(`^Segment ${first + 2} is damaged, `),
    );
    expect(cleaner!.moved.segments).toBeGreaterThan(0);
    expect(map.segment(first + 2)?.liveSectors).toBe(4);
    expect(await namesIn(bucket)).toEqual(
      expect.arrayContaining(
        before.filter((name) => name === keys.nameOf("segment", first + 2)),
      ),
    );
    // What lies in it cannot be read, unless its data are whole; all else can.
    const found = new Uint8Array(512);
    for (const [sector, value] of expected.entries()) {
      if (sector >= 44 && sector < 48) continue;
      await store.read(sector * 512, found);
      expect(found[0]).toBe(value);
    }
    // It is written over, and nobody's trouble any more.
    await put(volume, { sector: 44, sectors: 4, value: 99 });
    await quiet(volume);
    expect(cleaner?.trouble).toBeUndefined();
  });
}

Deno.test("a bucket that does not give a segment is asked again later, and the segment is not taken for damaged", async () => {
  const memory = await emptyBucket();
  const state = { on: false, tries: 0 };
  const bucket = new FaultBucket(memory, ({ kind, name }) => {
    if (!state.on || kind !== "get" || !name.startsWith("d/")) return undefined;
    state.tries++;
    return { before: new BucketError("uncertain", "no answer") };
  });
  let later = () => {};
  const after = (_ms: number, then: () => void) => {
    later = then;
    return () => {};
  };
  const clock = { ...noTime, after };
  const volume = await openOn({ pin: undefined }, bucket, { clock });
  await fill(volume);
  state.on = true;
  for (let n = 0; n < 6; n++) {
    await put(volume, { sector: n * 16, sectors: 8, value: 50 + n });
    await quiet(volume);
  }
  expect(volume.cleaner?.trouble).toBe("Could not clean up: no answer");
  expect(volume.cleaner?.moved.segments).toBe(0);
  // Not with each write: those would wait for it.
  expect(state.tries).toBe(1);
  state.on = false;
  later();
  await quiet(volume);
  expect(volume.cleaner?.trouble).toBeUndefined();
  expect(volume.cleaner?.moved.segments).toBeGreaterThan(0);
});

/** Segments in the bucket of which the volume knows nothing; claims are to be there for good. */
async function straysIn(
  bucket: MemoryBucket,
  { map }: BucketVolume,
): Promise<number[]> {
  const strays: number[] = [];
  for await (const { name, sizeBytes } of listAll(bucket, "d/")) {
    const { number } = keys.parseName(name)!;
    if (sizeBytes !== CLAIM_BYTES && !map.segment(number)) strays.push(number);
  }
  return strays;
}

async function claimsIn(bucket: MemoryBucket): Promise<number> {
  let claims = 0;
  for await (const { sizeBytes } of listAll(bucket, "d/")) {
    if (sizeBytes === CLAIM_BYTES) claims++;
  }
  return claims;
}

Deno.test("what was dead when a writer ended, and needed by a checkpoint yet, is deleted by the next one", async () => {
  const bucket = await emptyBucket();
  const gated = new GatedBucket(bucket);
  const here: Machine = { pin: undefined };
  const one = await openOn(here, gated, { cleans: false });
  await fill(one);
  await one.row.checkpoint();
  // Half of it dies. The checkpoint that tells of it is written, and the process ends before there is another.
  const told = gated.holdNext({ kind: "create", prefix: "m/", side: "after" });
  for (let n = 0; n < UPLOADS; n++) {
    void put(one, { sector: n * 16, sectors: 16, value: 20 + n });
  }
  await told.arrived;
  const left = [...one.map.dead()]
    .filter((one) => objectBytes(one) !== CLAIM_BYTES);
  expect(left.length).toBe(UPLOADS);
  const claims = await claimsIn(bucket);
  const two = await openOn(here, bucket);
  await quiet(two);
  for (const { number } of left) {
    expect(await bucket.get(nameOf(number))).toBeUndefined();
  }
  expect(await straysIn(bucket, two)).toEqual([]);
  expect(await claimsIn(bucket)).toBe(claims + 1);
  const expected = Array.from({ length: SECTORS }, (_, sector) => {
    const n = Math.floor(sector / 16);
    return n < UPLOADS ? 20 + n : 1 + n;
  });
  expect(await values(two, SECTORS)).toEqual(expected);
  const again = await openOn({ pin: undefined }, bucket);
  expect(await values(again, SECTORS)).toEqual(expected);
});

Deno.test("what a writer had under way when it died is deleted once no checkpoint may need it", async () => {
  const memory = await emptyBucket();
  const gated = new GatedBucket(memory);
  const one = await openOn({ pin: undefined }, gated, { cleans: false });
  const { next } = one.row.end;
  // The first of four that are uploaded together never arrives.
  gated.holdNext({ kind: "create", prefix: "d/", side: "before" });
  for (let n = 0; n < 4; n++) {
    put(one, { sector: n, value: 90 }).catch(() => {});
  }
  for (let n = 0; n < 50; n++) await undefined;
  const two = await openOn({ pin: undefined }, memory);
  await quiet(two);
  expect(await straysIn(memory, two)).toEqual([next + 1, next + 2, next + 3]
    .sort((a, b) => nameOf(a) < nameOf(b) ? -1 : 1));
  expect(two.cleaner!.strays.objectBytes).toBeGreaterThan(0);
  for (let n = 0; n < 2; n++) {
    await put(two, { sector: n, value: 10 });
    await two.row.checkpoint();
  }
  await put(two, { sector: 5, value: 11 });
  await quiet(two);
  expect(two.cleaner!.strays.deleted).toBe(3);
  expect(two.cleaner!.strays.objectBytes).toBe(0);
  expect(await straysIn(memory, two)).toEqual([]);
  expect(await values(two, 6)).toEqual([10, 10, 0, 0, 0, 11]);
});

Deno.test("a writer that lost the volume and looks for strays deletes nothing of the one that has it", async () => {
  const memory = await emptyBucket();
  const here: Machine = { pin: undefined };
  const first = await openOn(here, memory, { cleans: false });
  await fill(first);
  await first.store.close();
  const gated = new GatedBucket(memory);
  const looking = gated.holdNext({
    kind: "list",
    prefix: "d/",
    side: "before",
  });
  const loser = await openOn(here, gated, { checkpointEvery: 1 });
  await put(loser, { sector: 0, value: 70 });
  await put(loser, { sector: 1, value: 71 });
  await looking.arrived;
  const winner = await openOn({ pin: undefined }, memory, {
    checkpointEvery: 1,
  });
  for (let n = 0; n < 3 * SEGMENTS; n++) {
    await put(winner, { sector: n * 5, sectors: 3, value: 100 + n });
  }
  await quiet(winner);
  const expected = await values(winner, SECTORS);
  const before = await namesIn(memory);
  looking.open();
  await quiet(loser);
  const needed = (name: string) => {
    const { kind, number } = keys.parseName(name)!;
    return kind !== "segment" ||
      (winner.map.segment(number)?.liveSectors ?? 1) > 0;
  };
  expect(await namesIn(memory)).toEqual(
    expect.arrayContaining(before.filter(needed)),
  );
  await put(winner, { sector: 127, value: 7 });
  expected[127] = 7;
  for (const volume of [winner, await openOn({ pin: undefined }, memory)]) {
    expect(await values(volume, SECTORS)).toEqual(expected);
  }
  await expect(put(loser, { sector: 0, value: 1 })).rejects.toThrow(
    "Another node",
  );
});

function nameOf(segment: number): string {
  return keys.nameOf("segment", segment);
}
