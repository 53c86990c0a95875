import { expect } from "expect";
import fc from "fast-check";
import { fromHex, toHex } from "../../base/bytes.ts";
import { PeerError } from "../../base/errors.ts";
import { decodeAhs, encodeAhs, wholeCdb } from "./ahs.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;

Deno.test("ahs: both segments, both ways", () => {
  // AHSLength counts the reserved byte: 5 of CDB make 6, and two bytes of padding fill the word.
  const bytes = "0006 01 00 a1a2a3a4 a5 000000 0005 02 00 00010000";
  const fields = {
    extendedCdb: hex("a1a2a3a4a5"),
    bidirectionalReadExpectedLength: 65536,
  };
  expect(decodeAhs(hex(bytes))).toEqual(fields);
  expect(toHex(encodeAhs(fields))).toBe(bytes.replaceAll(" ", ""));
  expect(decodeAhs(new Uint8Array(0))).toEqual({});
  expect(encodeAhs({}).length).toBe(0);
});

Deno.test("ahs: no prefix of a segment passes", () => {
  const bytes = hex("0005 02 00 00010000");
  for (let length = 1; length < bytes.length; length++) {
    expect(() => decodeAhs(bytes.subarray(0, length))).toThrow(PeerError);
  }
});

Deno.test("ahs: unknown, repeated, empty and overlong segments are refused", () => {
  for (
    const bytes of [
      "0005 03 00 00010000",
      "0005 02 00 00010000 0005 02 00 00010000",
      "0000 02 00",
      "0006 02 00 00010000 00000000",
    ]
  ) expect(() => decodeAhs(hex(bytes))).toThrow(PeerError);
  const longest = encodeAhs({ extendedCdb: new Uint8Array(244) });
  expect(decodeAhs(longest).extendedCdb?.length).toBe(244);
  const longer = encodeAhs({ extendedCdb: new Uint8Array(245) });
  expect(() => decodeAhs(longer)).toThrow(PeerError);
});

Deno.test("ahs: a CDB is put together", () => {
  const cdb = new Uint8Array(16).fill(1);
  expect(wholeCdb(cdb, undefined)).toBe(cdb);
  expect(toHex(wholeCdb(cdb, hex("0203")))).toBe("01".repeat(16) + "0203");
});

Deno.test("ahs: nothing but the peer's fault comes of any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try {
      decodeAhs(bytes);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(PeerError);
    }
  }));
});
