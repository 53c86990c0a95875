/**
 * Snapshots through crashes: made, released, put back and looked at by chance, and what must come of it.
 *
 * | a snapshot | is there after a crash | and holds |
 * |---|---|---|
 * | that was answered | yes | what it held when it was answered: a prefix of the operations with all that was answered before it was asked for |
 * | that was asked for, and not answered | or not, and then never | whatever it is found with the first time, for good |
 * | whose release was answered | no | |
 * | whose release was asked for, and not answered | or not, and then never | the same as before |
 */

import type { Dice } from "../../../tests/fuzz/dice.ts";
import type { Store } from "../store.ts";
import type { Ask, History } from "./history.ts";
import { MAX_BLOCKS } from "./life.ts";
import { judge, KILLED_WHOLE } from "./oracle.ts";

/** What can be done with the snapshots of a store. */
export interface SnapshotHand {
  list(): Promise<readonly number[]>;
  /** Gives its number. */
  create(): Promise<number>;
  release(number: number): Promise<void>;
  /** The store is what it was then. */
  restore(number: number): Promise<void>;
  /** As it was then, or as it is now. */
  view(number?: number): Promise<Store>;
}

/** What of a life the trial needs. */
export interface Living {
  /** Begins a change of the whole store, where nothing else is under way. */
  change(ask: Ask, run: () => Promise<void>): void;
  /** Work that changes nothing; what it throws before the crash ends the run. */
  beside(work: () => Promise<void>): void;
  readonly over: boolean;
}

export interface SnapshotTrialOptions {
  readonly history: History;
  readonly dice: Dice;
  /** What is in a store, as the oracle sees it. */
  readonly cellsOf: (store: Store) => Promise<Int32Array>;
}

/** The most that there are at once. */
const MAX_SNAPSHOTS = 4;

export class SnapshotTrial {
  /** How many were found as they were. */
  compared = 0;
  restored = 0;
  released = 0;
  readonly #options: SnapshotTrialOptions;
  /** What they hold; undefined where nobody has looked yet. */
  readonly #held = new Map<number, Int32Array | undefined>();
  readonly #releasing = new Set<number>();
  readonly #gone = new Set<number>();
  /** Asked for and not answered. */
  #creating = 0;
  #restoring: number | undefined;

  constructor(options: SnapshotTrialOptions) {
    this.#options = options;
  }

  /** The store was opened, maybe after a crash. @throws {Error} where something is not as it must be */
  async look(hand: SnapshotHand): Promise<void> {
    this.#restoring = undefined;
    const listed = await hand.list();
    for (const number of this.#held.keys()) {
      if (listed.includes(number)) continue;
      if (!this.#releasing.has(number)) throw wrong(number, "has gone");
      this.#let(number);
    }
    this.#releasing.clear();
    for (const number of listed) {
      if (this.#gone.has(number)) throw wrong(number, "has come back");
      const isNew = !this.#held.has(number);
      if (isNew && this.#creating === 0) {
        throw wrong(number, "was never asked for");
      }
      const found = await this.#read(hand, number);
      const before = this.#held.get(number);
      if (before && !same(before, found)) throw wrong(number, "has changed");
      if (before) this.compared++;
      this.#held.set(number, found);
      if (isNew) this.#creating--;
    }
    this.#creating = 0;
  }

  /** Does the next thing; the dice know which. */
  step(hand: SnapshotHand, life: Living): void {
    const { dice } = this.#options;
    const all = [...this.#held].filter(([number, held]) =>
      held && !this.#releasing.has(number) && number !== this.#restoring
    );
    const [number, cells] = all[dice.next(Math.max(1, all.length))] ?? [];
    const which = dice.next(8);
    if (which < 3 && this.#held.size < MAX_SNAPSHOTS) this.#create(hand, life);
    else if (which < 4) this.#viewNow(hand, life);
    else if (number === undefined || !cells) return;
    else if (which < 6) this.#release(number, hand, life);
    else this.#restore({ number, cells }, hand, life);
  }

  #create(hand: SnapshotHand, life: Living): void {
    const { history } = this.#options;
    const askedAt = history.time;
    this.#creating++;
    life.beside(async () => {
      const number = await hand.create();
      if (life.over) return;
      this.#creating--;
      this.#held.set(number, undefined);
      const { changes } = history;
      const cells = await this.#read(hand, number);
      if (life.over) return;
      this.#judge(changes, { cells, askedAt, what: `Snapshot ${number}` });
      this.#held.set(number, cells);
    });
  }

  #viewNow(hand: SnapshotHand, life: Living): void {
    const { history, cellsOf } = this.#options;
    const askedAt = history.time;
    life.beside(async () => {
      const view = await hand.view();
      const { changes } = history;
      const cells = await cellsOf(view);
      if (life.over) return;
      this.#judge(changes, { cells, askedAt, what: "A view" });
      // Whatever is written and deleted meanwhile.
      for (let n = this.#options.dice.next(3); n >= 0; n--) {
        for (let turn = 0; turn < 200; turn++) await undefined;
        if (life.over) return;
        if (!same(cells, await cellsOf(view))) {
          throw new Error("A view has changed");
        }
      }
      await view.close();
    });
  }

  #release(number: number, hand: SnapshotHand, life: Living): void {
    this.#releasing.add(number);
    life.beside(async () => {
      await hand.release(number);
      if (life.over) return;
      this.#releasing.delete(number);
      this.#let(number);
      this.released++;
    });
  }

  #restore(
    { number, cells }: { readonly number: number; readonly cells: Int32Array },
    hand: SnapshotHand,
    life: Living,
  ): void {
    life.change({
      what: `restore of snapshot ${number}`,
      cells: [{ from: 0, to: MAX_BLOCKS + 1 }],
      value: (cell) => cells[cell]!,
      whole: true,
      stable: true,
    }, async () => {
      this.#restoring = number;
      await hand.restore(number);
      if (life.over) return;
      this.#restoring = undefined;
      this.restored++;
    });
  }

  #let(number: number): void {
    this.#held.delete(number);
    this.#gone.add(number);
  }

  async #read(hand: SnapshotHand, number: number): Promise<Int32Array> {
    const view = await hand.view(number);
    const cells = await this.#options.cellsOf(view);
    await view.close();
    return cells;
  }

  #judge(
    changes: History["changes"],
    { cells, askedAt, what }: {
      readonly cells: Int32Array;
      readonly askedAt: number;
      readonly what: string;
    },
  ): void {
    const verdict = judge({ changes }, cells, { ...KILLED_WHOLE, askedAt });
    if (verdict !== undefined) throw new Error(`${what}: ${verdict}`);
  }
}

function wrong(number: number, what: string): Error {
  return new Error(`Snapshot ${number} ${what}`);
}

function same(a: Int32Array, b: Int32Array): boolean {
  return a.every((cell, at) => cell === b[at]);
}
