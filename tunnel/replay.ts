/**
 * Records are numbered from 0 in each direction of a link, for as long as the link lives, and TCP keeps their order: the only right
 * number is the next one. There is no window, since nothing may be missing.
 */

import { PeerError } from "../lib/base/errors.ts";

/** Numbers stay exact in a double; at a million records a second the end comes after 285 years. */
export const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER;

export class SequenceCheck {
  #next = 0;

  /** The only number that is accepted now. */
  get next(): number {
    return this.#next;
  }

  /** @throws {PeerError} for any number but the next one */
  accept(sequence: number): void {
    if (sequence !== this.#next) {
      const what = sequence < this.#next ? "came again" : "came too early";
      throw new PeerError(
        `Record ${sequence} ${what}: expected record ${this.#next}`,
      );
    }
    this.#next++;
  }
}
