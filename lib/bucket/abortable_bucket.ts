/** The layer with which one caller of a bucket gives up what it waits for, and leaves all others alone. */

import type { Bucket } from "./bucket.ts";
import { BucketLayer } from "./bucket_layer.ts";

/** What is under way in the bucket goes on; nobody hears of it. */
export class AbortableBucket extends BucketLayer {
  readonly #signal: AbortSignal;

  constructor(inner: Bucket, options: { readonly signal: AbortSignal }) {
    super(inner);
    this.#signal = options.signal;
  }

  protected async ask<T>(act: () => Promise<T>): Promise<T> {
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
