/**
 * Numbers of few bytes: seven bits a byte, the lowest first, the top bit set in all but the last (LEB128). Up to 2^53 - 1, and each in
 * its shortest form alone. Signed ones take turns: 0, -1, 1, -2, …
 */

import { SealError } from "./seal_error.ts";

const FIRST_BYTES = 1024;
/** 2^53 has 54 bits. */
const MAX_VARINT_BYTES = 8;

/** Bytes that grow. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  /** What was written so far; lent until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Begins anew, in the room that is there. */
  clear(): void {
    this.#length = 0;
  }

  /** @throws {RangeError} unless `value` is a safe integer of 0 or more */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${value} is no number to be written`);
    }
    this.#room(MAX_VARINT_BYTES);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      this.#bytes[this.#length++] = rest % 0x80 | 0x80;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** @throws {RangeError} unless `value` is an integer of 53 bits */
  signed(value: number): void {
    if (!Number.isInteger(value)) {
      throw new RangeError(`${value} is no number to be written`);
    }
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * this.#bytes.length + bytes);
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}

/** Reads what {@linkcode ByteWriter} wrote. What is not that is a {@linkcode SealError}. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** `what` is read, for the error. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** A number up to `max`. */
  varint(max: number = Number.MAX_SAFE_INTEGER): number {
    const first = this.#bytes[this.#at];
    // Nearly all are that short.
    if (first !== undefined && first < 0x80 && first <= max) {
      this.#at++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= MAX_VARINT_BYTES; count++, scale *= 0x80) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.malformed("it ends too early");
      value += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      if (byte === 0 && count > 1) throw this.malformed("a number is padded");
      if (value > max) throw this.malformed(`${value} is more than ${max}`);
      return value;
    }
    throw this.malformed("a number is too long");
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** The next bytes, as a view. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw this.malformed("it ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** How many things follow, each of at least `leastBytes`: no more than there can be. */
  count(leastBytes: number): number {
    const count = this.varint();
    if (count * leastBytes <= this.remaining) return count;
    throw this.malformed(`${count} of something are more than it holds`);
  }

  /** @throws {SealError} unless all has been read */
  end(): void {
    if (this.remaining > 0) throw this.malformed("something follows its end");
  }

  malformed(why: string): SealError {
    return new SealError(`${this.#what} is malformed: ${why}`);
  }
}
