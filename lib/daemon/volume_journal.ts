/**
 * The journal of a volume in a file, in `volumes/NAME/journal/`: what was written lately, until it is in `data`. So after a power cut, too, a
 * volume is what its operations had made of it at one moment, no earlier than the last flush.
 */

import type { Primitives } from "../base/primitives.ts";
import { Journal } from "../journal/journal.ts";
import { openFolder } from "../os/folder.ts";

const MIB = 1024 * 1024;

/** A file holds the longest atomic write with its heads; a small volume has small ones. */
const LEAST_FILE_BYTES = 2 * MIB;
const MOST_FILE_BYTES = 16 * MIB;
/** Between these bounds each is such a part of the volume. */
const FILES_PER_VOLUME = 64;
/** What is written faster than it is brought to its place waits in so many. */
const MAX_FILES = 16;

/** Opens it, or begins one. @throws {VaultError} where its files cannot be read or written, or something of them is missing */
export function openVolumeJournal(
  path: string,
  options: { readonly sizeBytes: number; readonly primitives: Primitives },
): Promise<Journal> {
  const { sizeBytes, primitives } = options;
  const share = Math.floor(sizeBytes / FILES_PER_VOLUME / MIB) * MIB;
  return Journal.open({
    folder: openFolder(path),
    random: (length) => primitives.random(length),
    fileBytes: Math.min(MOST_FILE_BYTES, Math.max(LEAST_FILE_BYTES, share)),
    maxFiles: MAX_FILES,
  });
}
