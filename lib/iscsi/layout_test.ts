import { expect } from "expect";
import { fromHex, toHex } from "../base/bytes.ts";
import { dataStart, digestAt, pduLength, sealPdu } from "./layout.ts";
import { BHS_BYTES } from "./pdu/bhs.ts";

const NONE = { header: false, data: false };
const BOTH = { header: true, data: true };

Deno.test("layout: lengths with and without digests, padding and AHS", () => {
  const table: [number, typeof NONE, number, number, number][] = [
    [0, NONE, 0, 48, 48],
    [5, NONE, 0, 48, 56],
    [0, BOTH, 0, 52, 52],
    [5, BOTH, 0, 52, 64],
    [8, BOTH, 12, 64, 76],
    [8, { header: false, data: true }, 0, 48, 60],
  ];
  for (const [length, digests, ahs, start, whole] of table) {
    expect(dataStart(digests, ahs)).toBe(start);
    expect(pduLength(length, digests, ahs)).toBe(whole);
  }
});

Deno.test("layout: sealing zeroes the padding of a used arena and digests it", () => {
  const arena = new Uint8Array(100).fill(0xee);
  arena.fill(0, 8, 8 + BHS_BYTES);
  const end = sealPdu(arena, 8, { dataLength: 1, digests: BOTH });
  expect(end).toBe(8 + 52 + 4 + 4);
  expect(toHex(arena.subarray(60, 64))).toBe("ee000000");
  expect(toHex(arena.subarray(end))).toBe("ee".repeat(100 - end));
  expect(toHex(arena.subarray(0, 8))).toBe("ee".repeat(8));
  // Without data there is neither padding nor a data digest.
  expect(sealPdu(arena, 8, { dataLength: 0, digests: BOTH })).toBe(60);
  expect(digestAt(fromHex("78563412")!, 0)).toBe(0x12345678);
  expect(digestAt(fromHex("000000ff")!, 0)).toBe(0xff000000);
});
