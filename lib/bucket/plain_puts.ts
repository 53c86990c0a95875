/** The layer that puts without a condition, for objects under names that nobody else ever uses. */

import type { Extent } from "../base/extent.ts";
import type {
  Bucket,
  Created,
  ObjectPage,
  ReplaceableBucket,
} from "./bucket.ts";

/** What is created replaces what was there. Closing it closes nothing: others use what is below. */
export class PlainPuts implements Bucket {
  readonly #inner: ReplaceableBucket;

  constructor(inner: ReplaceableBucket) {
    this.#inner = inner;
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    await this.#inner.replace(name, bytes);
    return "created";
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#inner.get(name, range);
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    return this.#inner.list(prefix, startAfter);
  }

  delete(names: readonly string[]): Promise<void> {
    return this.#inner.delete(names);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
