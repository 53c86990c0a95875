/**
 * Holes in files: giving ranges back, giving them room, and finding what is mapped. Linux alone has these calls; they are reached through the
 * C library because the runtime does not offer them. Elsewhere `punch` and `anchor` say that they cannot, and everything counts as data.
 */

import { openLibc } from "./libc.ts";

export interface Holes {
  /** False where nothing was changed because file system or platform cannot. */
  punch(offset: number, length: number): boolean;
  /** False where file system or platform cannot. @throws an error with the `code` of the system where there is no room */
  anchor(offset: number, length: number): boolean;
  nextData(
    offset: number,
    sizeBytes: number,
  ): { offset: number; length: number } | undefined;
}

// linux/falloc.h and unistd.h
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
// asm-generic/errno.h
const EINTR = 4;
const NO_ROOM: Readonly<Record<number, readonly [string, string]>> = {
  28: ["ENOSPC", "No space left on device"],
  122: ["EDQUOT", "Disk quota exceeded"],
};

const symbols = {
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

let opened: Deno.DynamicLibrary<typeof symbols> | undefined | "none";

function libc(): Deno.DynamicLibrary<typeof symbols> | undefined {
  opened ??= openLibc(symbols) ?? "none";
  return opened === "none" ? undefined : opened;
}

/** Holes of the open file `fd`. */
export function openHoles(fd: number): Holes {
  const library = libc();
  return library ? new LinuxHoles(library, fd) : allData;
}

const allData: Holes = {
  punch: () => false,
  anchor: () => false,
  nextData: (offset, sizeBytes) => rest(offset, sizeBytes),
};

function rest(offset: number, sizeBytes: number) {
  return offset < sizeBytes
    ? { offset, length: sizeBytes - offset }
    : undefined;
}

class LinuxHoles implements Holes {
  readonly #libc: Deno.DynamicLibrary<typeof symbols>;
  readonly #fd: number;

  constructor(library: Deno.DynamicLibrary<typeof symbols>, fd: number) {
    this.#libc = library;
    this.#fd = fd;
  }

  punch(offset: number, length: number): boolean {
    return this.#allocate(FALLOC_FL_PUNCH_HOLE, offset, length);
  }

  anchor(offset: number, length: number): boolean {
    for (;;) {
      if (this.#allocate(0, offset, length)) return true;
      const errno = this.#errno();
      if (errno === EINTR) continue;
      const known = NO_ROOM[errno];
      if (!known) return false;
      const [code, words] = known;
      throw Object.assign(new Error(`${code}: ${words}, fallocate`), { code });
    }
  }

  #allocate(mode: number, offset: number, length: number): boolean {
    const { fallocate } = this.#libc.symbols;
    return fallocate(
      this.#fd,
      mode | FALLOC_FL_KEEP_SIZE,
      BigInt(offset),
      BigInt(length),
    ) === 0;
  }

  /** Of the last call, if nothing was called since. */
  #errno(): number {
    const at = this.#libc.symbols.__errno_location();
    return at ? new Deno.UnsafePointerView(at).getInt32() : 0;
  }

  nextData(
    offset: number,
    sizeBytes: number,
  ): { offset: number; length: number } | undefined {
    if (offset >= sizeBytes) return undefined;
    const seek = (from: number, whence: number) =>
      Number(this.#libc.symbols.lseek(this.#fd, BigInt(from), whence));
    const data = seek(offset, SEEK_DATA);
    // -1 is "no data behind this offset" or "cannot tell"; they are told apart by asking for the hole that every file ends with.
    if (data < 0) {
      return seek(offset, SEEK_HOLE) < 0 ? rest(offset, sizeBytes) : undefined;
    }
    const hole = seek(data, SEEK_HOLE);
    return {
      offset: data,
      length: (hole < 0 ? sizeBytes : Math.min(hole, sizeBytes)) - data,
    };
  }
}
