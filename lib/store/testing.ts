/** A file in memory for tests of the stores on it: it fails when told to, and tells what was synced. */

import { VaultError } from "../base/errors.ts";
import type { File } from "../base/file.ts";
import { MemoryStore } from "./memory_store.ts";

/** Keeps the bytes that would survive a loss of power apart from those that would not. */
export class FakeFile implements File {
  /** Set to make the next calls of that kind throw. */
  readonly failing: {
    read?: string;
    write?: string;
    sync?: string;
    truncate?: string;
  } = {};
  /** Syncs begun and not over; each is ended by calling it. Only where `holdSyncs`. */
  readonly held: (() => void)[] = [];
  syncs = 0;
  closed = false;
  /** What would be there after a loss of power. */
  stable: Uint8Array;
  readonly #bytes: MemoryStore;
  readonly #options: {
    readonly canPunch: boolean;
    readonly holdSyncs?: boolean;
  };

  constructor(
    sizeBytes: number,
    options: { readonly canPunch: boolean; readonly holdSyncs?: boolean },
  ) {
    this.#bytes = new MemoryStore(sizeBytes);
    this.#options = options;
    this.stable = this.#all();
  }

  read(offset: number, into: Uint8Array): void {
    this.#fail("read");
    this.#bytes.read(offset, into);
  }

  write(offset: number, from: Uint8Array): void {
    this.#fail("write");
    this.#bytes.write(offset, from);
  }

  async sync(): Promise<void> {
    this.syncs++;
    // Only what is there now is promised.
    const covered = this.#all();
    if (this.#options.holdSyncs) {
      await new Promise<void>((end) => this.held.push(end));
    }
    this.#fail("sync");
    this.stable = covered;
  }

  syncNow(): void {
    this.syncs++;
    this.#fail("sync");
    this.stable = this.#all();
  }

  size(): number {
    return this.#bytes.sizeBytes;
  }

  truncate(sizeBytes: number): void {
    this.#fail("truncate");
    void this.#bytes.resize(sizeBytes);
  }

  punch(offset: number, length: number): boolean {
    this.#fail("write");
    if (this.#options.canPunch) this.#bytes.unmap({ offset, length });
    return this.#options.canPunch;
  }

  anchor(_offset: number, _length: number): boolean {
    this.#fail("write");
    return this.#options.canPunch;
  }

  nextData(offset: number): { offset: number; length: number } | undefined {
    if (this.#options.canPunch) return this.#bytes.nextMapped(offset);
    const length = this.size() - offset;
    return length > 0 ? { offset, length } : undefined;
  }

  allocated(): number {
    return this.#bytes.allocatedBytes();
  }

  close(): void {
    this.closed = true;
  }

  #all(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes.sizeBytes);
    this.#bytes.read(0, bytes);
    return bytes;
  }

  #fail(kind: "read" | "write" | "sync" | "truncate"): void {
    const code = this.failing[kind];
    if (code === undefined) return;
    const cause = Object.assign(new Error(code), { code });
    throw new VaultError(`Cannot ${kind}: ${code}`, { cause });
  }
}
