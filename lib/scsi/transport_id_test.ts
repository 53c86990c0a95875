import { expect } from "expect";
import { concat, utf8 } from "../base/bytes.ts";
import {
  decodeTransportId,
  encodeTransportId,
  MAX_TRANSPORT_ID_BYTES,
} from "./transport_id.ts";

const PORT = "iqn.2026-01.example:alice,i,0x00023d000001";
/** SPC-4 section 7.6.4.6, format 01b: 42 bytes of name, the NUL, and one to fill. */
const ID = concat([Uint8Array.of(0x45, 0, 0, 44), utf8(`${PORT}\0\0`)]);

Deno.test("a port's TransportID, both ways", () => {
  expect(encodeTransportId(PORT)).toEqual(ID);
  const decoded = decodeTransportId(concat([ID, utf8("more")]));
  expect(decoded).toEqual({ named: { port: PORT }, length: ID.length });
});

Deno.test("a short name is filled to the least length, and the longest fits", () => {
  const short = encodeTransportId("iqn.a,i,0x000000000001");
  expect([short.length, short[3]]).toEqual([28, 24]);
  const tiny = encodeTransportId("a,i,0x1");
  expect([tiny.length, tiny[3]]).toEqual([24, 20]);
  const longest = `${"x".repeat(223)},i,0x0123456789ab`;
  const id = encodeTransportId(longest);
  expect(id.length).toBe(MAX_TRANSPORT_ID_BYTES);
  expect(decodeTransportId(id)?.named).toEqual({ port: longest });
  expect(
    decodeTransportId(encodeTransportId(`${longest.replace("x", "xxxxx")}`)),
  )
    .toBe(undefined);
});

Deno.test("every prefix of a TransportID, and what is malformed, is none", () => {
  for (let length = 0; length < ID.length; length++) {
    expect(decodeTransportId(ID.subarray(0, length))).toBe(undefined);
  }
  const changed = (at: number, value: number) =>
    decodeTransportId(ID.map((byte, i) => i === at ? value : byte));
  // Another protocol, a reserved format, lengths that are no multiple of four or too short.
  for (const head of [0x40, 0x46, 0x85, 0xc5]) {
    expect(changed(0, head)).toBe(undefined);
  }
  for (const length of [0, 16, 42, 43]) {
    expect(changed(3, length)).toBe(undefined);
  }
  // A name that is empty, no UTF-8, or without an end; an ISID that is none.
  expect(changed(4, 0)).toBe(undefined);
  expect(changed(4, 0xff)).toBe(undefined);
  expect(decodeTransportId(ID.map((b, i) => i > 44 && b === 0 ? 0x31 : b)))
    .toBe(undefined);
  expect(decodeTransportId(encodeTransportId("iqn.x,i,0x0123456789abc")))
    .toBe(undefined);
  expect(decodeTransportId(encodeTransportId("iqn.x,i,0x"))).toBe(undefined);
  expect(decodeTransportId(encodeTransportId(",i,0x1"))).toBe(undefined);
});

Deno.test("a device's TransportID means the ports whose names begin with its own", () => {
  const id = encodeTransportId("iqn.2026-01.example:al");
  id[0] = 0x05;
  const named = decodeTransportId(id)?.named;
  const isOf = named && "deviceIs" in named ? named.deviceIs : undefined;
  expect(isOf?.("iqn.2026-01.example:al,i,0x000000000001")).toBe(true);
  expect(isOf?.(PORT)).toBe(false);
});
