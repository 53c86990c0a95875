/**
 * Whether the segments that there are follow each other: a machine that is told of them in the order of their numbers, with or without those
 * that were deleted in between.
 *
 *     n ◄── n + 1              names its digest
 *     n (claim) ◄── n + 256    names its digest
 *     n ◄── nothing            the one before was deleted: there is nothing to compare with
 *
 * Not all that lies there is of the row. What a writer left that died, and what one left that had lost the volume, lies behind a claim of a
 * higher epoch, less than {@linkcode EPOCH_GAP} behind it: of that nobody can say what it should follow.
 */

import { equalBytes } from "../../base/bytes.ts";
import { EPOCH_GAP } from "./chain.ts";

/** What is to be known of a segment. */
export interface Link {
  readonly number: number;
  readonly epoch: number;
  readonly digest: Uint8Array;
  /** Whether it has no extents, as claims have none. */
  readonly empty: boolean;
}

/** What a check that was cut off goes on from. */
export interface ChainState {
  readonly last: Link | undefined;
  /** Those without extents that follow none of their own epoch: claims. */
  readonly claims: readonly Link[];
}

export class ChainCheck {
  #last: Link | undefined;
  readonly #claims: Link[];

  constructor(state: ChainState = { last: undefined, claims: [] }) {
    this.#last = state.last;
    this.#claims = [...state.claims];
  }

  /** To go on from. */
  get state(): ChainState {
    return { last: this.#last, claims: [...this.#claims] };
  }

  /** Gives the number of the one that it should follow and does not; undefined where nothing is wrong. */
  next(link: Link, previous: Uint8Array): number | undefined {
    const before = this.#before(link);
    const follows = before && equalBytes(before.digest, previous);
    this.#last = link;
    const goesOn = follows && before.epoch === link.epoch;
    if (link.empty && !goesOn) this.#claims.push(link);
    if (!before || follows) return undefined;
    return this.#liesBehindClaim(link) ? undefined : before.number;
  }

  /** The epochs after `from`, with which the row began, up to `epoch` of which no claim has come. */
  unclaimed(epoch: number, from = 0): readonly number[] {
    const claimed = new Set(this.#claims.map(({ epoch }) => epoch));
    return Array.from({ length: epoch }, (_, n) => n + 1)
      .filter((one) => one > from && !claimed.has(one));
  }

  /** The one that it follows, where it is there and no other can be meant. */
  #before({ number, epoch }: Link): Link | undefined {
    const claims = this.#claims.filter((one) =>
      one.epoch === epoch && one.number <= number - EPOCH_GAP
    );
    const [claim] = claims;
    // A writer of the same epoch that was too late may have claimed, too: then the first is not known.
    if (claims.length === 1 && claim?.number === number - EPOCH_GAP) {
      return claim;
    }
    return this.#last?.number === number - 1 ? this.#last : undefined;
  }

  #liesBehindClaim({ number, epoch }: Link): boolean {
    return this.#claims.some((one) =>
      one.epoch > epoch && one.number < number &&
      number < one.number + EPOCH_GAP
    );
  }
}
