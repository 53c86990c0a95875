/** The map of a volume beside a slow twin, that it is the same after a checkpoint, and what moves mean. */
import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import type { SegmentExtent } from "../../segments/segment.ts";
import { noTime } from "../testing/journaled.ts";
import { place } from "./packing.ts";
import { type KnownSegment, objectBytes } from "./ledger.ts";
import { VolumeMap } from "./volume_map.ts";

const SECTORS = 48;

type Extents = readonly SegmentExtent[];

const data = (sector: number, sectors = 1) =>
  ({ kind: "data", sector, sectors }) as const;
const zero = (sector: number, sectors = 1) =>
  ({ kind: "zero", sector, sectors }) as const;
const moved = (sector: number, sectors: number, segment: number, at: number) =>
  ({ kind: "moved", sector, sectors, from: { segment, sector: at } }) as const;

function segmentOf(number: number, extents: Extents) {
  const sectors = extents.reduce(
    (sum, { kind, sectors }) => kind === "zero" ? sum : sum + sectors,
    0,
  );
  return {
    number,
    digest: new Uint8Array(32),
    salt: new Uint8Array(32),
    dataStart: 161 + 6 * extents.length,
    dataBytes: sectors * 512,
  };
}

function mapOf(row: readonly Extents[], endSector = SECTORS): VolumeMap {
  const map = new VolumeMap();
  row.forEach((extents, n) =>
    map.apply(segmentOf(n + 1, extents), place(extents), endSector)
  );
  return map;
}

/** Where each sector is, as `segment/sector of it`. */
function placesOf(map: VolumeMap): (string | undefined)[] {
  const places = Array<string | undefined>(SECTORS).fill(undefined);
  for (const { sector, length, holder, at } of map.runs()) {
    for (let n = 0; n < length; n++) places[sector + n] = `${holder}/${at + n}`;
  }
  return places;
}

/** The same, sector by sector, as FORMAT.md section 4 has it. */
class Twin {
  readonly places = Array<string | undefined>(SECTORS).fill(undefined);
  readonly sizes = new Map<number, number>();

  apply(number: number, extents: Extents): void {
    this.sizes.set(number, objectBytes(segmentOf(number, extents)));
    for (const extent of place(extents)) {
      for (let n = 0; n < extent.sectors; n++) {
        const sector = extent.sector + n;
        if (sector >= SECTORS) continue;
        if (extent.at === undefined) this.places[sector] = undefined;
        else if (
          extent.kind === "data" ||
          this.places[sector] ===
            (extent.kind === "moved"
              ? `${extent.from.segment}/${extent.from.sector + n}`
              : "")
        ) this.places[sector] = `${number}/${extent.at + n}`;
      }
    }
  }

  live(number: number): number {
    return this.places.filter((at) => at?.startsWith(`${number}/`)).length;
  }
}

/** As a checkpoint gives it back. */
function restored(map: VolumeMap): Promise<VolumeMap> {
  const segments = [...map.segments()]
    .filter(({ liveSectors }) => liveSectors > 0)
    .map(({ liveSectors, ...record }) => ({
      ...record,
      liveBytes: liveSectors * 512,
    }));
  const extents = [...map.runs()].map(({ sector, length, holder, at }) => ({
    ...{ sector, sectors: length, segment: holder, at },
  }));
  return VolumeMap.of({ segments, extents }, noTime);
}

/** Moves what was anywhere at any time: most of it is not there any more. */
function anyMove(dice: Dice, history: readonly (string | undefined)[][]) {
  const places = history[dice.next(history.length)]!;
  const extents: SegmentExtent[] = [];
  for (let n = 1 + dice.next(4); n > 0; n--) {
    const sector = dice.next(SECTORS);
    const [segment, at] = (places[sector] ?? "1/0").split("/").map(Number);
    const sectors = Math.min(1 + dice.next(3), SECTORS - sector);
    extents.push(moved(sector, sectors, segment!, at!));
  }
  return extents;
}

function anyWrite(dice: Dice): SegmentExtent[] {
  return Array.from({ length: 1 + dice.next(4) }, () => {
    const sector = dice.next(SECTORS);
    const sectors = Math.min(1 + dice.next(8), SECTORS - sector);
    return dice.once(4) ? zero(sector, sectors) : data(sector, sectors);
  });
}

Deno.test("the map, its counts and its ranks are those of the slow twin, on the way and from a checkpoint", async () => {
  let movesThatCounted = 0;
  for (let seed = 0; seed < 25; seed++) {
    const dice = new Dice(seed);
    let map = new VolumeMap();
    const twin = new Twin();
    const history = [[...twin.places]];
    for (let number = 1; number <= 40; number++) {
      const isMove = number > 4 && dice.once(2);
      const extents = isMove ? anyMove(dice, history) : anyWrite(dice);
      map.apply(segmentOf(number, extents), place(extents), SECTORS);
      twin.apply(number, extents);
      history.push([...twin.places]);
      if (isMove && twin.live(number) > 0) movesThatCounted++;
      if (dice.once(10)) {
        map = await restored(map);
        for (const known of [...twin.sizes.keys()]) {
          if (twin.live(known) === 0) twin.sizes.delete(known);
        }
      }
      expect(placesOf(map)).toEqual(twin.places);
      const numbers = [...twin.sizes.keys()];
      const dead = numbers.filter((one) => twin.live(one) === 0);
      const bytes = (of: readonly number[]) =>
        of.reduce((sum, one) => sum + twin.sizes.get(one)!, 0);
      expect(map.objectBytes).toBe(bytes(numbers));
      expect(map.deadBytes).toBe(bytes(dead));
      expect([...map.dead()].map(({ number }) => number).sort(byValue))
        .toEqual(dead.sort(byValue));
      expect(map.liveBytes)
        .toBe(512 * twin.places.filter((at) => at !== undefined).length);
      const living = numbers.filter((one) => twin.live(one) > 0);
      for (const share of [0.25, 0.5, 1]) {
        const worth = [...map.worthRewriting(share)];
        for (const one of worth) {
          expect(one.liveSectors).toBe(twin.live(one.number));
          expect(shareOf(one)).toBeLessThan(share);
        }
        const sparse = living.filter((one) =>
          twin.live(one) * 512 / twin.sizes.get(one)! < share - 1 / 64
        );
        const there = worth.map(({ number }) => number);
        expect(there).toEqual(expect.arrayContaining(sparse));
        expect(new Set(there).size).toBe(there.length);
      }
    }
  }
  // It has not gone blind.
  expect(movesThatCounted).toBeGreaterThan(120);
});

Deno.test("of several moves of the same sectors the first counts, and a move of what was moved since does not", () => {
  const row = [
    [data(0, 4)],
    [moved(0, 4, 1, 0)],
    // Read before the first move was in the row.
    [moved(0, 2, 1, 0)],
    [moved(1, 3, 2, 1)],
    [moved(0, 4, 2, 0)],
  ];
  expect(placesOf(mapOf(row)).slice(0, 4)).toEqual([
    "5/0",
    "4/0",
    "4/1",
    "4/2",
  ]);
});

Deno.test("what was written, unmapped or cut off since its move was read stays so", () => {
  const places = placesOf(mapOf([
    [data(0, 4)],
    [data(1), zero(2)],
    [moved(0, 4, 1, 0)],
  ]));
  expect(places.slice(0, 4)).toEqual(["3/0", "2/0", undefined, "3/3"]);
  const shorter = mapOf([[data(0, 4)]]);
  shorter.cut(2);
  const move = [moved(0, 4, 1, 0)];
  shorter.apply(segmentOf(2, move), place(move), SECTORS);
  expect(placesOf(shorter).slice(0, 4))
    .toEqual(["2/0", "2/1", undefined, undefined]);
});

Deno.test("segments of which less lives are worth rewriting first, and of like ones those that have been so for longest", () => {
  const map = mapOf([
    [data(0, 8)],
    [data(8, 8)],
    [data(16, 8)],
    // Half of the second dies, then half of the first, and more of the third.
    [zero(8, 4)],
    [zero(0, 4)],
    [zero(16, 6)],
  ]);
  expect([...map.worthRewriting(0.6)].map(({ number }) => number))
    .toEqual([3, 2, 1]);
  // Which loses a little for ever would be rewritten for nothing.
  const grown = [data(32, 4)];
  for (let number = 7; number < 80; number++) {
    map.apply(segmentOf(number, grown), place(grown), SECTORS);
  }
  const last = [zero(22)];
  map.apply(segmentOf(80, last), place(last), SECTORS);
  expect([...map.worthRewriting(0.6)].map(({ number }) => number))
    .toEqual([2, 1, 3]);
});

function shareOf(segment: KnownSegment): number {
  return segment.liveSectors * 512 / objectBytes(segment);
}

function byValue(a: number, b: number): number {
  return a - b;
}
