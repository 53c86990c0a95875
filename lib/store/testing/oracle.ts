/**
 * Whether what was found after a crash may be there: the second half of the crash oracle.
 *
 * `certain` operations are those that a contract does not let go missing: all that were acknowledged, or those that are stable. Two orders
 * can be asked for.
 *
 * "prefix": the volume is what some row of its operations leaves, cut off somewhere. That is: there is a set S of operations and an order
 * of S, such that
 *
 *   1. every certain operation is in S;
 *   2. whatever was acknowledged before an operation of S was sent is in S, too;
 *   3. the order is one of those that History leaves open: who had ended before another was sent comes before it;
 *   4. the operations of S, carried out whole and one after the other in that order, leave each cell as it was found.
 *
 * Operations beside each other come in any order, and each that was not acknowledged is in S or not: so there are many rows, and one that fits
 * is enough. A row of acknowledgements alone, the prefix in the narrow sense, is the case in which nothing was ever beside anything. With
 * `torn`, point 4 does not ask that an operation that was lost in the crash be whole: each of its cells is old or new, as a kill leaves a long
 * write half done. One that promises to be whole (WRITE ATOMIC) is never torn.
 *
 * "cells": what a disk with a volatile cache keeps. Each cell for itself holds what some operation wrote there that no certain one came
 * after; what is not certain survives in any order or not at all. Operations that promise to be whole are in every cell of theirs or in
 * none, apart from cells where others came after or beside.
 */

import { type Change, type History, lengthOf, nameOf } from "./history.ts";
import { FOREIGN, ZEROS } from "./known_content.ts";
import { Prefix } from "./prefix.ts";

/** What must be there after a crash, and in what order. */
export interface Contract {
  readonly order: "prefix" | "cells";
  readonly certain: "acknowledged" | "stable" | "nothing";
  /** For "prefix": what was lost in the crash may be there in part. */
  readonly torn: boolean;
  /** Of "acknowledged": only what was so by then. */
  readonly askedAt?: number;
}

/** After kill -9 of a process whose acknowledged writes are in the system's page cache: nothing acknowledged is missing. */
export const KILLED: Contract = Object.freeze({
  order: "prefix",
  certain: "acknowledged",
  torn: true,
});

/** Of kill -9, where operations are whole, too: nothing that was answered is missing, and nothing is there in part. */
export const KILLED_WHOLE: Contract = Object.freeze({ ...KILLED, torn: false });

/** After a power cut, where writes that were not flushed survive as they like. */
export const VOLATILE: Contract = Object.freeze({
  order: "cells",
  certain: "stable",
  torn: true,
});

/** After any crash: a prefix of the operations that is no older than the last acknowledged flush, each whole. */
export const PREFIX: Contract = Object.freeze({
  order: "prefix",
  certain: "stable",
  torn: false,
});

/** What is left where all of the local state is lost: a prefix of the operations, each whole, however old. */
export const LOST: Contract = Object.freeze({
  order: "prefix",
  certain: "nothing",
  torn: false,
});

/** A sentence that says what was found and why it must not be; undefined where it may. */
export function judge(
  history: Pick<History, "changes">,
  found: Int32Array,
  contract: Contract,
): string | undefined {
  const foreign = found.indexOf(FOREIGN);
  if (foreign >= 0) {
    return `${nameOf(foreign, found)} holds what no operation has written: ` +
      "foreign, or torn within the block";
  }
  const certain = (change: Change) => {
    switch (contract.certain) {
      case "stable":
        return change.stable;
      case "acknowledged":
        return change.acknowledged &&
          change.ended <= (contract.askedAt ?? Infinity);
      case "nothing":
        // But what was found before.
        return change === history.changes[0];
    }
  };
  // Says more, where it has something to say: any row of operations keeps it, too.
  const cell = judgeCells(history.changes, found, certain);
  if (cell !== undefined || contract.order === "cells") return cell;
  const { torn } = contract;
  return new Prefix(history.changes, { found, certain, torn }).judge();
}

function judgeCells(
  changes: readonly Change[],
  found: Int32Array,
  certain: (change: Change) => boolean,
): string | undefined {
  const must = new Set(changes.filter(certain));
  for (let before = -1; before !== must.size;) {
    before = must.size;
    // Of a whole one that is seen somewhere, all is there.
    for (const change of changes) {
      if (change.whole && change.isSeenIn(found)) must.add(change);
    }
  }
  const latest = latestOf(must, found.length);
  const allowed = new Uint8Array(found.length);
  allowed.fill(1, lengthOf(found), found.length - 1);
  for (const change of changes) {
    change.every((cell) => {
      if (
        change.valueAt(cell) === found[cell] &&
        change.ended >= latest[cell]!.sent
      ) allowed[cell] = 1;
      return true;
    });
  }
  const wrong = allowed.indexOf(0);
  if (wrong < 0) return undefined;
  const whose = changes.findLast((change) =>
    change.covers(wrong) && change.valueAt(wrong) === found[wrong]
  );
  const expected = latest[wrong]!;
  return `${nameOf(wrong, found)} holds ${valueOf(wrong, found)}, ${
    whose
      ? `of ${whose}`
      : "which none of the operations in question left there"
  }, and ought to hold ${
    expected.valueAt(wrong)
  }, of ${expected}, or what was not before it`;
}

/** For each cell the one that was sent last among those that must be there. */
function latestOf(must: Iterable<Change>, cells: number): readonly Change[] {
  const latest = new Array<Change>(cells);
  for (const change of must) {
    change.every((cell) => {
      const other = latest[cell];
      if (!other || other.sent < change.sent) latest[cell] = change;
      return true;
    });
  }
  return latest;
}

function valueOf(cell: number, found: Int32Array): string {
  return found[cell] === ZEROS ? "zeros" : `${found[cell]}`;
}
