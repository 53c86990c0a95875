/**
 * Unit attention conditions of one I_T nexus (SAM-5 section 5.14).
 *
 * The queue holds each condition once, resets (29/xx) before the rest, the rest in the order in which they came about. It is
 * bounded by the number of conditions that this unit can establish, one code each.
 */

const RESET_ASC = 0x29;

export class Attentions {
  readonly #codes: number[] = [];

  /** The one to report next, ASC << 8 | ASCQ, or undefined. It stays. */
  get first(): number | undefined {
    return this.#codes[0];
  }

  /** Establishes a condition. A reset takes the place of an earlier reset: the newest tells what was lost last. */
  add(code: number): void {
    const isReset = code >>> 8 === RESET_ASC;
    if (isReset && this.first !== undefined && this.first >>> 8 === RESET_ASC) {
      // 29/00 says the most: every narrower reset is covered by it (SAM-5 table 47).
      if (this.first !== 0x2900) this.#codes[0] = code;
      return;
    }
    if (this.#codes.includes(code)) return;
    if (isReset) this.#codes.unshift(code);
    else this.#codes.push(code);
  }

  /** Takes the one to report next: reporting a condition clears it. */
  take(): number | undefined {
    return this.#codes.shift();
  }

  /** Clears one condition, reported or not. */
  clear(code: number): void {
    const at = this.#codes.indexOf(code);
    if (at >= 0) this.#codes.splice(at, 1);
  }
}
