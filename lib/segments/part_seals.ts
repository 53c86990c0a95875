/** Sealing the parts of one object, each bound to its place (FORMAT.md section 3). */

import { putU16, putU32, putU64 } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import { type Aead, AEAD_NONCE_BYTES } from "../base/primitives.ts";
import { type ObjectIdentity, ObjectKind, VOLUME_ID_BYTES } from "./keys.ts";
import { SealError } from "./seal_error.ts";

export const FORMAT_VERSION = 1;

/** The parts of an object, as nonces and associated data name them. */
export const Part = { preamble: 0, table: 1, chunk: 2 } as const;
export type Part = typeof Part[keyof typeof Part];

/** Which part, and which of how many chunks. */
export interface Place {
  readonly part: Part;
  readonly index: number;
  readonly count: number;
}

/** Seals and opens the parts of one object. */
export class PartSeals {
  readonly #aead: Aead;
  readonly #identity: ObjectIdentity;
  readonly #nonce = new Uint8Array(AEAD_NONCE_BYTES);
  /** kind 1 | part 1 | version 2 | volume 16 | number 8 | index 4 | count 4 */
  readonly #associated = new Uint8Array(36);

  constructor(aead: Aead, identity: ObjectIdentity) {
    const { kind, volumeId, number } = identity;
    invariant(volumeId.length === VOLUME_ID_BYTES, "an id of another length");
    this.#aead = aead;
    this.#identity = identity;
    this.#associated[0] = ObjectKind[kind];
    putU16(this.#associated, 2, FORMAT_VERSION);
    this.#associated.set(volumeId, 4);
    putU64(this.#associated, 20, number);
  }

  seal(place: Place, plain: Uint8Array, into: Uint8Array): void {
    this.#at(place);
    this.#aead.seal(this.#nonce, this.#associated, plain, into);
  }

  open(place: Place, sealed: Uint8Array): Uint8Array {
    this.#at(place);
    const plain = this.#aead.open(this.#nonce, this.#associated, sealed);
    if (plain) return plain;
    throw this.broken(
      place.part === Part.chunk
        ? `chunk ${place.index} does not prove itself`
        : "its head does not prove itself",
    );
  }

  broken(why: string): SealError {
    return broken(this.#identity, why);
  }

  #at({ part, index, count }: Place): void {
    this.#nonce[3] = part;
    putU32(this.#nonce, 8, index);
    this.#associated[1] = part;
    putU32(this.#associated, 28, index);
    putU32(this.#associated, 32, count);
  }
}

/** The error for an object that is not what was written. */
export function broken(
  { kind, number }: ObjectIdentity,
  why: string,
): SealError {
  return new SealError(`The ${kind} ${number} is not what was written: ${why}`);
}
