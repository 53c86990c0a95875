import { expect } from "expect";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { ExtentMap } from "../extent_map.ts";
import { MapWalk } from "./map_walk.ts";

const SECTORS = 2 ** 33;

Deno.test("a walk gives what the runs of a map are, in one object, and the end again and again", () => {
  const dice = new Dice(1);
  const map = new ExtentMap();
  for (const inserts of [0, 1, 200, 3000]) {
    for (let n = 0; n < inserts; n++) {
      const sector = dice.next(SECTORS);
      const length = 1 + dice.next(SECTORS - sector) % 4000;
      map.insert({ sector, length, holder: dice.next(2 ** 31), at: n });
    }
    const walk = new MapWalk(map.leaves);
    const objects = new Set<unknown>();
    for (const { sector, length: sectors, holder: segment, at } of map.runs()) {
      const { value, done } = walk.next();
      expect([value, done]).toEqual([{ sector, sectors, segment, at }, false]);
      objects.add(value);
    }
    expect(objects.size).toBe(Math.min(map.size, 1));
    for (let n = 0; n < 3; n++) {
      expect(walk.next()).toEqual({ done: true, value: undefined });
    }
  }
  expect(map.leaves.length).toBeGreaterThan(10);
});
