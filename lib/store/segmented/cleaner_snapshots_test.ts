/** What the cleaner does with what snapshots and views need: nothing, until they are gone. */
import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import {
  CountedBucket,
  makeVolume,
  openOn,
  SECTOR_BYTES,
} from "./testing/volumes.ts";

const SECTORS = 4096;
const SEGMENT_SECTORS = 128;
const PIECE_SECTORS = 8;
const PIECES = SECTORS / PIECE_SECTORS;
const PER_SEGMENT = SEGMENT_SECTORS / PIECE_SECTORS;

/** Writes pieces of that value, as many as a segment has. */
function write(
  { row }: BucketVolume,
  pieces: readonly number[],
  value: number,
): Promise<void> {
  return row.append({
    extents: pieces.map((piece) => ({
      ...{ kind: "data", sector: piece * PIECE_SECTORS },
      sectors: PIECE_SECTORS,
    })),
    data: pieces.map(() =>
      new Uint8Array(PIECE_SECTORS * SECTOR_BYTES).fill(value)
    ),
  });
}

async function filled() {
  const bucket = new CountedBucket();
  await makeVolume(bucket, {
    sizeBytes: SECTORS * SECTOR_BYTES,
    segmentBytes: SEGMENT_SECTORS * SECTOR_BYTES,
  });
  const volume = await openOn({ pin: undefined }, bucket);
  for (let at = 0; at < PIECES; at += PER_SEGMENT) {
    await write(
      volume,
      Array.from({ length: PER_SEGMENT }, (_, n) => at + n),
      1,
    );
  }
  return { bucket, volume };
}

/** Of each first segment half of it, so that nothing of what was there is dead. */
async function writeHalfOver(volume: BucketVolume): Promise<void> {
  const odd = Array.from({ length: PIECES / 2 }, (_, n) => 2 * n + 1);
  for (let at = 0; at < odd.length; at += PER_SEGMENT) {
    await write(volume, odd.slice(at, at + PER_SEGMENT), 2);
  }
  await quiet(volume);
}

async function quiet({ row, cleaner }: BucketVolume): Promise<void> {
  await row.settled();
  await cleaner!.settled();
  await row.settled();
}

/** What is in the bucket for each byte of the volume. */
const amplification = (bucket: CountedBucket, { map }: BucketVolume) =>
  bucket.storedBytes / map.liveBytes;

async function expectRight(volume: BucketVolume): Promise<void> {
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  await volume.store.read(0, bytes);
  for (let piece = 0; piece < PIECES; piece++) {
    const value = bytes[piece * PIECE_SECTORS * SECTOR_BYTES];
    expect([piece, value]).toEqual([piece, 1 + piece % 2]);
  }
}

Deno.test("what a snapshot keeps is left alone and presses nobody; when it is released, room is given back", async () => {
  const { bucket, volume } = await filled();
  const { number } = await volume.snapshots.create("then");
  await writeHalfOver(volume);
  const cleaner = volume.cleaner!;
  expect([cleaner.moved.bytes, cleaner.presses]).toEqual([0, false]);
  // The volume, and half of it once more.
  expect(amplification(bucket, volume)).toBeGreaterThan(1.5);
  await volume.snapshots.release(number);
  await quiet(volume);
  expect(cleaner.moved.bytes).toBeGreaterThan(0);
  expect(amplification(bucket, volume)).toBeLessThan(1.5);
  await expectRight(volume);
});

Deno.test("the same goes for a view, until it is closed", async () => {
  const { bucket, volume } = await filled();
  const view = await volume.snapshots.viewNow();
  await writeHalfOver(volume);
  expect(volume.cleaner!.moved.bytes).toBe(0);
  await view.close();
  await write(volume, [1], 2);
  await quiet(volume);
  expect(volume.cleaner!.moved.bytes).toBeGreaterThan(0);
  expect(amplification(bucket, volume)).toBeLessThan(1.5);
  await expectRight(volume);
});

Deno.test("who opens a volume finds out what its snapshots need before it cleans, and cleans what they do not", async () => {
  const { bucket, volume } = await filled();
  // It needs the first half of the volume, and nothing of the rest.
  await volume.store.resize(SECTORS * SECTOR_BYTES / 2);
  await volume.snapshots.create("half");
  const kept = volume.map.live();
  await volume.store.resize(SECTORS * SECTOR_BYTES);
  for (let at = PIECES / 2; at < PIECES; at += PER_SEGMENT) {
    await write(
      volume,
      Array.from({ length: PER_SEGMENT }, (_, n) => at + n),
      1,
    );
  }
  await quiet(volume);
  const one = await openOn({ pin: undefined }, bucket, { cleans: false });
  const odd = Array.from({ length: PIECES / 2 }, (_, n) => 2 * n + 1);
  for (let at = 0; at < odd.length; at += PER_SEGMENT) {
    await write(one, odd.slice(at, at + PER_SEGMENT), 2);
  }
  await one.row.settled();
  const other = await openOn({ pin: undefined }, bucket);
  await quiet(other);
  expect(other.cleaner!.moved.bytes).toBeGreaterThan(0);
  for (const number of kept) {
    expect(other.map.segment(number)?.liveSectors)
      .toBe(SEGMENT_SECTORS / 2);
  }
  await expectRight(other);
});

Deno.test("through snapshots that come and go a volume stays what it is, and takes no more than it should when they are gone", async () => {
  const { bucket, volume } = await filled();
  const dice = new Dice(3);
  const expected = Array(PIECES).fill(1);
  const snapshots: { readonly number: number; readonly were: number[] }[] = [];
  for (let n = 0; n < 400; n++) {
    const value = 1 + dice.next(255);
    const first = dice.next(PIECES);
    const pieces = Array.from(
      { length: PER_SEGMENT },
      (_, n) => (first + 7 * n) % PIECES,
    );
    for (const piece of pieces) expected[piece] = value;
    await write(volume, pieces, value);
    if (dice.once(20) && snapshots.length < 3) {
      const { number } = await volume.snapshots.create(`of-${n}`);
      snapshots.push({ number, were: [...expected] });
    } else if (dice.once(20)) {
      const [gone] = snapshots.splice(dice.next(snapshots.length + 1), 1);
      if (gone) await volume.snapshots.release(gone.number);
    } else if (dice.once(40) && snapshots[0]) {
      await volume.snapshots.restore(snapshots[0].number);
      expected.splice(0, PIECES, ...snapshots[0].were);
    }
  }
  const read = async (store: Pick<BucketVolume["store"], "read">) => {
    const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
    await store.read(0, bytes);
    return Array.from(
      { length: PIECES },
      (_, piece) => bytes[piece * PIECE_SECTORS * SECTOR_BYTES],
    );
  };
  expect(await read(volume.store)).toEqual(expected);
  for (const { number, were } of snapshots) {
    const view = await volume.snapshots.view(number);
    expect(await read(view)).toEqual(were);
    await view.close();
    await volume.snapshots.release(number);
  }
  await quiet(volume);
  expect(volume.cleaner!.moved.bytes).toBeGreaterThan(0);
  expect(volume.cleaner!.trouble).toBeUndefined();
  expect(amplification(bucket, volume)).toBeLessThan(1.5);
  const other = await openOn({ pin: undefined }, bucket);
  expect(await read(other.store)).toEqual(expected);
});
