/** Choices that look random and come again with their seed. */

/** Multipliers that spread neighbouring seeds apart (Knuth, TAOCP 3.3.4; MurmurHash3's finalizer). */
const GOLDEN = 0x9e3779b1;
const MIX = 0x85ebca6b;

/** xorshift32 (Marsaglia 2003). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(Math.imul(seed + 1, GOLDEN) ^ 0x5bd1e995, MIX) || 1;
  }

  /** One of its own for each `n`, so that one case can be thrown again without those before it. */
  static forCase(seed: number, n: number): Dice {
    return new Dice(Math.imul(seed, GOLDEN) ^ n);
  }

  /** From 0 up to, but not with, `below`. */
  next(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % below;
  }

  of<T>(items: readonly T[]): T {
    return items[this.next(items.length)]!;
  }

  /** True once in `n` throws. */
  once(n: number): boolean {
    return this.next(n) === 0;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next(256));
  }

  /** `most` or fewer of what `make` gives, each with its number. */
  some<T>(most: number, make: (n: number) => T): T[] {
    return Array.from({ length: this.next(most + 1) }, (_, n) => make(n));
  }
}
