/** What is done to a store from the time it is opened to its next crash, as callers of a store may do it. */

import { type Extent, overlaps } from "../../base/extent.ts";
import type { Dice } from "../../../tests/fuzz/dice.ts";
import type { Maybe, Store } from "../store.ts";
import type { Ask, History } from "./history.ts";
import { BLOCK_BYTES, blocksOf, ZEROS } from "./known_content.ts";

/** The longest that a store grows here. */
export const MAX_BLOCKS = 192;

const WHOLE: Extent = { offset: 0, length: MAX_BLOCKS * BLOCK_BYTES };
const MIN_BLOCKS = 8;
/** The most that is under way side by side. */
const MAX_BEGUN = 5;
/** The longest write and unmap. */
const MAX_EXTENT_BLOCKS = 24;

export interface LifeOptions {
  readonly store: Store;
  readonly history: History;
  readonly dice: Dice;
  /** Of the content. */
  readonly seed: number;
  /** Where the store has snapshots: does something with them. */
  readonly snapshots?: (life: Life) => void;
}

/** Something that is under way. */
interface Begun {
  readonly extent: Extent;
  /** Nothing else may touch its extent. */
  readonly alone: boolean;
}

export class Life {
  /** How many were sent. */
  operations = 0;
  flushes = 0;
  readonly #store: Store;
  readonly #history: History;
  readonly #dice: Dice;
  readonly #seed: number;
  readonly #snapshots: LifeOptions["snapshots"];
  readonly #begun = new Set<Begun>();
  #beside = 0;
  #over = false;
  #failure: { readonly thrown: unknown } | undefined;

  constructor({ store, history, dice, seed, snapshots }: LifeOptions) {
    this.#snapshots = snapshots;
    this.#store = store;
    this.#history = history;
    this.#dice = dice;
    this.#seed = seed;
  }

  /** Nothing but flushes is under way. */
  get idle(): boolean {
    return this.#begun.size === 0 && this.#beside === 0;
  }

  /** @throws what has failed */
  check(): void {
    if (this.#failure) throw this.#failure.thrown;
  }

  /** The crash is there: nothing is acknowledged any more, and what fails now may fail. */
  end(): void {
    this.#over = true;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Does the next thing; the dice know which. */
  step(): void {
    if (this.#snapshots && this.#dice.once(4)) return this.#snapshots(this);
    const kind = this.#dice.next(16);
    if (kind < 7) this.#write();
    else if (kind < 9) this.#unmap();
    else if (kind < 11) this.#writeAtomically();
    else if (kind < 15) this.#flush();
    else this.#resize();
  }

  /** A change of the whole store, beside nothing but flushes. */
  change(ask: Ask, run: () => Promise<void>): void {
    this.#begin(ask, { extent: WHOLE, alone: true }, run);
  }

  /** Work that changes nothing of the store. */
  beside(work: () => Promise<void>): void {
    this.#beside++;
    work().then(() => this.#beside--, this.#fail);
  }

  #write(): void {
    const { extent, cells } = this.#anywhere();
    this.#begin(
      { what: "write", cells: [cells] },
      { extent, alone: false },
      (number) =>
        this.#store.write(extent.offset, this.#content(number, extent)),
    );
  }

  #unmap(): void {
    const { extent, cells } = this.#anywhere();
    this.#begin(
      { what: "unmap", cells: [cells], value: () => ZEROS },
      { extent, alone: false },
      () => this.#store.unmap(extent),
    );
  }

  #writeAtomically(): void {
    const { atomic } = this.#store;
    if (!atomic) return;
    const { extent, cells } = this.#anywhere();
    this.#begin(
      { what: "atomic write", cells: [cells], whole: true, stable: true },
      { extent, alone: true },
      (number) => atomic.write(extent.offset, this.#content(number, extent)),
    );
  }

  #resize(): void {
    const before = this.#store.sizeBytes / BLOCK_BYTES;
    const after = MIN_BLOCKS + this.#dice.next(MAX_BLOCKS - MIN_BLOCKS + 1);
    const [from, to] = [Math.min(before, after), Math.max(before, after)];
    this.#begin(
      {
        what: `change of size to ${after}`,
        cells: [{ from, to }, { from: MAX_BLOCKS, to: MAX_BLOCKS + 1 }],
        value: (cell) => cell === MAX_BLOCKS ? after : ZEROS,
        stable: true,
      },
      { extent: WHOLE, alone: true },
      () => this.#store.resize(after * BLOCK_BYTES),
    );
  }

  #flush(): void {
    const flush = this.#history.sendFlush();
    this.flushes++;
    this.#store.flush().then(() => {
      if (!this.#over) this.#history.acknowledgeFlush(flush);
    }, this.#fail);
  }

  /** Does nothing where callers of a store must not do it now. */
  #begin(ask: Ask, begun: Begun, run: (number: number) => Maybe): void {
    const inTheWay = [...this.#begun].some((other) =>
      (begun.alone || other.alone) && overlaps(begun.extent, other.extent)
    );
    if (inTheWay || this.#begun.size >= MAX_BEGUN) return;
    this.operations++;
    const change = this.#history.send(ask);
    const pending = run(change.number);
    if (!pending) return this.#history.acknowledge(change);
    this.#begun.add(begun);
    pending.then(() => {
      if (this.#over) return;
      this.#begun.delete(begun);
      this.#history.acknowledge(change);
    }, this.#fail);
  }

  #anywhere() {
    const blocks = this.#store.sizeBytes / BLOCK_BYTES;
    const count = 1 + this.#dice.next(Math.min(blocks, MAX_EXTENT_BLOCKS));
    const from = this.#dice.next(blocks - count + 1);
    return {
      cells: { from, to: from + count },
      extent: { offset: from * BLOCK_BYTES, length: count * BLOCK_BYTES },
    };
  }

  #content(number: number, { offset, length }: Extent): Uint8Array {
    const first = offset / BLOCK_BYTES;
    const count = length / BLOCK_BYTES;
    return blocksOf({ seed: this.#seed, number }, { first, count });
  }

  readonly #fail = (thrown: unknown): void => {
    if (!this.#over) this.#failure ??= { thrown };
  };
}
