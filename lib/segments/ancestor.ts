/**
 * The volumes that a clone was made of, as its superblock names them (FORMAT.md section 8): whose segments are whose, and what it takes to read
 * them.
 *
 *     0 ···· base of the first ···· base of the second ···· base of the last ····
 *       the first's              the second's               the clone's own
 */

import {
  MAX_NUMBER,
  type SegmentKeys,
  VOLUME_ID_BYTES,
  VOLUME_KEY_BYTES,
} from "./keys.ts";
import { MAX_PREFIX_BYTES } from "./clone.ts";
import { readText, writeText } from "./text.ts";
import type { ByteReader, ByteWriter } from "./varint.ts";

/** How many a clone may have: each clone of a clone has one more, as long as something of it is read. */
export const MAX_ANCESTORS = 16;
/** More than they take in a table. */
export const MAX_ANCESTORS_BYTES = MAX_ANCESTORS *
  (2 + MAX_PREFIX_BYTES + VOLUME_ID_BYTES + 2 * VOLUME_KEY_BYTES + 8);

export interface Ancestor {
  /** Where in the bucket it lies. */
  readonly prefix: string;
  readonly volumeId: Uint8Array;
  /** Of its segments, and of nothing else of it. */
  readonly keys: SegmentKeys;
  /** Segments below are its own, down to the base of the one before. */
  readonly base: number;
}

/** count | each: prefix | volume id 16 | names 32 | segments 32 | base - that of the one before */
export function encodeAncestors(
  writer: ByteWriter,
  ancestors: readonly Ancestor[],
): void {
  if (ancestors.length > MAX_ANCESTORS) {
    throw new RangeError(`${ancestors.length} ancestors are too many`);
  }
  writer.varint(ancestors.length);
  let last = 0;
  for (const { prefix, volumeId, keys, base } of ancestors) {
    writeText(writer, prefix, MAX_PREFIX_BYTES);
    writer.raw(volumeId);
    writer.raw(keys.names);
    writer.raw(keys.segments);
    writer.varint(base - last);
    last = base;
  }
}

/** At least one, the farthest first. @throws {SealError} */
export function decodeAncestors(reader: ByteReader): readonly Ancestor[] {
  const count = reader.varint(MAX_ANCESTORS);
  const ancestors: Ancestor[] = [];
  for (let last = 0; ancestors.length < count;) {
    const prefix = readText(reader, MAX_PREFIX_BYTES);
    const volumeId = reader.raw(VOLUME_ID_BYTES).slice();
    const names = reader.raw(VOLUME_KEY_BYTES).slice();
    const segments = reader.raw(VOLUME_KEY_BYTES).slice();
    const base = last + reader.varint(MAX_NUMBER);
    if (base <= last || base >= MAX_NUMBER) {
      throw reader.malformed(`there is no segment ${base} behind ${last}`);
    }
    ancestors.push({ prefix, volumeId, keys: { names, segments }, base });
    last = base;
  }
  if (count === 0) throw reader.malformed("it is a clone of nothing");
  return ancestors;
}
