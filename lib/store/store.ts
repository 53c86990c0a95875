/**
 * The Store contract: bytes at offsets. Every bottom (file, memory, later S3) and every layer keeps all of it, and
 * `conformance.ts` beside this file checks it for each.
 *
 * A method that can answer at once returns its value, one that must wait returns a promise: a store on cached data never
 * makes the target await. Callers write `const pending = store.read(…); if (pending) await pending;`.
 */

import type { Extent } from "../base/extent.ts";

/** Done, or a promise of it. */
export type Maybe = void | Promise<void>;

/**
 * Whether a store still takes writes, and if not, why. `noRoom` says why the last write that needed room was refused; it is gone when one
 * finds room again, and the object is the same until then.
 */
export type Health = { readonly state: "ok"; readonly noRoom?: string } | {
  readonly state: "failed";
  readonly why: string;
};

/** Writes of which all is done or nothing. */
export interface AtomicWrites {
  /** The longest. */
  readonly maxBytes: number;
  /**
   * Writes all of `from` at `offset` and makes it stable before it resolves. Whatever happens, a crash among it, afterwards all of it is there
   * or none; also where it rejects. Nothing else may touch the range meanwhile: the caller sees to that.
   */
  write(offset: number, from: Uint8Array): Promise<void>;
}

/** Called with an extent whose bytes are about to change. It must not throw. */
export type BeforeChange = (extent: Extent) => void;

/** Bytes at offsets. */
export interface Store {
  /** Length in bytes. Changes by `resize` alone. */
  readonly sizeBytes: number;

  /** Whether every write is refused. */
  readonly readOnly: boolean;

  /**
   * After a failed write or sync a store stays failed: it reads, and refuses writes and flushes. A write that was refused for want
   * of space alone does not fail it: that write was not acknowledged, and the next may find room. Until one does, `noRoom` is set.
   */
  readonly health: Health;

  /**
   * Fills `into` with the bytes from `offset` on. Bytes never written, unmapped or zeroed read as zeros.
   *
   * A read that starts after a write has completed sees that write. A read beside a write that has not completed sees for each
   * byte the old or the new value.
   *
   * @throws {RangeError} past the end: the caller checks first
   * @throws {MediaError} on a medium error; what is in `into` is then undefined and must not be given to anybody
   */
  read(offset: number, into: Uint8Array): Maybe;

  /**
   * Writes all of `from` at `offset`. Completed means that later reads see it, not that it survives a crash: that is `flush`.
   * The array may be reused once the write has completed.
   *
   * @throws {RangeError} past the end
   * @throws {MediaError} where it is read-only, failed, or out of space; some of the bytes may then have been written
   */
  write(offset: number, from: Uint8Array): Maybe;

  /** Where the store can promise that. */
  readonly atomic?: AtomicWrites;

  /**
   * Calls `before` ahead of every change, while reads still see the old bytes, until the returned function is called. One at a time may
   * watch. Only a store whose reads answer at once can: a copy of it as it is now is made so, while it is in use.
   */
  watch?(before: BeforeChange): () => void;

  /** Makes the extent read as zeros and gives its space back where possible. Ordered like a write. */
  unmap(extent: Extent): Maybe;

  /**
   * Sees to it that a write to the extent will find room, as far as the medium can promise that (SBC-4: anchored). Changes no byte. Missing
   * where nothing of that kind is known.
   *
   * @throws {MediaError} like `write`
   */
  anchor?(extent: Extent): void;

  /**
   * What completed before the call is on stable storage when the promise resolves.
   *
   * A flush that failed is never retried into silence: the store turns `failed`, this and every later flush and write rejects.
   */
  flush(): Promise<void>;

  /**
   * Brings all that a layer keeps above the bottom down to it, on stable storage: what lies there is then the whole, for as long as nobody
   * writes. Missing where nothing is ever kept above it.
   *
   * @throws {MediaError} where it cannot be brought there now; it is kept as before then, and nothing is lost
   */
  drain?(): Promise<void>;

  /** The same, and what layers have kept of bytes that were overwritten or unmapped is gone from their media, too. */
  scrub?(): Promise<void>;

  /** The first extent at or after `offset` that may hold data, cut at the store's end; undefined where none follows. */
  nextMapped(offset: number): Extent | undefined;

  /** Bytes held on the medium, for people. */
  allocatedBytes(): number;

  /** Grows (zeros) or shrinks (the tail is lost). On stable storage when it resolves. */
  resize(sizeBytes: number): Promise<void>;

  /** Flushes where it is healthy, and lets go of everything. Nothing may be called afterwards. */
  close(): Promise<void>;
}
