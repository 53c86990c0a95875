import { expect } from "expect";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "./bytes.ts";
import { crc32c, crc32cBytewise } from "./crc32c.ts";
import { MAX_LONG_BYTES, SHORT_BYTES, Shortener } from "./crc32c_fold.ts";

/** RFC 7143 appendix B.4 (and RFC 3720 B.4): data, and the digest's bytes in the order of the wire. */
const VECTORS: readonly [Uint8Array, string][] = [
  [new Uint8Array(32), "aa36918a"],
  [new Uint8Array(32).fill(0xff), "43aba862"],
  [Uint8Array.from({ length: 32 }, (_, i) => i), "4e79dd46"],
  [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), "5cdb3f11"],
  // A SCSI read (10) command.
  [
    fromHex(
      "01c00000000000000000000000000000140000000000040000000014000000182800000000000000" +
        "0200000000000000",
    )!,
    "563a96d9",
  ],
];

Deno.test("crc32c: the RFC's vectors", () => {
  for (const [bytes, digest] of VECTORS) {
    const wire = new Uint8Array(4);
    // Its low byte goes first.
    new DataView(wire.buffer).setUint32(0, crc32c(bytes), true);
    expect(toHex(wire)).toBe(digest);
  }
  expect(crc32c(utf8("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

Deno.test("crc32c: the fast one equals its slow twin, in parts too", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(300),
    fc.nat(300),
    (bytes, a, b) => {
      const start = Math.min(a, b, bytes.length);
      const end = Math.min(Math.max(a, b), bytes.length);
      const first = crc32c(bytes, 0, start);
      const second = crc32c(bytes, start, end, first);
      expect(first).toBe(crc32cBytewise(bytes.subarray(0, start)));
      expect(second).toBe(crc32cBytewise(bytes.subarray(0, end)));
      expect(crc32c(bytes, end, bytes.length, second)).toBe(
        crc32cBytewise(bytes),
      );
    },
  ));
});

Deno.test("crc32c: what is long is made short, and its digest stays, wherever it begins and ends", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const long = new Uint8Array(150_000);
  for (let at = 0; at < long.length; at += bytes.length) {
    long.set(bytes.subarray(0, long.length - at), at);
  }
  const edges = [1023, 1024, 1025, 1039, 1040, 65_535, 65_536, 65_537];
  const lengths = [...edges, 66_559, 66_560, 66_561, 131_072, 140_000];
  for (const length of lengths) {
    for (const start of [0, 1, 4, 7]) {
      const first = crc32c(long, 0, start);
      expect(crc32c(long, start, start + length, first)).toBe(
        crc32cBytewise(long.subarray(0, start + length)),
      );
    }
  }
});

Deno.test("crc32c: each bit of what is long counts", () => {
  const long = crypto.getRandomValues(new Uint8Array(2048));
  const digests = new Set([crc32c(long)]);
  for (let bit = 0; bit < 8 * long.length; bit++) {
    long[bit >>> 3]! ^= 1 << (bit & 7);
    digests.add(crc32c(long));
    long[bit >>> 3]! ^= 1 << (bit & 7);
  }
  expect(digests.size).toBe(1 + 8 * long.length);
});

Deno.test("crc32c: this machine makes what is long short", () => {
  const made = Shortener.make();
  expect(made).toBeDefined();
  const long = crypto.getRandomValues(new Uint8Array(MAX_LONG_BYTES));
  const short = made!.shorten(long, ~0);
  expect(short.byteLength).toBe(SHORT_BYTES);
});
