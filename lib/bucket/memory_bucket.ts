/** A bucket in memory, for simulations and for trying things: gone with the process. */

import type { Extent } from "../base/extent.ts";
import {
  BucketError,
  checkName,
  checkPrefix,
  checkRange,
  type Created,
  MAX_PAGE_OBJECTS,
  MAX_READ_BYTES,
  type ObjectPage,
  type ReplaceableBucket,
} from "./bucket.ts";

/** Keeps copies, gives copies. */
export class MemoryBucket implements ReplaceableBucket {
  readonly #objects = new Map<string, Uint8Array>();
  readonly #pageObjects: number;

  /** `pageObjects`: how many a page of a listing holds, as many as may be unless told otherwise. */
  constructor(options: { readonly pageObjects?: number } = {}) {
    this.#pageObjects = options.pageObjects ?? MAX_PAGE_OBJECTS;
  }

  // What has happened is seen one turn later, as with a store that is somewhere else.

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    checkName(name);
    await Promise.resolve();
    if (this.#objects.has(name)) return "exists";
    this.#objects.set(name, bytes.slice());
    return "created";
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    checkName(name);
    await Promise.resolve();
    this.#objects.set(name, bytes.slice());
  }

  async get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    checkName(name);
    if (range) checkRange(range);
    await Promise.resolve();
    const bytes = this.#objects.get(name);
    if (range) return bytes?.slice(range.offset, range.offset + range.length);
    if (bytes && bytes.length > MAX_READ_BYTES) {
      throw tooLong(name, MAX_READ_BYTES);
    }
    return bytes?.slice();
  }

  async list(prefix: string, startAfter = ""): Promise<ObjectPage> {
    checkPrefix(prefix);
    await Promise.resolve();
    const objects = [...this.#objects]
      .filter(([name]) => name.startsWith(prefix) && name > startAfter)
      .map(([name, { length }]) => ({ name, sizeBytes: length }))
      .toSorted((a, b) => a.name < b.name ? -1 : 1);
    return {
      objects: objects.slice(0, this.#pageObjects),
      more: objects.length > this.#pageObjects,
    };
  }

  async delete(names: readonly string[]): Promise<void> {
    names.forEach(checkName);
    await Promise.resolve();
    for (const name of names) this.#objects.delete(name);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Another one that holds what this holds at this moment. */
  copy(): MemoryBucket {
    const copy = new MemoryBucket({ pageObjects: this.#pageObjects });
    for (const [name, bytes] of this.#objects) copy.#objects.set(name, bytes);
    return copy;
  }

  /** How many objects it holds. */
  get size(): number {
    return this.#objects.size;
  }
}

/** What to throw for an object that is too long to be read without a range. */
export function tooLong(name: string, limitBytes: number): BucketError {
  return new BucketError(
    "rejected",
    `"${name}" is longer than ${limitBytes} bytes`,
  );
}
