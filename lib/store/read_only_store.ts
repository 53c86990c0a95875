/** The layer that refuses every change. */

import type { Extent } from "../base/extent.ts";
import { MediaError } from "../base/media_error.ts";
import type { BeforeChange, Health, Maybe, Store } from "./store.ts";

/** A store that reads like its inner one and refuses every change. */
export class ReadOnlyStore implements Store {
  /** Always. */
  readonly readOnly = true;
  readonly #inner: Store;

  /** Closing it closes `inner`. */
  constructor(inner: Store) {
    this.#inner = inner;
  }

  get sizeBytes(): number {
    return this.#inner.sizeBytes;
  }

  get health(): Health {
    return this.#inner.health;
  }

  read(offset: number, into: Uint8Array): Maybe {
    return this.#inner.read(offset, into);
  }

  write(_offset: number, _from: Uint8Array): Maybe {
    throw refusal();
  }

  unmap(_extent: Extent): Maybe {
    throw refusal();
  }

  /** There is nothing to be told. */
  watch(_before: BeforeChange): () => void {
    return () => {};
  }

  /** Nothing was written here, so all of it is stable. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  nextMapped(offset: number): Extent | undefined {
    return this.#inner.nextMapped(offset);
  }

  allocatedBytes(): number {
    return this.#inner.allocatedBytes();
  }

  resize(_sizeBytes: number): Promise<void> {
    return Promise.reject(refusal());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function refusal(): MediaError {
  return new MediaError("read-only", "The volume is read-only");
}
