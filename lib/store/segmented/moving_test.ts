/** What happens while segments are rewritten: whoever writes, unmaps, cuts off or reads meanwhile gets what is due to them. */
import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import { GatedBucket } from "./testing/gated_bucket.ts";
import {
  copyOf,
  keys,
  makeVolume,
  namesIn,
  openOn,
  put,
  putBack,
  values,
} from "./testing/volumes.ts";

const SECTORS = 64;
const SEGMENT_SECTORS = 16;

/** A volume in four segments. Each sector holds the number of the write that was its last. */
async function inFourSegments(checkpointEvery = 64) {
  const memory = new MemoryBucket();
  await makeVolume(memory, {
    sizeBytes: SECTORS * 512,
    segmentBytes: SEGMENT_SECTORS * 512,
  });
  const bucket = new GatedBucket(memory);
  const volume = await openOn({ pin: undefined }, bucket, { checkpointEvery });
  const expected: number[] = [];
  const write = async (sector: number, sectors: number, value: number) => {
    for (let n = 0; n < sectors; n++) expected[sector + n] = value;
    await put(volume, { sector, sectors, value });
  };
  for (let n = 0; n < 4; n++) await write(n * 16, 16, n + 1);
  const first = volume.row.end.next - 4;
  /** Of the first segment sectors 8 to 15 stay, of the second 28 to 31: the cleaner wakes, and moves them. */
  const die = async () => {
    await write(0, 8, 11);
    await write(16, 12, 12);
  };
  return { memory, bucket, volume, expected, write, die, first };
}

async function quiet(volume: BucketVolume): Promise<void> {
  await volume.row.settled();
  await volume.cleaner?.settled();
  await volume.row.settled();
}

/** It is what was written, here and for who opens it anew. */
async function expectThere(
  volume: BucketVolume,
  bucket: MemoryBucket,
  expected: readonly number[],
): Promise<void> {
  await quiet(volume);
  expect(volume.cleaner?.trouble).toBeUndefined();
  expect(await values(volume, expected.length)).toEqual(expected);
  const again = await openOn({ pin: undefined }, bucket);
  expect(again.store.sizeBytes).toBe(expected.length * 512);
  expect(await values(again, expected.length)).toEqual(expected);
  expect(placesIn(again)).toEqual(placesIn(volume));
}

/** Where each sector is. */
function placesIn({ map }: BucketVolume): string[] {
  const places: string[] = [];
  for (const { sector, length, holder, at } of map.runs()) {
    for (let n = 0; n < length; n++) places[sector + n] = `${holder}/${at + n}`;
  }
  return places;
}

Deno.test("what lives is moved, and nothing is left where it was", async () => {
  const { memory, volume, expected, die, first } = await inFourSegments();
  await die();
  await quiet(volume);
  expect(volume.cleaner?.moved).toEqual({ segments: 1, bytes: 12 * 512 });
  expect(volume.map.segment(first)?.liveSectors ?? 0).toBe(0);
  await expectThere(volume, memory, expected);
});

const UPLOAD = { kind: "create", prefix: "d/" } as const;

/** Where a move may be when something else comes. */
const MOMENTS = [
  ["its table is read", { kind: "get", prefix: "d/", side: "after" }],
  ["it is uploaded", { ...UPLOAD, side: "before" }],
] as const;

for (const [moment, gate] of MOMENTS) {
  for (const [what, change] of CHANGES()) {
    Deno.test(`${what} while something is moved wins: ${moment}`, async () => {
      const { memory, bucket, volume, expected, die, first } =
        await inFourSegments();
      const started = bucket.holdNext({
        kind: "get",
        prefix: "d/",
        side: "before",
      });
      await die();
      await started.arrived;
      const held = bucket.holdNext(gate);
      started.open();
      await held.arrived;
      const changing = change(volume, expected);
      if (gate.kind === "get") await changing;
      const written = bucket.holdNext({ ...UPLOAD, side: "after" });
      held.open();
      await written.arrived;
      // As a crash leaves it, before there is a checkpoint that tells of it.
      const crashed = await copyOf(memory);
      written.open();
      await changing;
      if (gate.kind === "get") {
        const other = new MemoryBucket();
        await putBack(other, crashed);
        const found = await openOn({ pin: undefined }, other);
        expect(await values(found, expected.length)).toEqual(expected);
      }
      await quiet(volume);
      expect(volume.map.segment(first)?.liveSectors ?? 0).toBe(0);
      expect(volume.cleaner?.moved.bytes).toBeGreaterThan(0);
      await expectThere(volume, memory, expected);
    });
  }
}

function CHANGES() {
  return [
    ["a write", async (volume: BucketVolume, expected: number[]) => {
      expected.fill(77, 10, 12);
      await put(volume, { sector: 10, sectors: 2, value: 77 });
    }],
    ["an unmap", async (volume: BucketVolume, expected: number[]) => {
      expected.fill(0, 9, 14);
      const extents = [{ kind: "zero" as const, sector: 9, sectors: 5 }];
      await volume.row.append({ extents, data: [] });
    }],
    [
      "an end of the volume",
      async (volume: BucketVolume, expected: number[]) => {
        expected.splice(12);
        await volume.row.resize(12 * 512);
      },
    ],
    [
      "an end that is taken back",
      async (volume: BucketVolume, expected: number[]) => {
        expected.fill(0, 12, 64);
        await volume.row.resize(12 * 512);
        await volume.row.resize(64 * 512);
      },
    ],
  ] as const;
}

Deno.test("moves that come too late count nowhere, for who wrote them and for who reads them", async () => {
  const { memory, volume, expected, write, first } = await inFourSegments();
  const moves = (from: number, sector: number, sectors: number) => ({
    extents: [{
      ...{ kind: "moved" as const, sector: 0, sectors },
      from: { segment: from, sector },
    }],
    data: [new Uint8Array(sectors * 512).fill(99)],
  });
  await write(4, 4, 50);
  // As one who does not look whether it is there yet: of this, twelve sectors count.
  const honest = {
    ...moves(first, 0, 16),
    data: [new Uint8Array(16 * 512).fill(1)],
  };
  await volume.row.append(honest);
  const second = volume.row.end.next - 1;
  // Its source was rewritten once, then again.
  await volume.row.append(moves(first, 0, 16));
  await volume.row.append({
    ...moves(second, 0, 16),
    data: [new Uint8Array(16 * 512).fill(1)],
  });
  await volume.row.append(moves(first, 0, 16));
  await volume.row.append(moves(second, 0, 16));
  await write(0, 1, 51);
  await expectThere(volume, memory, expected);
});

Deno.test("whoever reads a segment that is moved and deleted meanwhile finds the new place", async () => {
  for (const side of ["before", "after"] as const) {
    const { memory, bucket, volume, expected, die, first } =
      await inFourSegments(1);
    const reading = bucket.holdNext({
      kind: "get",
      prefix: "d/",
      side: "before",
    });
    const bytes = new Uint8Array(8 * 512);
    const read = volume.store.read(8 * 512, bytes);
    await reading.arrived;
    // With "after" it is gone, and nobody was told yet.
    const deleting = bucket.holdNext({
      kind: "delete",
      prefix: "d/",
      side: "after",
    });
    await die();
    await deleting.arrived;
    if (side === "before") deleting.open();
    if (side === "before") {
      await quiet(volume);
      expect(volume.map.segment(first)).toBeUndefined();
    }
    expect(await namesIn(memory)).not.toContain(keys.nameOf("segment", first));
    reading.open();
    await read;
    expect([...bytes]).toEqual(Array(8 * 512).fill(1));
    deleting.open();
    await expectThere(volume, memory, expected);
  }
});

Deno.test("a volume that is written, unmapped and cut in any order while it is cleaned is what it should be", async () => {
  let moved = 0;
  for (let seed = 0; seed < 20; seed++) {
    const dice = new Dice(seed);
    const memory = new MemoryBucket();
    await makeVolume(memory, {
      sizeBytes: SECTORS * 512,
      segmentBytes: 4 * 512,
    });
    const volume = await openOn({ pin: undefined }, memory, {
      checkpointEvery: 1 + dice.next(6),
    });
    const expected: number[] = Array(SECTORS).fill(0);
    const pending: Promise<void>[] = [];
    for (let n = 0; n < 150; n++) {
      const value = 1 + n % 255;
      const sector = dice.next(expected.length);
      const sectors = Math.min(1 + dice.next(6), expected.length - sector);
      if (dice.once(20)) {
        const length = 16 + dice.next(SECTORS - 16);
        pending.push(volume.row.resize(length * 512));
        while (expected.length < length) expected.push(0);
        expected.splice(length);
        // Nobody writes meanwhile.
        await pending.at(-1);
      } else if (dice.once(5)) {
        expected.fill(0, sector, sector + sectors);
        const extents = [{ kind: "zero" as const, sector, sectors }];
        pending.push(volume.row.append({ extents, data: [] }));
      } else {
        expected.fill(value, sector, sector + sectors);
        pending.push(put(volume, { sector, sectors, value }));
      }
      // The cleaner has got to any place when the next one comes.
      for (let turns = dice.next(60); turns > 0; turns--) await undefined;
      if (dice.once(20)) {
        await Promise.all(pending);
        expect(await values(volume, expected.length)).toEqual(expected);
      }
    }
    await Promise.all(pending);
    await expectThere(volume, memory, expected);
    moved += volume.cleaner!.moved.segments;
  }
  expect(moved).toBeGreaterThan(100);
});
