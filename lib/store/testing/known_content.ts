/**
 * Blocks that tell which operation wrote them.
 *
 *     at 0   magic "vaultKC1" · seed, 32 bits · number of the operation, 32 bits · block, 32 bits
 *     at 20  numbers that follow from the fields before, to the end of the block
 *
 * A block is of an operation where all of its 512 bytes are: half of one and half of another is of none. What WRITE SAME repeats says
 * {@linkcode ANYWHERE} in the place of the block.
 */

import { equalBytes, putU32, u32, utf8 } from "../../base/bytes.ts";

/** What is written and judged as one: no medium tears it. */
export const BLOCK_BYTES = 512;

/** No operation has this number: the block is zeros. */
export const ZEROS = 0;

/** No operation has this number: the block is nobody's. */
export const FOREIGN = -1;

const ANYWHERE = 0xffff_ffff;

const MAGIC = utf8("vaultKC1");
const SEED_AT = 8;
const NUMBER_AT = 12;
const BLOCK_AT = 16;
const FILL_AT = 20;

/** Multipliers that spread neighbouring numbers apart (MurmurHash3's finalizer; Knuth, TAOCP 3.3.4). */
const MIX = 0x85ebca6b;
const GOLDEN = 0x9e3779b1;

export interface Content {
  readonly seed: number;
  /** Of the operation, 1 or more. */
  readonly number: number;
}

/** The bytes that the operation writes to `count` blocks from `first` on. */
export function blocksOf(
  content: Content,
  { first, count }: { readonly first: number; readonly count: number },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * BLOCK_BYTES);
  for (let i = 0; i < count; i++) {
    fill(bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), {
      ...content,
      block: first + i,
    });
  }
  return bytes;
}

/** The one block that the operation repeats. */
export function repeatedBlock(content: Content): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BLOCK_BYTES);
  fill(bytes, { ...content, block: ANYWHERE });
  return bytes;
}

/** For each block of `bytes` the number of the operation that it is of, {@linkcode ZEROS} or {@linkcode FOREIGN}. */
export function numbersIn(bytes: Uint8Array, seed: number): Int32Array {
  const numbers = new Int32Array(Math.floor(bytes.length / BLOCK_BYTES));
  const expected = new Uint8Array(BLOCK_BYTES);
  for (let block = 0; block < numbers.length; block++) {
    const at = block * BLOCK_BYTES;
    const found = bytes.subarray(at, at + BLOCK_BYTES);
    if (isZero(found)) continue;
    const [number, where] = [u32(found, NUMBER_AT), u32(found, BLOCK_AT)];
    fill(expected, { seed, number, block: where });
    numbers[block] = (where === block || where === ANYWHERE) &&
        number > 0 && number < 2 ** 31 && equalBytes(found, expected)
      ? number
      : FOREIGN;
  }
  return numbers;
}

function fill(
  into: Uint8Array,
  { seed, number, block }: Content & { readonly block: number },
): void {
  into.set(MAGIC);
  putU32(into, SEED_AT, seed);
  putU32(into, NUMBER_AT, number);
  putU32(into, BLOCK_AT, block);
  let x = (Math.imul(Math.imul(number, GOLDEN) ^ block, MIX) ^ seed) | 1;
  for (let at = FILL_AT; at < BLOCK_BYTES; at += 4) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    putU32(into, at, x);
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
