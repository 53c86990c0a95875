/** Files that are only ever appended to, and the reading of such files while others append. */

import fs from "node:fs";
import { messageOf, VaultError } from "../base/errors.ts";
import { isMissing } from "./file.ts";

const NEWLINE = 0x0a;

/** A file open for appending, by this process alone. */
export interface LogFile {
  readonly sizeBytes: number;
  /** Whether the last line has its end: a crash, or a full disk, may have left half of one. */
  readonly endsWhole: boolean;
  /**
   * Appends all of `bytes`, in one write, so that a kill at any moment leaves all or nothing. Not on stable storage when it returns.
   *
   * @throws {VaultError} where there is no room for all; some may be there then
   */
  append(bytes: Uint8Array): void;
  close(): void;
}

/** Opens the file, and makes it, for its owner alone, where there is none. @throws {VaultError} */
export function openLog(path: string): LogFile {
  try {
    return new SystemLogFile(path, fs.openSync(path, "a+", 0o600));
  } catch (cause) {
    throw new VaultError(`Cannot open ${path}: ${messageOf(cause)}`, { cause });
  }
}

class SystemLogFile implements LogFile {
  readonly #path: string;
  readonly #fd: number;
  #sizeBytes: number;
  #endsWhole: boolean;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
    this.#sizeBytes = fs.fstatSync(fd).size;
    this.#endsWhole = this.#sizeBytes === 0 ||
      this.#lastByte(this.#sizeBytes - 1) === NEWLINE;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get endsWhole(): boolean {
    return this.#endsWhole;
  }

  append(bytes: Uint8Array): void {
    let written = 0;
    try {
      written = fs.writeSync(this.#fd, bytes);
    } catch (cause) {
      throw new VaultError(`Cannot write ${this.#path}: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (written > 0) {
      this.#sizeBytes += written;
      this.#endsWhole = bytes[written - 1] === NEWLINE;
    }
    if (written < bytes.length) {
      throw new VaultError(`Cannot write ${this.#path}: no room for a line`);
    }
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  #lastByte(at: number): number | undefined {
    const byte = new Uint8Array(1);
    return fs.readSync(this.#fd, byte, 0, 1, at) === 1 ? byte[0] : undefined;
  }
}

/** What a file holds from `offset` on, and what tells it from others under whatever name. */
export interface LogPart {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads a file that may be renamed meanwhile. `offsetOf` is asked with its id; undefined where there is no such file.
 *
 * @throws {VaultError}
 */
export function readLog(
  path: string,
  offsetOf: (id: string) => number,
): LogPart | undefined {
  try {
    const fd = fs.openSync(path, "r");
    try {
      const { ino, dev, size, birthtimeMs } = fs.fstatSync(fd);
      // The number alone goes to the next file that is made when this one is removed.
      const id = `${dev}:${ino}:${birthtimeMs}`;
      const offset = offsetOf(id);
      const bytes = new Uint8Array(Math.max(0, size - offset));
      let read = 0;
      while (read < bytes.length) {
        const length = bytes.length - read;
        const count = fs.readSync(fd, bytes, read, length, offset + read);
        if (count === 0) break;
        read += count;
      }
      return { id, bytes: bytes.subarray(0, read) };
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new VaultError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
