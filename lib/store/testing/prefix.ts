/**
 * The search for a row of operations that leaves a volume as it was found; `oracle.ts` says what a row is.
 *
 * Which operations are in it (S): those that are certain, those whose number is found, and what must be there with them. What leaves zeros,
 * or leaves what others have left, is not known by what is found: such ones are tried where it does not do without them.
 *
 * Their order is found from the end. An operation that no other of S must follow can be the last one if each of its cells holds what it left,
 * or is explained already by one that was taken before. Whichever fits may be taken: had the row that is sought another one at its end, this
 * one could be moved there, for its cells are right and the others' come before it as they did. So no way has to be gone back, and where
 * none fits there is no row of S.
 */

import { type Change, lengthOf, nameOf } from "./history.ts";

/** A search that goes on longer has found nothing: it says so, and counts as a violation. */
const MAX_TRIES = 2000;

export interface PrefixOptions {
  readonly found: Int32Array;
  readonly certain: (change: Change) => boolean;
  /** What was not acknowledged and does not promise to be whole may be there in part. */
  readonly torn: boolean;
}

export class Prefix {
  readonly #changes: readonly Change[];
  readonly #options: PrefixOptions;
  readonly #tried = new Set<string>();

  constructor(changes: readonly Change[], options: PrefixOptions) {
    this.#options = options;
    this.#changes = options.torn
      ? changes.flatMap((change) =>
        change.acknowledged || change.whole ? [change] : change.torn()
      )
      : changes;
  }

  /** A sentence where there is no row; undefined where there is one. */
  judge(): string | undefined {
    const { found, certain } = this.#options;
    const must = this.#changes.filter((change) =>
      certain(change) || change.isSeenIn(found)
    );
    const stuck = this.#search(this.#closed(must));
    if (stuck === undefined) return undefined;
    if (stuck === "tired") return `No row was found in ${MAX_TRIES} tries`;
    const cell = stuck.cells[0]!;
    return `No row of the operations leaves what was found. ${
      nameOf(cell, found)
    } holds ${found[cell]}, and the last in the row could only be ${
      stuck.last.map(String).join(" or ")
    }`;
  }

  /** Undefined where S, or S with others that may be in it, has a row. */
  #search(included: ReadonlySet<Change>): Stuck | "tired" | undefined {
    const more = this.#withHarmless(included);
    const key = keyOf(more);
    if (this.#tried.has(key)) return "tired";
    if (this.#tried.size >= MAX_TRIES) return "tired";
    this.#tried.add(key);
    const stuck = peel(more, this.#options.found);
    if (!stuck) return undefined;
    let verdict: Stuck | "tired" = stuck;
    for (const change of this.#changes) {
      if (more.has(change) || change.unmistakable) continue;
      if (!stuck.cells.some((cell) => change.covers(cell))) continue;
      const other = this.#search(this.#closed([...more, change]));
      if (other === undefined) return undefined;
      if (this.#tried.size >= MAX_TRIES) verdict = "tired";
    }
    return verdict;
  }

  /** With what was acknowledged before one of them was sent. */
  #closed(included: readonly Change[]): ReadonlySet<Change> {
    const sent = included.reduce((most, { sent }) => Math.max(most, sent), 0);
    const before = this.#changes.filter((change) =>
      change.acknowledged && change.ended < sent
    );
    return new Set([...included, ...before]);
  }

  /** With those that ask for nothing else and contradict nothing. */
  #withHarmless(included: ReadonlySet<Change>): ReadonlySet<Change> {
    const { found } = this.#options;
    const all = new Set(included);
    for (const change of this.#changes) {
      if (all.has(change) || change.unmistakable) continue;
      if (!change.every((cell) => change.valueAt(cell) === found[cell])) {
        continue;
      }
      if (this.#closed([...all, change]).size === all.size + 1) all.add(change);
    }
    return all;
  }
}

/** What could be the last ones, and the cells that do not fit them. */
interface Stuck {
  readonly last: readonly Change[];
  readonly cells: readonly number[];
}

/** Takes the operations from the row's end; undefined where none is left over. */
function peel(
  included: ReadonlySet<Change>,
  found: Int32Array,
): Stuck | undefined {
  const explained = new Uint8Array(found.length);
  explained.fill(1, lengthOf(found), found.length - 1);
  const unfit = (change: Change) => {
    const cells: number[] = [];
    change.every((cell) => {
      if (!explained[cell] && change.valueAt(cell) !== found[cell]) {
        cells.push(cell);
      }
      return true;
    });
    return cells;
  };
  // Those that can be the last ones stand first.
  let left = [...included].sort((a, b) => b.ended - a.ended);
  while (left.length > 0) {
    const sent = left.reduce((most, { sent }) => Math.max(most, sent), 0);
    const last = left.filter(({ ended }) => ended >= sent);
    const fitting = new Set<Change>();
    for (const change of last) {
      if (unfit(change).length > 0) continue;
      change.every((cell) => {
        explained[cell] = 1;
        return true;
      });
      fitting.add(change);
    }
    if (fitting.size === 0) return { last, cells: last.flatMap(unfit) };
    left = left.filter((change) => !fitting.has(change));
  }
  return undefined;
}

function keyOf(included: ReadonlySet<Change>): string {
  return [...included].map(({ number, cells }) => `${number}.${cells[0]?.from}`)
    .sort().join();
}
