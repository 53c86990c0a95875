/** Clones of a snapshot, as the row of the volume that they were made of tells of them: as long as there is one, the snapshot stays (FORMAT.md section 8). */

import { VOLUME_ID_BYTES } from "./keys.ts";
import { readText, writeText } from "./text.ts";
import type { ByteReader, ByteWriter } from "./varint.ts";

/** In bytes of UTF-8. */
export const MAX_CLONE_NAME_BYTES = 255;
/** What the names of a volume's objects begin with, in bytes. */
export const MAX_PREFIX_BYTES = 256;
const MAX_OBJECT_NAME_BYTES = 64;

export interface Clone {
  readonly volumeId: Uint8Array;
  /** What it was called when it was made, for people. */
  readonly name: string;
  /** Where in the bucket it lies. */
  readonly prefix: string;
  /** The name of its superblock there: the last object of it that is made, and the first that is deleted. */
  readonly superblock: string;
}

/** volume id 16 | name | prefix | superblock; each text with its length before it */
export function encodeClone(writer: ByteWriter, clone: Clone): void {
  const { volumeId, name, prefix, superblock } = clone;
  writer.raw(volumeId);
  writeText(writer, name, MAX_CLONE_NAME_BYTES);
  writeText(writer, prefix, MAX_PREFIX_BYTES);
  writeText(writer, superblock, MAX_OBJECT_NAME_BYTES);
}

/** @throws {SealError} */
export function decodeClone(reader: ByteReader): Clone {
  return {
    volumeId: reader.raw(VOLUME_ID_BYTES).slice(),
    name: readText(reader, MAX_CLONE_NAME_BYTES),
    prefix: readText(reader, MAX_PREFIX_BYTES),
    superblock: readText(reader, MAX_OBJECT_NAME_BYTES),
  };
}
