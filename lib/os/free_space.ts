/** How much room a file system has. */

import * as fs from "node:fs";

/** Bytes that this user can still write below `path`; undefined where nobody says. */
export function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = fs.statfsSync(path);
    const bytes = bavail * bsize;
    return Number.isSafeInteger(bytes) ? bytes : undefined;
  } catch {
    return undefined;
  }
}
