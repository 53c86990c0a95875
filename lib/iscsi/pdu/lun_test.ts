import { expect } from "expect";
import { fromHex, toHex } from "../../base/bytes.ts";
import { decodeLun, encodeLun } from "./lun.ts";

const TABLE: readonly [number, string][] = [
  [0, "0000000000000000"],
  [1, "0001000000000000"],
  [255, "00ff000000000000"],
  [256, "4100000000000000"],
  [16383, "7fff000000000000"],
];

Deno.test("lun: both ways", () => {
  for (const [lun, bytes] of TABLE) {
    expect(toHex(encodeLun(lun))).toBe(bytes);
    expect(decodeLun(fromHex(bytes)!)).toBe(lun);
  }
  // Flat addressing of small numbers is read though not written.
  expect(decodeLun(fromHex("4005000000000000")!)).toBe(5);
});

Deno.test("lun: buses, logical units, extended forms and further levels are nobody's", () => {
  for (
    const bytes of [
      "0100000000000000",
      "8000000000000000",
      "c101000000000000",
      "0000000100000000",
      "0001000000000001",
    ]
  ) expect(decodeLun(fromHex(bytes)!)).toBe(undefined);
});

Deno.test("lun: numbers that no field can hold are refused", () => {
  for (const lun of [-1, 16384, 1.5]) {
    expect(() => encodeLun(lun)).toThrow(RangeError);
  }
});
