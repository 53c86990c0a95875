/**
 * Numbers in order, each found by its place among them. Of 100,000, which are asked for in no order and millions of times, a table of hashes
 * lies all over the memory; where they lie close enough together a plain one says the place of each at once.
 */

/** The plain table has at most so many places a number. */
const SPREAD = 16;

export class NumberIndex {
  readonly #numbers: Float64Array;
  readonly #first: number;
  /** The place of each number from the first on, counted from 1; undefined where they are too far apart. */
  readonly #places: Uint32Array | undefined;

  /** Each higher than the one before. */
  constructor(numbers: readonly number[]) {
    this.#numbers = Float64Array.from(numbers);
    this.#first = numbers[0] ?? 0;
    const span = (numbers.at(-1) ?? -1) - this.#first + 1;
    if (span > SPREAD * numbers.length) return;
    const places = this.#places = new Uint32Array(span);
    numbers.forEach((number, at) => places[number - this.#first] = at + 1);
  }

  /** Which it is of them, from 0; -1 where it is none. */
  indexOf(number: number): number {
    return this.#places
      ? (this.#places[number - this.#first] ?? 0) - 1
      : this.#search(number);
  }

  #search(number: number): number {
    const numbers = this.#numbers;
    let low = 0;
    let high = numbers.length;
    // The first that is not lower.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return numbers[low] === number ? low : -1;
  }
}
