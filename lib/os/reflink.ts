/**
 * Copies that take no time and no room: two files share their bytes until one of them changes. btrfs, XFS, bcachefs and some others can;
 * ext4 cannot.
 *
 * The runtime's `copyFile` does not serve: with COPYFILE_FICLONE_FORCE, too, it copies byte by byte where the file system cannot share, and
 * calls that done.
 */

import * as fs from "node:fs";
import { messageOf, VaultError } from "../base/errors.ts";
import { openLibc } from "./libc.ts";

// linux/fs.h: _IOW(0x94, 9, int)
const FICLONE = 0x40049409n;

const symbols = {
  // Off this thread: bytes that are not on the medium yet are written first.
  ioctl: {
    parameters: ["i32", "u64", "i64"],
    result: "i32",
    nonblocking: true,
  },
} as const;

let opened: Deno.DynamicLibrary<typeof symbols> | undefined | "none";

/**
 * Makes the new file `to`, for its owner alone, of what `from` holds at one moment between two writes to it. Not on stable storage yet when
 * it resolves.
 *
 * @returns false where file system or platform cannot: there is no file `to` then
 * @throws {VaultError} where a file cannot be opened, or `to` exists
 */
export async function reflink(from: string, to: string): Promise<boolean> {
  opened ??= openLibc(symbols) ?? "none";
  if (opened === "none") return false;
  const source = open(from, "r");
  try {
    const target = open(to, "wx");
    let done = false;
    try {
      const result = opened.symbols.ioctl(target, FICLONE, BigInt(source));
      done = await result === 0;
    } finally {
      fs.closeSync(target);
      if (!done) fs.rmSync(to, { force: true });
    }
    return done;
  } finally {
    fs.closeSync(source);
  }
}

function open(path: string, flags: "r" | "wx"): number {
  try {
    return fs.openSync(path, flags, 0o600);
  } catch (cause) {
    throw new VaultError(`Cannot open ${path}: ${messageOf(cause)}`, { cause });
  }
}
