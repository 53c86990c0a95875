/** One open regular file, as the stores and the journal see it. Made by `lib/os/file.ts`; tests make faulty ones. */

/**
 * Positional reads and writes are synchronous: on cached data they cost 2 to 5 µs where an awaited call costs 13 to 70 µs.
 * Only a sync waits for the medium, so only `sync` is awaited.
 */
export interface File {
  /** Fills `into` from `offset` on. Bytes past the end of the file read as zeros. @throws {VaultError} on an I/O error */
  read(offset: number, into: Uint8Array): void;
  /** Writes all of `from` at `offset`, growing the file where needed. @throws {VaultError} with `cause` on an I/O error */
  write(offset: number, from: Uint8Array): void;
  /** All that was written before the call is on stable storage when it resolves (fdatasync). @throws {VaultError} */
  sync(): Promise<void>;
  /**
   * The same, and the process stands still meanwhile: for what must be stable before anybody asks for anything, when something is opened
   * after a crash. @throws {VaultError}
   */
  syncNow(): void;
  /** Length in bytes. */
  size(): number;
  /** Cuts or grows (with zeros, sparse) to `sizeBytes`. */
  truncate(sizeBytes: number): void;
  /**
   * Gives the range back to the file system; it reads as zeros. False where this file system or platform cannot: nothing was
   * changed then, and the caller writes zeros.
   */
  punch(offset: number, length: number): boolean;
  /**
   * Gives the range its room on the medium and changes no byte of it: a write there does not run out of space. False where this file system or
   * platform cannot. @throws {VaultError} with `cause` where there is none
   */
  anchor(offset: number, length: number): boolean;
  /** The next range at or after `offset` that holds data rather than a hole, or undefined. Without support: the rest. */
  nextData(offset: number): { offset: number; length: number } | undefined;
  /** Bytes that the file occupies on the medium. */
  allocated(): number;
  /** Lets go of the file, without a sync. Nothing may be called afterwards. */
  close(): void;
}
