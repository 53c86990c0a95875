import { expect } from "expect";
import fc from "fast-check";
import {
  ExtentMap,
  FIXED,
  MAX_EXTENT_SECTORS,
  MAX_SECTORS,
  type Piece,
  type Place,
  type Run,
} from "./extent_map.ts";

/** The slow twin: where each sector is. */
class SectorArray {
  readonly places: (string | undefined)[];

  constructor(sectors: number) {
    this.places = new Array(sectors).fill(undefined);
  }

  /** What was there, sector by sector. */
  put(run: Omit<Run, "holder"> & { holder: number | undefined }): string[] {
    const displaced: string[] = [];
    for (let n = 0; n < run.length; n++) {
      const before = this.places[run.sector + n];
      if (before !== undefined) displaced.push(`${run.sector + n}: ${before}`);
      this.places[run.sector + n] = run.holder === undefined
        ? undefined
        : placeOf({ holder: run.holder, at: run.at }, n);
    }
    return displaced;
  }

  /** Those sectors of the run's that are where `from` says become what `to` says. */
  move(run: Run, from: Place, to: Place | undefined): number {
    let moved = 0;
    for (let n = 0; n < run.length; n++) {
      if (this.places[run.sector + n] !== placeOf(from, n)) continue;
      this.places[run.sector + n] = to && placeOf(to, n);
      moved++;
    }
    return moved;
  }
}

function placeOf({ holder, at }: Place, n: number): string {
  return `${holder}/${holder >= FIXED ? at : at + n}`;
}

/** What the pieces say of each sector. */
function sectorsOf(pieces: Iterable<Piece>): string[] {
  const words: string[] = [];
  for (const piece of pieces) {
    if (piece.holder === undefined) continue;
    for (let n = 0; n < piece.length; n++) {
      words.push(`${piece.sector + n}: ${placeOf(piece, n)}`);
    }
  }
  return words;
}

function same(map: ExtentMap, twin: SectorArray, base: number): void {
  const expected = twin.places.flatMap((place, n) =>
    place === undefined ? [] : [`${n}: ${place}`]
  );
  const shifted = (pieces: Iterable<Piece>) =>
    [...pieces].map((piece) => ({ ...piece, sector: piece.sector - base }));
  const runs = [...map.runs()];
  expect(sectorsOf(shifted(runs))).toEqual(expected);
  expect(map.size).toBe(runs.length);
  const pieces = map.lookup({ sector: base, length: twin.places.length });
  expect(sectorsOf(shifted(pieces))).toEqual(expected);
  let next = base;
  for (const { sector, length } of pieces) {
    expect(sector).toBe(next);
    expect(length).toBeGreaterThan(0);
    next += length;
  }
  expect(next).toBe(base + twin.places.length);
}

const SECTORS = 600;

const anyStep = fc.record({
  kind: fc.constantFrom(
    ...[
      "insert",
      "insert",
      "insert",
      "remove",
      "insertIf",
      "removeIf",
    ] as const,
  ),
  sector: fc.nat(SECTORS - 1),
  length: fc.oneof(fc.constant(1), fc.nat(8), fc.nat(SECTORS)),
  holder: fc.oneof(fc.nat(2), fc.constant(FIXED), fc.constant(FIXED + 1)),
  at: fc.nat(3),
});

Deno.test("an extent map is its slow twin, whatever is done to it, anywhere in a volume", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 2 ** 32 - 300, MAX_SECTORS - SECTORS),
      fc.array(anyStep, { maxLength: 120 }),
      (base, steps) => {
        const map = new ExtentMap();
        const twin = new SectorArray(SECTORS);
        for (const { kind, ...step } of steps) {
          const length = Math.min(step.length, SECTORS - step.sector);
          const near = { ...step, length };
          const run = { ...near, sector: near.sector + base };
          const from = { holder: near.holder ^ 1, at: near.at };
          const displaced: Run[] = [];
          const tell = (run: Run) =>
            displaced.push({ ...run, sector: run.sector - base });
          switch (kind) {
            case "insert":
              map.insert(run, tell);
              expect(sectorsOf(displaced)).toEqual(twin.put(near));
              break;
            case "remove":
              map.remove(run, tell);
              expect(sectorsOf(displaced))
                .toEqual(twin.put({ ...near, holder: undefined }));
              break;
            case "insertIf":
              expect(map.insertIf(run, from)).toBe(twin.move(near, from, near));
              break;
            case "removeIf":
              expect(map.removeIf(run))
                .toBe(twin.move(near, near, undefined));
          }
        }
        same(map, twin, base);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("an extent map of many leaves is its slow twin, growing and shrinking", () => {
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const sectors = 20_000;
  const map = new ExtentMap();
  const twin = new SectorArray(sectors);
  for (let n = 0; n < 12_000; n++) {
    const sector = random(sectors);
    // First mostly small writes, then larger holes.
    const isHole = random(10) < (n < 8000 ? 1 : 7);
    const length = Math.min(1 + random(isHole ? 60 : 3), sectors - sector);
    const run = { sector, length, holder: random(5), at: random(1000) };
    const displaced: Run[] = [];
    if (isHole) {
      map.remove(run, (run) => displaced.push(run));
      const expected = twin.put({ ...run, holder: undefined });
      expect(sectorsOf(displaced)).toEqual(expected);
    } else {
      map.insert(run, (run) => displaced.push(run));
      expect(sectorsOf(displaced)).toEqual(twin.put(run));
    }
    if (n === 7999) expect(map.size).toBeGreaterThan(3000);
  }
  same(map, twin, 0);
  const all = { sector: 0, length: sectors };
  let displaced = 0;
  map.remove(all, ({ length }) => displaced += length);
  expect(displaced).toBe(twin.places.filter((place) => place).length);
  expect([map.size, map.lookup(all)])
    .toEqual([0, [{ ...all, holder: undefined }]]);
  expect(map.stateBytes).toBeLessThan(10_000);
});

Deno.test("what goes on where it ended is one extent", () => {
  const map = new ExtentMap();
  for (let n = 0; n < 10; n++) {
    map.insert({ sector: 8 * n, length: 8, holder: 3, at: 100 + 8 * n });
  }
  expect([...map.runs()])
    .toEqual([{ sector: 0, length: 80, holder: 3, at: 100 }]);
  map.insert({ sector: 80, length: 1, holder: 3, at: 181 });
  map.insert({ sector: 81, length: 1, holder: 4, at: 182 });
  expect(map.size).toBe(3);
  expect(map.next(79)).toEqual({ sector: 0, length: 80, holder: 3, at: 100 });
  expect(map.next(80)?.sector).toBe(80);
  expect(map.next(82)).toBeUndefined();
});

Deno.test("what is longer than an extent is kept in pieces", () => {
  const map = new ExtentMap();
  const length = 2 ** 38;
  const all = { sector: 0, length };
  map.insert({ ...all, holder: FIXED, at: 7 });
  expect(map.size).toBe(Math.ceil(length / MAX_EXTENT_SECTORS));
  const middle = { sector: 2 ** 33, length: 1, holder: 1, at: 2 };
  map.insert(middle);
  expect(map.lookup({ sector: 2 ** 33 - 1, length: 3 })).toEqual([
    { sector: 2 ** 33 - 1, length: 1, holder: FIXED, at: 7 },
    middle,
    { sector: 2 ** 33 + 1, length: 1, holder: FIXED, at: 7 },
  ]);
  expect(map.removeIf({ ...all, holder: FIXED, at: 7 })).toBe(length - 1);
  expect([...map.runs()]).toEqual([middle]);
});

Deno.test("sectors that no volume has are a defect", () => {
  const map = new ExtentMap();
  for (
    const [sector, length] of [[-1, 1], [0, -1], [MAX_SECTORS, 1]] as const
  ) {
    expect(() => map.lookup({ sector, length })).toThrow("no volume has");
    expect(() => map.insert({ sector, length, holder: 1, at: 1 })).toThrow();
  }
});
