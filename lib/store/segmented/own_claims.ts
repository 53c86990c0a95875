/** The claims that a writer has made, or tried to: what it finds of them in the row is its own, also where nobody heard that it arrived. */

import { equalBytes, toHex } from "../../base/bytes.ts";
import { encodeSegment } from "../../segments/segment.ts";
import type { ChainEnd, ChainOptions } from "./chain.ts";

/** A claim that is about to be made, or was. */
export interface Claim {
  readonly number: number;
  readonly epoch: number;
  readonly digest: Uint8Array;
}

type Sealed = ReturnType<typeof encodeSegment>;

export class OwnClaims {
  /** By their digests. */
  readonly #tried = new Map<string, Claim>();
  #last: Sealed | undefined;

  /** Those that an earlier process was about to make. */
  constructor(earlier: readonly Claim[] = []) {
    for (const claim of earlier) this.tries(claim);
  }

  /** Those that may have been made. */
  get tried(): readonly Claim[] {
    return [...this.#tried.values()];
  }

  /** It is about to be made. */
  tries({ number, epoch, digest }: Claim): void {
    this.#tried.set(toHex(digest), { number, epoch, digest });
  }

  has(digest: Uint8Array): boolean {
    return this.#tried.has(toHex(digest));
  }

  /** One of them lies in the row. By now each other does, or never will. */
  made(): void {
    this.#tried.clear();
  }

  /** Seals one that goes on at that end of the row: the same again where it was tried there before, so that there are not more and more. */
  seal(
    { keys, volumeId }: ChainOptions,
    { from, timeMs }: { readonly from: ChainEnd; readonly timeMs: number },
  ): Sealed {
    const last = this.#last;
    const same = last?.head.identity.number === from.next &&
      equalBytes(last.head.previous, from.digest);
    if (same) return last;
    return this.#last = encodeSegment(keys, {
      ...{ volumeId, number: from.next, epoch: from.epoch + 1, timeMs },
      ...{ previous: from.digest, extents: [], data: [] },
    });
  }
}
