/** The layer with which one caller of a bucket gives up what it waits for, and leaves all others alone. */

import type { Extent } from "../base/extent.ts";
import type { Bucket, Created, ObjectPage } from "./bucket.ts";

/** What is under way in the bucket goes on; nobody hears of it. Closing it closes nothing. */
export class AbortableBucket implements Bucket {
  readonly #inner: Bucket;
  readonly #signal: AbortSignal;

  constructor(inner: Bucket, options: { readonly signal: AbortSignal }) {
    this.#inner = inner;
    this.#signal = options.signal;
  }

  create(name: string, bytes: Uint8Array): Promise<Created> {
    return this.#ask(() => this.#inner.create(name, bytes));
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#ask(() => this.#inner.get(name, range));
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    return this.#ask(() => this.#inner.list(prefix, startAfter));
  }

  delete(names: readonly string[]): Promise<void> {
    return this.#ask(() => this.#inner.delete(names));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask<T>(act: () => Promise<T>): Promise<T> {
    const signal = this.#signal;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // Taken away again: what it held on to would be all that was ever read.
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    act().then(resolve, reject);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}
