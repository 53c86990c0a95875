/**
 * One write that is to be done whole or not at all, kept in a file of its own until it is: a redo record.
 *
 *     at 0     magic "vaultWI1" · offset in the volume, 64 bits · length, 32 bits · SHA-256 of these 20 bytes and the data
 *     at 4096  the data
 *
 * A record counts where its hash is right, so half of one, whichever half a crash has left, is none. A cleared one begins with zeros.
 */

import { equalBytes, putU32, putU64, u32, u64, utf8 } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import type { File } from "../base/file.ts";

/** The longest write that a record takes. */
export const MAX_INTENT_BYTES = 1024 * 1024;

const MAGIC = utf8("vaultWI1");
const OFFSET_AT = 8;
const LENGTH_AT = 16;
const HASH_AT = 20;
const HASH_BYTES = 32;
const HEAD_BYTES = HASH_AT + HASH_BYTES;
const DATA_AT = 4096;

/** SHA-256 over all parts. */
export type Hash = (...parts: Uint8Array[]) => Uint8Array;

/** A write that may have been begun and not ended. */
export interface Intent {
  readonly offset: number;
  readonly data: Uint8Array;
}

export class WriteIntent {
  readonly #file: File;
  readonly #hash: Hash;

  constructor(file: File, hash: Hash) {
    this.#file = file;
    this.#hash = hash;
  }

  /** What was kept and not cleared. @throws {VaultError} where the file cannot be read */
  read(): Intent | undefined {
    const head = new Uint8Array(HEAD_BYTES);
    this.#file.read(0, head);
    const length = u32(head, LENGTH_AT);
    if (!equalBytes(head.subarray(0, MAGIC.length), MAGIC)) return undefined;
    if (length === 0 || length > MAX_INTENT_BYTES) return undefined;
    const data = new Uint8Array(length);
    this.#file.read(DATA_AT, data);
    const hash = this.#hash(head.subarray(0, HASH_AT), data);
    return equalBytes(hash, head.subarray(HASH_AT))
      ? { offset: u64(head, OFFSET_AT), data }
      : undefined;
  }

  /** On stable storage when it resolves. @throws {VaultError} */
  async keep({ offset, data }: Intent): Promise<void> {
    invariant(data.length <= MAX_INTENT_BYTES, "An intent that is too long");
    const head = new Uint8Array(HEAD_BYTES);
    head.set(MAGIC);
    putU64(head, OFFSET_AT, offset);
    putU32(head, LENGTH_AT, data.length);
    head.set(this.#hash(head.subarray(0, HASH_AT), data), HASH_AT);
    this.#file.write(DATA_AT, data);
    this.#file.write(0, head);
    await this.#file.sync();
  }

  /** Gone from stable storage when it resolves. @throws {VaultError} */
  async clear(): Promise<void> {
    this.#file.write(0, new Uint8Array(HEAD_BYTES));
    await this.#file.sync();
  }

  /**
   * Ends what was kept and not cleared by `redo`, which does it again, stable when it returns. Whatever the end of another process has left
   * is whole by then, and no record of it is left on stable storage.
   *
   * @throws {VaultError} and what `redo` throws
   */
  finish(redo: (intent: Intent) => void): void {
    // What a killed process has written may be in the page cache alone. A record that is there must outlive a loss of power before its data are
    // touched, and one that is cleared must not come back with the power.
    this.#file.syncNow();
    const intent = this.read();
    if (!intent) return;
    redo(intent);
    this.#file.write(0, new Uint8Array(HEAD_BYTES));
    this.#file.syncNow();
  }

  close(): void {
    this.#file.close();
  }
}
