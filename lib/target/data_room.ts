/**
 * The memory that one session's data may hold: a budget in bytes, and the buffers that were used before.
 *
 * Whoever wants a share waits in turn, and one that is larger than the whole budget is let in alone, so that nobody waits for ever.
 */

interface Waiting {
  readonly bytes: number;
  readonly grant: () => void;
}

/** What is kept for later at most: enough for 32 tasks of 256 KiB, the depth that initiators use. */
const MAX_SPARE_BYTES = 8 * 1024 * 1024;

/** The smallest buffer that is kept for later. */
const MIN_KEPT_BYTES = 4 * 1024;

export class DataRoom {
  readonly #budgetBytes: number;
  readonly #waiting: Waiting[] = [];
  /** By size, a power of two. */
  readonly #spare = new Map<number, Uint8Array[]>();
  #spareBytes = 0;
  #usedBytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** What is granted and not yet given back. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Calls `grant` as soon as so much is free, at once where it is. Give it back with {@linkcode release}. */
  request(bytes: number, grant: () => void): void {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      this.#waiting.push({ bytes, grant });
      return;
    }
    this.#usedBytes += bytes;
    grant();
  }

  /** Takes a request back that has not been granted; false where it was. */
  withdraw(grant: () => void): boolean {
    const at = this.#waiting.findIndex((waiting) => waiting.grant === grant);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    this.#grantNext();
    return true;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#grantNext();
  }

  /** A buffer of at least `length` bytes, which hold anything. */
  take(length: number): Uint8Array {
    const size = sizeFor(length);
    const spare = this.#spare.get(size)?.pop();
    if (!spare) return new Uint8Array(size);
    this.#spareBytes -= size;
    return spare;
  }

  /** Keeps a buffer of {@linkcode take} for later, unless enough are kept already. */
  give(buffer: Uint8Array): void {
    const size = buffer.length;
    if (this.#spareBytes + size > MAX_SPARE_BYTES) return;
    this.#spareBytes += size;
    const spare = this.#spare.get(size);
    if (spare) spare.push(buffer);
    else this.#spare.set(size, [buffer]);
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 ||
      this.#usedBytes + bytes <= this.#budgetBytes;
  }

  #grantNext(): void {
    for (let next; (next = this.#waiting[0]) && this.#fits(next.bytes);) {
      this.#waiting.shift();
      this.#usedBytes += next.bytes;
      next.grant();
    }
  }
}

function sizeFor(length: number): number {
  let size = MIN_KEPT_BYTES;
  while (size < length) size *= 2;
  return size;
}
