/** How it is found out, by looking at a lease again and again, whether its holder lives. */

import type { LeaseRecord } from "./lease_object.ts";

/** Of a lease that is not ours. One alone may be what its holder sent last. */
const CHANGES_OF_THE_LIVING = 2;

/** What a look has shown. */
export type Sign = "lives" | "run out" | "unknown";

interface Seen extends Pick<LeaseRecord, "holder" | "counter"> {
  readonly sinceMs: number;
  readonly changes: number;
}

export class LeasePatience {
  readonly #ms: number;
  #seen: Seen | undefined;

  /** After `ms` without a change it has run out. */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Whether it was looked at before. */
  get hasBegun(): boolean {
    return this.#seen !== undefined;
  }

  /** Takes what is there now. */
  look(
    { holder, counter }: Pick<LeaseRecord, "holder" | "counter">,
    nowMs: number,
  ): Sign {
    const before = this.#seen;
    const isSame = before?.holder === holder && before.counter === counter;
    const changes = before ? before.changes + (isSame ? 0 : 1) : 0;
    const sinceMs = isSame ? before.sinceMs : nowMs;
    this.#seen = { holder, counter, sinceMs, changes };
    if (changes >= CHANGES_OF_THE_LIVING) return "lives";
    return nowMs - sinceMs >= this.#ms ? "run out" : "unknown";
  }
}
