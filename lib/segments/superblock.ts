/** The superblock: the first object of a volume, and what it is for all its life (FORMAT.md section 6). */

import { concat, equalBytes } from "../base/bytes.ts";
import { KEY_CHECK_BYTES, VOLUME_ID_BYTES, type VolumeKeys } from "./keys.ts";
import { type Ancestor, decodeAncestors, encodeAncestors } from "./ancestor.ts";
import { DIGEST_BYTES, type Provenance } from "./preamble.ts";
import { openWhole, seal } from "./sealed.ts";
import { MAX_SECTORS, SECTOR_BYTES } from "./segment.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

export const SUPERBLOCK_NUMBER = 0;

export interface Superblock {
  /** Random. */
  readonly volumeId: Uint8Array;
  /** When it was made; what it is now is in the latest checkpoint. */
  readonly volumeBytes: number;
  readonly blockSizeBytes: number;
  /** How much data a segment is meant to hold. */
  readonly segmentBytes: number;
  /** Of a clone: those that it was made of, the farthest first. Its row begins at the last one's base. */
  readonly ancestors?: readonly Ancestor[];
}

/** What else stands in it. */
type Made = Pick<Provenance, "epoch" | "timeMs">;

/** It tells the volume's id, and so cannot be bound to it. */
const IDENTITY = {
  kind: "superblock",
  number: SUPERBLOCK_NUMBER,
  volumeId: new Uint8Array(VOLUME_ID_BYTES),
} as const;

const MAX_BLOCK_BYTES = 65_536;
const MAX_SEGMENT_BYTES = 2 ** 25;

export function encodeSuperblock(
  keys: VolumeKeys,
  request: Superblock & Made,
): Uint8Array<ArrayBuffer> {
  const { ancestors } = request;
  const numbers = new ByteWriter();
  numbers.varint(request.volumeBytes);
  numbers.varint(request.blockSizeBytes);
  numbers.varint(request.segmentBytes);
  if (ancestors) encodeAncestors(numbers, ancestors);
  return seal(keys, {
    ...request,
    identity: IDENTITY,
    previous: new Uint8Array(DIGEST_BYTES),
    table: concat([request.volumeId, keys.check, numbers.bytes]),
    data: [],
  }).bytes;
}

/** @throws {SealError} where the bytes are no superblock under these keys */
export function openSuperblock(
  keys: VolumeKeys,
  bytes: Uint8Array,
): Superblock & Made {
  const { head } = openWhole(keys, { identity: IDENTITY, bytes });
  const reader = new ByteReader(head.table, "The superblock");
  const volumeId = reader.raw(VOLUME_ID_BYTES).slice();
  if (!equalBytes(reader.raw(KEY_CHECK_BYTES), keys.check)) {
    throw reader.malformed("it is of another key");
  }
  const volumeBytes = reader.varint(MAX_SECTORS * SECTOR_BYTES);
  const blockSizeBytes = reader.varint(MAX_BLOCK_BYTES);
  const segmentBytes = reader.varint(MAX_SEGMENT_BYTES);
  const ancestors = reader.remaining > 0 ? decodeAncestors(reader) : undefined;
  reader.end();
  const { epoch, timeMs } = head;
  return {
    ...{ volumeId, volumeBytes, blockSizeBytes, segmentBytes, epoch, timeMs },
    ...(ancestors && { ancestors }),
  };
}
