import { expect } from "expect";
import type { VolumeDocument } from "./documents.ts";
import { MAX_LUN } from "./documents.ts";
import { expectNobodyBehind, placeOf } from "./placement.ts";

function volume(name: string, behind?: [string, number]): VolumeDocument {
  return {
    version: 1,
    name,
    sizeBytes: 512,
    blockSizeBytes: 512,
    readOnly: false,
    serial: "1",
    naa: "3000000000000001",
    createdAt: "2026-11-22T12:00:00.000Z",
    chap: { users: [] },
    ...(behind ? { behind: { target: behind[0], lun: behind[1] } } : {}),
  };
}

Deno.test("the next free LUN is the lowest", () => {
  const volumes = [volume("a"), volume("b", ["a", 1]), volume("c", ["a", 3])];
  expect(placeOf({ target: "a" }, volumes)).toEqual({ target: "a", lun: 2 });
  expect(placeOf({ target: "c" }, volumes)).toEqual({ target: "a", lun: 2 });
  expect(placeOf({}, volumes)).toBeUndefined();
});

Deno.test("a target has so many LUNs and no more", () => {
  const volumes = [volume("a")];
  for (let lun = 1; lun <= MAX_LUN; lun++) {
    const place = placeOf({ target: "a" }, volumes);
    expect(place).toEqual({ target: "a", lun });
    volumes.push(volume(`v${lun}`, ["a", lun]));
  }
  expect(() => placeOf({ target: "a" }, volumes)).toThrow("has no LUN left");
  for (const lun of [-1, 0.5, NaN, MAX_LUN + 1]) {
    expect(() => placeOf({ target: "a", lun }, volumes)).toThrow(
      "There is no LUN",
    );
  }
  expect(() => placeOf({ target: "a", lun: 0 }, volumes)).toThrow(
    'is volume "a"',
  );
});

Deno.test("a volume goes after those that are behind its target", () => {
  const volumes = [volume("a"), volume("b", ["a", 1])];
  expect(() => expectNobodyBehind("a", volumes)).toThrow("another is behind");
  expectNobodyBehind("b", volumes);
  expectNobodyBehind("a", [volumes[0]!]);
});
