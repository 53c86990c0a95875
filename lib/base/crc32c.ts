/**
 * CRC32C, the digest of RFC 7143 section 13.1: Castagnoli's polynomial 0x1edc6f41, bits reflected, begun with ones and
 * complemented at the end. Eight or sixteen bytes a step ("slicing"), and what is long is made short before; {@linkcode crc32cBytewise} is
 * the slow twin.
 */

import { MAX_LONG_BYTES, Shortener } from "./crc32c_fold.ts";

/** 0x1edc6f41 with its bits in reverse order. */
const REFLECTED_POLYNOMIAL = 0x82f6_3b78;

/** TABLES[256 * n + b]: what byte b contributes when n more bytes follow it in the step. */
const TABLES = makeTables();

/** Whether the lowest byte of a word comes first in memory, as it does in the digest. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** From so many bytes on it pays to look at them as words. */
const WORDWISE_BYTES = 128;

/** From so many on it pays to make them short. */
const SHORTENED_BYTES = 1024;

/** Made when it is wanted first; nothing where this machine has none. */
let shortener: Shortener | undefined | "none";

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) !== 0 ? (crc >>> 1) ^ REFLECTED_POLYNOMIAL : crc >>> 1;
    }
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!;
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

/**
 * The CRC of `bytes` from `start` up to `end`, as an unsigned number. On the wire its low byte goes first
 * (RFC 7143 appendix B.4). `seed` is the CRC of what goes before.
 */
export function crc32c(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  seed = 0,
): number {
  const tables = TABLES;
  let crc = ~seed;
  let at = start;
  if (LITTLE_ENDIAN && end - at >= SHORTENED_BYTES) {
    shortener ??= Shortener.make() ?? "none";
    while (shortener !== "none" && end - at >= SHORTENED_BYTES) {
      const length = Math.min(MAX_LONG_BYTES, (end - at) >>> 4 << 4);
      const long = bytes.subarray(at, at + length);
      crc = wordwise(0, shortener.shorten(long, crc));
      at += length;
    }
  }
  if (
    LITTLE_ENDIAN && end - at >= WORDWISE_BYTES &&
    (bytes.byteOffset + at) % 4 === 0
  ) {
    const length = (end - at) >>> 4 << 4;
    const from = bytes.byteOffset + at;
    crc = wordwise(crc, new Int32Array(bytes.buffer, from, length / 4));
    at += length;
  }
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) |
      (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc = tables[1792 + (low & 0xff)]! ^
      tables[1536 + ((low >>> 8) & 0xff)]! ^
      tables[1280 + ((low >>> 16) & 0xff)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < end; at++) {
    crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
  }
  return ~crc >>> 0;
}

/** What the state becomes of whole steps of four words. */
function wordwise(before: number, words: Int32Array): number {
  const tables = TABLES;
  let crc = before;
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]! ^ crc;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    crc = tables[3840 + (a & 0xff)]! ^ tables[3584 + ((a >>> 8) & 0xff)]! ^
      tables[3328 + ((a >>> 16) & 0xff)]! ^ tables[3072 + (a >>> 24)]! ^
      tables[2816 + (b & 0xff)]! ^ tables[2560 + ((b >>> 8) & 0xff)]! ^
      tables[2304 + ((b >>> 16) & 0xff)]! ^ tables[2048 + (b >>> 24)]! ^
      tables[1792 + (c & 0xff)]! ^ tables[1536 + ((c >>> 8) & 0xff)]! ^
      tables[1280 + ((c >>> 16) & 0xff)]! ^ tables[1024 + (c >>> 24)]! ^
      tables[768 + (d & 0xff)]! ^ tables[512 + ((d >>> 8) & 0xff)]! ^
      tables[256 + ((d >>> 16) & 0xff)]! ^ tables[d >>> 24]!;
  }
  return crc;
}

/** The same, bit by bit as the standard describes it: slow, for tests. */
export function crc32cBytewise(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) !== 0 ? (crc >>> 1) ^ REFLECTED_POLYNOMIAL : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
