/** A file in memory that goes wrong when told to, for tests. */

import { VaultError } from "../../base/errors.ts";
import type { File } from "../../base/file.ts";

/** A file in memory, with switches for what goes wrong. */
export class MemoryFile implements File {
  bytes = new Uint8Array(0);
  broken: "read" | "write" | undefined;
  read(offset: number, into: Uint8Array): void {
    if (this.broken === "read") throw new VaultError("EIO");
    into.fill(0);
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
  write(offset: number, from: Uint8Array): void {
    if (this.broken === "write") throw new VaultError("ENOSPC");
    const end = offset + from.length;
    if (end > this.bytes.length) this.truncate(end);
    this.bytes.set(from, offset);
  }
  syncNow(): void {}
  sync(): Promise<void> {
    return Promise.resolve();
  }
  size(): number {
    return this.bytes.length;
  }
  truncate(sizeBytes: number): void {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(this.bytes.subarray(0, sizeBytes));
    this.bytes = bytes;
  }
  punch(): boolean {
    return false;
  }
  anchor(): boolean {
    return false;
  }
  nextData(): undefined {
    return undefined;
  }
  allocated(): number {
    return this.bytes.length;
  }
  close(): void {}
}
