/**
 * What was asked of a volume, and what was answered: the first half of the crash oracle. `oracle.ts` judges by it.
 *
 * A volume is a row of cells: one for each block, which holds the number of the operation that wrote it, and a last one that holds the
 * volume's length in blocks, so that a change of size is a change like others. Blocks behind the end are zeros, and nobody judges them.
 *
 * Time is a counter of what happened. Of two changes the one comes before the other where it had ended before the other was sent; else they
 * are beside each other, and either may come first: neither iSCSI nor the Store contract orders them. That is a partial order, and not a
 * row, as soon as more than one is under way.
 *
 *     sent ──> acknowledged ──> stable, when a flush is acknowledged that was sent after that
 *       └────> refused: it has certainly not happened
 *       └────> lost, in a crash: it may have happened, all of it or some or nothing, but not any more
 */

/** Some cells that follow each other: `from` and those up to, but not with, `to`. */
export interface Cells {
  readonly from: number;
  readonly to: number;
}

/** What is about to be asked. */
export interface Ask {
  /** For people: "WRITE ATOMIC". */
  readonly what: string;
  readonly cells: readonly Cells[];
  /** All of it is there or nothing, whatever happens. */
  readonly whole?: boolean;
  /** Once it is acknowledged, it is stable, too. */
  readonly stable?: boolean;
  /** What is in a cell afterwards; the change's own number where that is left out. */
  readonly value?: (cell: number) => number;
}

/** A change that was asked for. */
export class Change {
  readonly number: number;
  readonly what: string;
  readonly cells: readonly Cells[];
  readonly whole: boolean;
  readonly sent: number;
  /** Whether only this change leaves its number in its cells: whoever finds it there knows that it has happened. */
  readonly unmistakable: boolean;
  /** When it was over; infinite while it may still happen. */
  ended = Infinity;
  acknowledged = false;
  stable = false;
  readonly #value: ((cell: number) => number) | undefined;
  readonly #stableWhenDone: boolean;

  constructor(number: number, sent: number, ask: Ask) {
    this.number = number;
    this.sent = sent;
    this.what = ask.what;
    this.cells = ask.cells;
    this.whole = ask.whole ?? false;
    this.unmistakable = ask.value === undefined;
    this.#value = ask.value;
    this.#stableWhenDone = ask.stable ?? false;
  }

  /** For {@linkcode History} alone. */
  done(time: number): void {
    this.ended = time;
    this.acknowledged = true;
    this.stable = this.#stableWhenDone;
  }

  /** What is in `cell`, one of its own, after it. */
  valueAt(cell: number): number {
    return this.#value ? this.#value(cell) : this.number;
  }

  /** Calls `look` with each of its cells until that gives false; gives whether it never did. */
  every(look: (cell: number) => boolean): boolean {
    for (const { from, to } of this.cells) {
      for (let cell = from; cell < to; cell++) if (!look(cell)) return false;
    }
    return true;
  }

  covers(cell: number): boolean {
    return this.cells.some(({ from, to }) => cell >= from && cell < to);
  }

  /** Whether it has certainly happened, going by what was found. */
  isSeenIn(found: Int32Array): boolean {
    return this.unmistakable &&
      !this.every((cell) => found[cell] !== this.number);
  }

  /** What one that was lost has done, or not, to each cell for itself. */
  torn(): Change[] {
    const value = this.#value;
    const pieces: Change[] = [];
    this.every((cell) => {
      const cells = [{ from: cell, to: cell + 1 }];
      const piece = new Change(this.number, this.sent, {
        ...{ what: this.what, cells },
        ...(value && { value }),
      });
      piece.ended = this.ended;
      pieces.push(piece);
      return true;
    });
    return pieces;
  }

  /** For people. */
  toString(): string {
    const how = this.stable
      ? "stable"
      : this.acknowledged
      ? "acknowledged"
      : this.ended === Infinity
      ? "under way"
      : "lost in a crash";
    return `operation ${this.number} (${this.what}, ${how})`;
  }
}

/** One flush that was sent. */
export interface Flush {
  readonly sent: number;
}

export class History {
  readonly #changes: Change[] = [];
  #base: Change;
  #number: number;
  #time = 0;

  /** @param cells of a volume that nobody has touched yet: the last is its length in blocks */
  constructor(cells: Int32Array, firstNumber = 1) {
    this.#number = firstNumber;
    this.#base = this.#state("what was there in the beginning", cells, true);
  }

  /** In the order in which they were sent; the first is what was there before all others. */
  get changes(): readonly Change[] {
    return [this.#base, ...this.#changes];
  }

  /** The number that the next change will have. */
  get nextNumber(): number {
    return this.#number;
  }

  /** So much has happened. */
  get time(): number {
    return this.#time;
  }

  /** Somebody is about to ask for it. */
  send(ask: Ask): Change {
    const change = new Change(this.#number++, ++this.#time, ask);
    this.#changes.push(change);
    return change;
  }

  acknowledge(change: Change): void {
    change.done(++this.#time);
  }

  /** It has not happened, and never will. */
  refuse(change: Change): void {
    this.#changes.splice(this.#changes.indexOf(change), 1);
  }

  sendFlush(): Flush {
    return { sent: ++this.#time };
  }

  /** All that was acknowledged before the flush was sent is stable. */
  acknowledgeFlush({ sent }: Flush): void {
    for (const change of this.#changes) {
      if (change.acknowledged && change.ended < sent) change.stable = true;
    }
  }

  /** Nothing that is under way can happen any more. */
  crash(): void {
    const now = ++this.#time;
    for (const change of this.#changes) {
      if (change.ended === Infinity) change.ended = now;
    }
  }

  /** This was found, and an older state may come back until something is flushed: a process was killed, and the system lives. */
  observe(found: Int32Array): void {
    this.#changes.push(this.#state("what a kill had left", found, false));
  }

  /** This was found, and nothing older may come back. */
  settle(found: Int32Array): void {
    this.#changes.length = 0;
    this.#base = this.#state("what the crash before had left", found, true);
  }

  #state(what: string, cells: Int32Array, stable: boolean): Change {
    const copy = cells.slice();
    const change = new Change(this.#number++, ++this.#time, {
      what,
      cells: [{ from: 0, to: copy.length }],
      value: (cell) => copy[cell]!,
      stable,
    });
    change.done(++this.#time);
    return change;
  }
}

/** The length that was found, in blocks. What lies behind it is not there to be judged. */
export function lengthOf(found: Int32Array): number {
  return found[found.length - 1]!;
}

/** For people. */
export function nameOf(cell: number, found: Int32Array): string {
  return cell === found.length - 1 ? "The volume's length" : `Block ${cell}`;
}
