/**
 * The text format of login and text PDUs (RFC 7143 section 6.1): key=value pairs, each ended by one NUL.
 */

import { concat, fromUtf8, utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";

/** Longest key (RFC 7143 section 6.1). */
export const MAX_KEY_BYTES = 63;
/** Longest value of any key: binary values reach this in hexadecimal digits. */
export const MAX_VALUE_BYTES = 8192;
/** Longest text, over all PDUs that the C bit joins (RFC 7143 section 6.2 asks for 64 KiB at least). */
export const MAX_TEXT_BYTES = 64 * 1024;
/** Most pairs in one text. */
export const MAX_PAIRS = 1024;

/** A standard label, a private X- or a public X# key (RFC 7143 section 6.1); iSCSIProtocolLevel begins with a small letter. */
const KEY = /^[A-Za-z][A-Za-z0-9.\-+@_#]{0,62}$/;
const CONTROL = /\p{Cc}/u;

export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** The pairs in their order. NULs after the last pair are passed over. @throws {PeerError} where a rule is broken */
export function parseText(bytes: Uint8Array): Pair[] {
  if (bytes.length > MAX_TEXT_BYTES) {
    throw new PeerError(
      `A text of ${bytes.length} bytes, at most ${MAX_TEXT_BYTES} are allowed`,
    );
  }
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  if (end > 0 && end === bytes.length) {
    throw new PeerError("The last pair of a text is not ended by a NUL");
  }
  const pairs: Pair[] = [];
  for (let at = 0; at < end;) {
    if (pairs.length === MAX_PAIRS) {
      throw new PeerError(`A text has more than ${MAX_PAIRS} pairs`);
    }
    const next = bytes.indexOf(0, at);
    pairs.push(parsePair(bytes.subarray(at, next)));
    at = next + 1;
  }
  return pairs;
}

function parsePair(bytes: Uint8Array): Pair {
  const equals = bytes.indexOf(0x3d);
  if (equals < 0) throw new PeerError("A pair of a text has no equals sign");
  if (bytes.length - equals - 1 > MAX_VALUE_BYTES) {
    throw new PeerError(
      `A value of ${
        bytes.length - equals - 1
      } bytes, at most ${MAX_VALUE_BYTES} are allowed`,
    );
  }
  const key = equals > MAX_KEY_BYTES
    ? undefined
    : fromUtf8(bytes.subarray(0, equals));
  if (key === undefined || !KEY.test(key)) {
    throw new PeerError("A key of a text is malformed or too long");
  }
  const value = fromUtf8(bytes.subarray(equals + 1));
  if (value === undefined || CONTROL.test(value)) {
    throw new PeerError(`The value of ${key} is not text`);
  }
  return { key, value };
}

/** The pairs as text, possibly empty. */
export function renderText(pairs: readonly Pair[]): Uint8Array<ArrayBuffer> {
  let text = "";
  for (const { key, value } of pairs) text += `${key}=${value}\0`;
  return utf8(text);
}

/** Puts together a text that the C bit spreads over several PDUs, at any byte. */
export class TextCollector {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Whether a text has begun and not ended. */
  get open(): boolean {
    return this.#parts.length > 0;
  }

  /**
   * Takes one PDU's data segment. Gives the pairs once `continues` is false, undefined before.
   *
   * @throws {PeerError} where the text is too long or malformed
   */
  add(data: Uint8Array, continues: boolean): Pair[] | undefined {
    this.#bytes += data.length;
    if (this.#bytes > MAX_TEXT_BYTES) {
      throw new PeerError(`A text is longer than ${MAX_TEXT_BYTES} bytes`);
    }
    if (continues) {
      // A copy: the segment is only lent, and an empty one leaves a trace of its C bit too.
      this.#parts.push(data.slice());
      return undefined;
    }
    const whole = this.#parts.length === 0
      ? data
      : concat([...this.#parts, data]);
    this.#parts = [];
    this.#bytes = 0;
    return parseText(whole);
  }
}

/** Refuses a key that comes twice. @throws {PeerError} */
export function refuseRepeats(pairs: readonly Pair[]): void {
  const seen = new Set<string>();
  for (const { key } of pairs) {
    if (seen.has(key)) throw new PeerError(`${key} came twice in one text`);
    seen.add(key);
  }
}
