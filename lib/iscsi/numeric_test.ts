import { expect } from "expect";
import fc from "fast-check";
import { parseBinary, parseNumber, renderBinary } from "./numeric.ts";

Deno.test("numeric: decimal and hexadecimal numbers", () => {
  const table: [string, number | undefined][] = [
    ["0", 0],
    ["65535", 65535],
    ["0x1F", 31],
    ["0X10", 16],
    ["9007199254740991", 2 ** 53 - 1],
    ["9007199254740993", undefined],
    ["01", undefined],
    ["-1", undefined],
    ["+1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["", undefined],
    [" 1", undefined],
    ["0x", undefined],
    ["0xg", undefined],
    ["1".repeat(21), undefined],
  ];
  for (const [text, value] of table) expect(parseNumber(text)).toBe(value);
});

Deno.test("numeric: binary values in both encodings", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  const table: [string, Uint8Array | undefined][] = [
    ["0x00ff", bytes(0, 255)],
    ["0Xabc", bytes(0x0a, 0xbc)],
    ["0bAP8=", bytes(0, 255)],
    ["0BAP9A", bytes(0, 255, 64)],
    ["0b/+8=", bytes(0xff, 0xef)],
    ["0x", undefined],
    ["0b", undefined],
    ["0b====", undefined],
    ["0bAP8", undefined],
    ["0bA=8=", undefined],
    ["00ff", undefined],
    ["0xzz", undefined],
    ["", undefined],
  ];
  for (const [text, value] of table) {
    expect(parseBinary(text, 16)).toEqual(value);
  }
});

Deno.test("numeric: binary values are bounded, and read back", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 1, maxLength: 64 }),
    (bytes) => {
      const text = renderBinary(bytes);
      const base64 = `0b${btoa(String.fromCharCode(...bytes))}`;
      expect(parseBinary(text, bytes.length)).toEqual(bytes);
      expect(parseBinary(base64, bytes.length)).toEqual(bytes);
      expect(parseBinary(text, bytes.length - 1)).toBe(undefined);
      expect(parseBinary(base64, bytes.length - 1)).toBe(undefined);
    },
  ));
});
