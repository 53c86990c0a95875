import { expect } from "expect";
import fc from "fast-check";
import { toHex } from "../base/bytes.ts";
import { SealError } from "./seal_error.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

const bytesOf = (write: (writer: ByteWriter) => void) => {
  const writer = new ByteWriter();
  write(writer);
  return writer.bytes;
};

Deno.test("numbers have the bytes of LEB128", () => {
  for (
    const [value, bytes] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [300, "ac02"],
      [2 ** 32, "8080808010"],
      [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
    ] as const
  ) {
    expect(toHex(bytesOf((writer) => writer.varint(value)))).toBe(bytes);
  }
  const signed = (value: number) =>
    toHex(bytesOf((writer) => writer.signed(value)));
  expect([0, -1, 1, -2, 63, -64, 64].map(signed)).toEqual(
    ["00", "01", "02", "03", "7e", "7f", "8001"],
  );
});

Deno.test("what is written is read, and no prefix of it", () => {
  const anyNumber = fc.oneof(
    fc.maxSafeNat(),
    fc.nat(300),
    fc.integer({ min: 0, max: 52 }).map((power) => 2 ** power),
  );
  fc.assert(
    fc.property(fc.array(anyNumber), fc.integer(), (numbers, signed) => {
      const bytes = bytesOf((writer) => {
        numbers.forEach((number) => writer.varint(number));
        writer.signed(signed);
        writer.raw(Uint8Array.of(7, 8));
      });
      const read = (bytes: Uint8Array) => {
        const reader = new ByteReader(bytes, "It");
        expect(numbers.map(() => reader.varint())).toEqual(numbers);
        expect(reader.signed()).toBe(signed);
        expect(reader.raw(2)).toEqual(Uint8Array.of(7, 8));
        reader.end();
      };
      read(bytes);
      for (const cut of [0, bytes.length >> 1, bytes.length - 1]) {
        expect(() => read(bytes.subarray(0, cut))).toThrow();
      }
      expect(() => read(Uint8Array.of(...bytes, 0))).toThrow(SealError);
    }),
  );
});

Deno.test("what is no number, or too large a one, is refused", () => {
  const read = (bytes: number[], max?: number) => () =>
    new ByteReader(Uint8Array.from(bytes), "It").varint(max);
  expect(read([0x80, 0x00])).toThrow("It is malformed: a number is padded");
  expect(read([])).toThrow("it ends too early");
  expect(read([0xff])).toThrow("it ends too early");
  expect(read(Array(8).fill(0xff).concat(1))).toThrow("a number is too long");
  expect(read(Array(7).fill(0xff).concat(0x1f))).toThrow("is more than");
  expect(read([5], 4)).toThrow("5 is more than 4");
  expect(read([4], 4)()).toBe(4);
  for (const value of [-1, 0.5, NaN, 2 ** 53]) {
    expect(() => bytesOf((writer) => writer.varint(value))).toThrow(RangeError);
  }
  const count = new ByteReader(Uint8Array.of(3, 1, 1, 1, 1, 1), "It");
  expect(() => count.count(2)).toThrow("3 of something are more than it holds");
});
