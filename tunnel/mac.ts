/**
 * The authentication of records: HMAC-SHA-256 (RFC 2104) cut to its first 16 bytes (section 5 there; RFC 4868 does the same for
 * IPsec). The record is one run of bytes that holds all that has to be covered, so this needs no framing of its own.
 */

import type { Mac, Primitives } from "../lib/base/primitives.ts";
import { generationKeys } from "./keys.ts";

/** A forger's chance is 2^-128 a try, and a link ends with the first. */
export const TAG_BYTES = 16;

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
    const tag = this.#mac.tag(record.subarray(0, end));
    record.set(tag.subarray(0, TAG_BYTES), end);
  }

  /** Whether the last 16 bytes of `record` are the tag of those before. */
  holds(record: Uint8Array): boolean {
    const end = record.length - TAG_BYTES;
    const tag = this.#mac.tag(record.subarray(0, end));
    return this.#primitives.equal(
      tag.subarray(0, TAG_BYTES),
      record.subarray(end),
    );
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
