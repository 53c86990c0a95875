/** How much the cleaner leaves in the bucket, whatever is written how fast. */
import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import {
  CountedBucket,
  makeVolume,
  openOn,
  values,
} from "./testing/volumes.ts";

const SECTORS = 16 * 1024;
const SEGMENT_SECTORS = 128;
const PIECE_SECTORS = 8;
const PIECES = SECTORS / PIECE_SECTORS;
const PER_SEGMENT = SEGMENT_SECTORS / PIECE_SECTORS;
/** To write as much as the volume is long. */
const ROUND = PIECES / PER_SEGMENT;

/** A volume that is full, and is written over piece by piece. */
class Overwritten {
  readonly bucket: CountedBucket = new CountedBucket();
  readonly expected: number[] = Array(PIECES).fill(0);
  readonly #dice = new Dice(9);
  readonly #where: (dice: Dice) => number;
  volume!: BucketVolume;

  constructor(where: (dice: Dice) => number) {
    this.#where = where;
  }

  async fill(): Promise<void> {
    await makeVolume(this.bucket, {
      sizeBytes: SECTORS * 512,
      segmentBytes: SEGMENT_SECTORS * 512,
    });
    this.volume = await openOn({ pin: undefined }, this.bucket);
    for (let at = 0; at < PIECES; at += PER_SEGMENT) {
      await this.#write(Array.from({ length: PER_SEGMENT }, (_, n) => at + n));
    }
  }

  /** Writes a segment over pieces that are there. */
  writeOver(): Promise<void> {
    return this.#write(
      Array.from({ length: PER_SEGMENT }, () => this.#where(this.#dice)),
    );
  }

  #write(pieces: readonly number[]): Promise<void> {
    const data = pieces.map((piece) => {
      const value = 1 + this.#dice.next(255);
      this.expected[piece] = value;
      return new Uint8Array(PIECE_SECTORS * 512).fill(value);
    });
    const extents = pieces.map((piece) => {
      const sector = piece * PIECE_SECTORS;
      return { kind: "data", sector, sectors: PIECE_SECTORS } as const;
    });
    return this.volume.row.append({ extents, data });
  }

  async quiet(): Promise<void> {
    await this.volume.row.settled();
    await this.volume.cleaner?.settled();
    await this.volume.row.settled();
  }

  /** Of all that is in the bucket, whoever knows of it. */
  get amplification(): number {
    return this.bucket.storedBytes / this.volume.map.liveBytes;
  }

  async expectAll(): Promise<void> {
    const again = await openOn({ pin: undefined }, this.bucket);
    for (const volume of [this.volume, again]) {
      const found = await values(volume, SECTORS);
      expect(found.filter((_, n) => n % PIECE_SECTORS === 0))
        .toEqual(this.expected);
    }
  }
}

const LOADS: readonly (readonly [string, (dice: Dice) => number])[] = [
  ["anywhere", (dice) => dice.next(PIECES)],
  [
    "in a tenth of it nine times of ten",
    (dice) => dice.next(dice.once(10) ? PIECES : Math.floor(PIECES / 10)),
  ],
];

for (const [how, where] of LOADS) {
  Deno.test(`a volume that is written over ${how} takes at most half as much again in the bucket`, async () => {
    const load = new Overwritten(where);
    await load.fill();
    let most = 0;
    for (let n = 0; n < 6 * ROUND; n++) {
      await load.writeOver();
      await load.quiet();
      most = Math.max(most, load.amplification);
    }
    expect(most).toBeLessThanOrEqual(1.5);
    // It was steady.
    expect(load.amplification).toBeGreaterThan(1.2);
    expect(load.volume.cleaner?.trouble).toBeUndefined();
    expect(load.volume.cleaner?.moved.bytes).toBeGreaterThan(0);
    // And no more was moved for that than was written, about.
    const writtenBytes = 6 * ROUND * SEGMENT_SECTORS * 512;
    expect(load.volume.cleaner!.moved.bytes).toBeLessThan(1.2 * writtenBytes);
    await load.expectAll();
  });

  Deno.test(`a writer that never pauses and writes ${how} lets the bucket grow no further than that, and gets its part of the line`, async () => {
    const load = new Overwritten(where);
    await load.fill();
    const under = new Set<Promise<void>>();
    let most = 0;
    for (let n = 0; n < 6 * ROUND; n++) {
      const writing = load.writeOver();
      under.add(writing);
      void writing.finally(() => under.delete(writing));
      if (under.size > 6) await Promise.race(under);
      most = Math.max(most, load.amplification);
    }
    await Promise.all(under);
    expect(most).toBeLessThanOrEqual(1.5);
    const { segments } = load.volume.cleaner!.moved;
    expect(segments).toBeGreaterThan(ROUND);
    expect(segments).toBeLessThan(2 * 6 * ROUND);
    await load.expectAll();
  });
}
