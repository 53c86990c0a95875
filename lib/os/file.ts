/** Files of this machine behind the {@linkcode File} interface, and small files written whole or not at all. */

import * as fs from "node:fs";
import { dirname } from "node:path";
import type { File } from "../base/file.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import { openHoles } from "./holes.ts";

/** Bytes of a unit in which `stat` counts what a file occupies. */
const STAT_BLOCK_BYTES = 512;

/** No file has this descriptor. */
const CLOSED = -1;

/**
 * Opens `path` to read and write it, or with `readOnly` to read it. With `create` it must not exist yet, and is made empty, readable and
 * writable by its owner alone.
 *
 * @throws {VaultError} where it cannot be opened, or exists although it is to be created
 */
export function openFile(
  path: string,
  options: { create?: boolean; readOnly?: boolean } = {},
): File {
  const flags = options.create ? "wx+" : options.readOnly ? "r" : "r+";
  let fd: number;
  try {
    fd = fs.openSync(path, flags, 0o600);
  } catch (cause) {
    throw new VaultError(`Cannot open ${path}: ${messageOf(cause)}`, { cause });
  }
  return new SystemFile(path, fd);
}

class SystemFile implements File {
  readonly #path: string;
  #fd: number;
  #holes: ReturnType<typeof openHoles>;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
    this.#holes = openHoles(fd);
  }

  read(offset: number, into: Uint8Array): void {
    let at = 0;
    while (at < into.length) {
      const length = this.#try(
        "read",
        () => fs.readSync(this.#fd, into, at, into.length - at, offset + at),
      );
      if (length === 0) {
        into.fill(0, at);
        return;
      }
      at += length;
    }
  }

  write(offset: number, from: Uint8Array): void {
    let at = 0;
    while (at < from.length) {
      at += this.#try(
        "write",
        () => fs.writeSync(this.#fd, from, at, from.length - at, offset + at),
      );
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) =>
      fs.fdatasync(
        this.#fd,
        (error) => error ? reject(this.#failure("sync", error)) : resolve(),
      )
    );
  }

  syncNow(): void {
    this.#try("sync", () => fs.fdatasyncSync(this.#fd));
  }

  size(): number {
    return this.#try("stat", () => fs.fstatSync(this.#fd)).size;
  }

  truncate(sizeBytes: number): void {
    this.#try("resize", () => fs.ftruncateSync(this.#fd, sizeBytes));
  }

  punch(offset: number, length: number): boolean {
    return this.#holes.punch(offset, length);
  }

  anchor(offset: number, length: number): boolean {
    return this.#try("allocate", () => this.#holes.anchor(offset, length));
  }

  nextData(offset: number): { offset: number; length: number } | undefined {
    return this.#holes.nextData(offset, this.size());
  }

  allocated(): number {
    return this.#try("stat", () => fs.fstatSync(this.#fd)).blocks *
      STAT_BLOCK_BYTES;
  }

  close(): void {
    const fd = this.#fd;
    // The system gives the number to the next file that is opened: nothing may be done to that one by mistake.
    this.#fd = CLOSED;
    this.#holes = openHoles(CLOSED);
    this.#try("close", () => fs.closeSync(fd));
  }

  #try<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      throw this.#failure(what, cause);
    }
  }

  #failure(what: string, cause: unknown): VaultError {
    return new VaultError(`Cannot ${what} ${this.#path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * Replaces `path` by a file that holds `bytes`, readable by its owner alone: after a crash at any moment the old or the new one is
 * there, whole. On stable storage when it returns.
 *
 * @throws {VaultError}
 */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const fresh = `${path}.${crypto.randomUUID()}.new`;
  try {
    const fd = fs.openSync(fresh, "wx", 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(fresh, path);
    syncFolder(dirname(path));
  } catch (cause) {
    discard(fresh);
    throw new VaultError(`Cannot write ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** The bytes of a small file, or undefined where there is none. @throws {VaultError} where it cannot be read */
export function readWhole(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(fs.readFileSync(path));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new VaultError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Makes the folder and those above it, for their owner alone. @throws {VaultError} */
export function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new VaultError(
      `Cannot make the folder ${path}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** The names of what is in the folder, sorted; none where there is no such folder. @throws {VaultError} */
export function listFolder(path: string): string[] {
  try {
    return fs.readdirSync(path).sort();
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw new VaultError(
      `Cannot read the folder ${path}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/**
 * Gives a file or folder another name within its folder: after a crash at any moment it has the old one or the new one. On stable storage when
 * it returns.
 *
 * @throws {VaultError}
 */
export function rename(from: string, to: string): void {
  try {
    fs.renameSync(from, to);
    syncFolder(dirname(to));
  } catch (cause) {
    throw new VaultError(`Cannot rename ${from}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Gives a file another name beside the one that it has. `to` must not exist. Not on stable storage yet when it returns. @throws {VaultError} */
export function link(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (cause) {
    throw new VaultError(`Cannot link ${from} to ${to}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Whether there is anything of that name. */
export function exists(path: string): boolean {
  return fs.existsSync(path);
}

/** Holds `path`, made where it is missing, against other processes; undefined where another one holds it. */
export function lockFile(path: string): FileLock | undefined {
  const file = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  // The system lets go of it when the process ends, however it ends.
  if (file.tryLockSync(true)) {
    return {
      release: () => {
        // Closing alone would not do: a child that is just being started still holds a copy of the descriptor, and with it the lock.
        file.unlockSync();
        file.close();
      },
    };
  }
  file.close();
  return undefined;
}

export interface FileLock {
  release(): void;
}

/** Removes a file or a folder with all that is in it; nothing happens where there is none. */
export function remove(path: string): void {
  fs.rmSync(path, { force: true, recursive: true });
  syncFolder(dirname(path));
}

/** Removes what is of no use any more. Where that cannot be done, because the disk has turned read-only, say, it stays and harms nobody. */
export function discard(path: string): void {
  try {
    fs.rmSync(path, { force: true, recursive: true });
  } catch {
    // Whoever starts next finds it.
  }
}

/** Makes creations, renames and removals in a folder survive a power cut. Windows has no such call and needs none. */
export function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  const fd = fs.openSync(path, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Whether it was thrown because there is no such file. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown &&
    thrown.code === "ENOENT";
}
