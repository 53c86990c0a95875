/** What layers of a bucket have in common that treat all operations alike. */

import type { Extent } from "../base/extent.ts";
import type { Bucket, Created, ObjectPage } from "./bucket.ts";

/** Each operation goes through {@linkcode BucketLayer.ask}. Closing it closes nothing: others use what is below. */
export abstract class BucketLayer implements Bucket {
  readonly #inner: Bucket;

  constructor(inner: Bucket) {
    this.#inner = inner;
  }

  create(name: string, bytes: Uint8Array): Promise<Created> {
    return this.ask(() => this.#inner.create(name, bytes));
  }

  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.ask(() => this.#inner.get(name, range));
  }

  list(prefix: string, startAfter?: string): Promise<ObjectPage> {
    return this.ask(() => this.#inner.list(prefix, startAfter));
  }

  delete(names: readonly string[]): Promise<void> {
    return this.ask(() => this.#inner.delete(names));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Carries an operation out, or what is made of it. */
  protected abstract ask<T>(act: () => Promise<T>): Promise<T>;
}
