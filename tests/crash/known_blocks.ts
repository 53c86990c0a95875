/**
 * What each block holds, as far as the writer can know it while operations overlap: COMPARE AND WRITE needs it.
 *
 * A block is known again once an operation on it is over beside which there was none on it from its beginning to its end.
 */
import type { Change } from "../../lib/store/testing/history.ts";

/** Nobody's number. */
const UNKNOWN = -2;

export class KnownBlocks {
  readonly #values: Int32Array;
  /** How many operations on it are under way. */
  readonly #open: Uint16Array;
  /** Whether there were several since there was none. */
  readonly #tangled: Uint8Array;

  /** @param cells what was found when nothing was under way */
  constructor(cells: Int32Array) {
    this.#values = cells.slice();
    this.#open = new Uint16Array(cells.length);
    this.#tangled = new Uint8Array(cells.length);
  }

  sent(change: Change): void {
    change.every((cell) => {
      if (this.#open[cell]!++ > 0) this.#tangled[cell] = 1;
      return true;
    });
  }

  /** @param done whether it has changed anything */
  over(change: Change, done: boolean): void {
    change.every((cell) => {
      if (this.#tangled[cell]) this.#values[cell] = UNKNOWN;
      else if (done) this.#values[cell] = change.valueAt(cell);
      if (--this.#open[cell]! === 0) this.#tangled[cell] = 0;
      return true;
    });
  }

  /** The numbers in the blocks, or undefined where one is not known or under way. */
  numbers(lba: number, count: number): readonly number[] | undefined {
    const numbers = [...this.#values.subarray(lba, lba + count)];
    const open = this.#open.subarray(lba, lba + count);
    return numbers.includes(UNKNOWN) || open.some((n) => n > 0)
      ? undefined
      : numbers;
  }

  /** Whether others were under way on its blocks beside it. */
  isTangled(change: Change): boolean {
    return !change.every((cell) => this.#tangled[cell] === 0);
  }
}
