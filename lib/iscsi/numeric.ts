/** Numbers and binary values in text (RFC 7143 section 6.1). */

import { fromHex, toHex } from "../base/bytes.ts";

const DECIMAL = /^(0|[1-9][0-9]{0,19})$/;
const HEXADECIMAL = /^0[xX][0-9a-fA-F]{1,16}$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const BASE64_ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** A numerical-value, decimal or hexadecimal, or undefined where it is neither or above 2^53. */
export function parseNumber(text: string): number | undefined {
  if (!DECIMAL.test(text) && !HEXADECIMAL.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A binary-value, `0x…` or `0b…`, or undefined where it is malformed or longer than `maxBytes`. */
export function parseBinary(
  text: string,
  maxBytes: number,
): Uint8Array | undefined {
  const digits = text.slice(2);
  let bytes: Uint8Array | undefined;
  switch (text.slice(0, 2).toLowerCase()) {
    case "0x":
      if (digits.length > 2 * maxBytes) return undefined;
      // An odd number of digits lacks a leading zero.
      bytes = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
      break;
    case "0b":
      if (digits.length > 4 * Math.ceil(maxBytes / 3)) return undefined;
      bytes = parseBase64(digits);
      break;
  }
  return bytes !== undefined && bytes.length > 0 && bytes.length <= maxBytes
    ? bytes
    : undefined;
}

/** A binary-value in hexadecimal digits, the form that every peer reads. */
export function renderBinary(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}

/** RFC 4648 section 4, with padding. Secret values pass here, but as hashes and challenges that the wire shows anyway. */
function parseBase64(digits: string): Uint8Array | undefined {
  if (digits.length % 4 !== 0 || !BASE64.test(digits)) return undefined;
  const padding = digits.endsWith("==") ? 2 : digits.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array(digits.length / 4 * 3 - padding);
  let word = 0;
  let at = 0;
  for (let i = 0; i < digits.length; i++) {
    const value = digits[i] === "=" ? 0 : BASE64_ALPHABET.indexOf(digits[i]!);
    word = (word << 6) | value;
    if (i % 4 !== 3) continue;
    for (let shift = 16; shift >= 0 && at < bytes.length; shift -= 8) {
      bytes[at++] = word >>> shift;
    }
    word = 0;
  }
  return bytes;
}
