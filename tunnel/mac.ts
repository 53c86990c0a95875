/**
 * The authentication of records: ChaCha20-Poly1305 (RFC 8439) with the whole record as associated data and nothing to encrypt, which is
 * TLS's affair. The record is one run of bytes that holds all that has to be covered, so this needs no framing of its own.
 *
 * The nonce is the record's bytes 4 to 15: its length and its sequence number. No two records of a key share a number.
 */

import {
  type Mac,
  MAC_NONCE_BYTES,
  type Primitives,
} from "../lib/base/primitives.ts";
import { generationKeys } from "./keys.ts";

/**
 * A forger's chance is n / 2^102 a try for a record of 16 n bytes (RFC 8439 section 4), below 2^-85 for the longest one, and a link ends
 * with the first.
 */
export const TAG_BYTES = 16;

const NONCE_AT = 4;

/** The generations of one direction's keys, one after the other. Older ones are forgotten: they cannot be had back from newer ones. */
export class RecordMac {
  readonly #primitives: Primitives;
  readonly #linkId: Uint8Array;
  #mac: Mac;
  #nextSecret: Uint8Array;
  #generation = 0;

  constructor(
    primitives: Primitives,
    from: { secret: Uint8Array; linkId: Uint8Array },
  ) {
    this.#primitives = primitives;
    this.#linkId = from.linkId;
    const { mac, next } = generationKeys(primitives, from);
    this.#mac = primitives.mac(mac);
    this.#nextSecret = next;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Writes the tag of `record`'s bytes before the tag into its last 16. */
  seal(record: Uint8Array): void {
    const end = record.length - TAG_BYTES;
    record.set(this.#mac.tag(nonceOf(record), record.subarray(0, end)), end);
  }

  /** Whether the last 16 bytes of `record` are the tag of those before. */
  holds(record: Uint8Array): boolean {
    const end = record.length - TAG_BYTES;
    const tag = this.#mac.tag(nonceOf(record), record.subarray(0, end));
    return this.#primitives.equal(tag, record.subarray(end));
  }

  /** Goes on to the next generation. */
  renew(): void {
    const { mac, next } = generationKeys(this.#primitives, {
      secret: this.#nextSecret,
      linkId: this.#linkId,
    });
    this.#mac = this.#primitives.mac(mac);
    this.#nextSecret = next;
    this.#generation++;
  }
}

function nonceOf(record: Uint8Array): Uint8Array {
  return record.subarray(NONCE_AT, NONCE_AT + MAC_NONCE_BYTES);
}
