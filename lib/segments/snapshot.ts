/** Snapshots: a name for the checkpoint of the same number, which keeps it and its segments (FORMAT.md section 7). */

import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { VolumeKeys } from "./keys.ts";
import { openWhole, seal } from "./sealed.ts";
import { MAX_SECTORS, SECTOR_BYTES } from "./segment.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

/** In bytes of UTF-8. */
export const MAX_SNAPSHOT_NAME_BYTES = 255;

export interface SnapshotAddress {
  readonly volumeId: Uint8Array;
  /** That of its checkpoint, too. */
  readonly number: number;
}

export interface Snapshot {
  readonly name: string;
  readonly checkpointDigest: Uint8Array;
  readonly volumeBytes: number;
  /** What was in the volume, without holes. */
  readonly liveBytes: number;
  readonly epoch: number;
  readonly timeMs: number;
}

/** @throws {RangeError} where the name is too long, or empty */
export function encodeSnapshot(
  keys: VolumeKeys,
  request: SnapshotAddress & Snapshot,
): Uint8Array<ArrayBuffer> {
  const name = utf8(request.name);
  if (name.length === 0 || name.length > MAX_SNAPSHOT_NAME_BYTES) {
    throw new RangeError(`A snapshot's name has ${name.length} bytes`);
  }
  const table = new ByteWriter();
  table.varint(request.volumeBytes);
  table.varint(request.liveBytes);
  table.varint(name.length);
  table.raw(name);
  return seal(keys, {
    ...request,
    identity: identityOf(request),
    previous: request.checkpointDigest,
    table: table.bytes,
    data: [],
  }).bytes;
}

/** @throws {SealError} */
export function openSnapshot(
  keys: VolumeKeys,
  request: SnapshotAddress & { readonly bytes: Uint8Array },
): Snapshot {
  const identity = identityOf(request);
  const { head } = openWhole(keys, { identity, bytes: request.bytes });
  const reader = new ByteReader(head.table, `The snapshot ${identity.number}`);
  const volumeBytes = reader.varint(MAX_SECTORS * SECTOR_BYTES);
  const liveBytes = reader.varint(MAX_SECTORS * SECTOR_BYTES);
  const name = fromUtf8(reader.raw(reader.varint(MAX_SNAPSHOT_NAME_BYTES)));
  if (!name) throw reader.malformed("its name is not readable");
  reader.end();
  const { epoch, timeMs, previous: checkpointDigest } = head;
  return { name, checkpointDigest, volumeBytes, liveBytes, epoch, timeMs };
}

function identityOf({ volumeId, number }: SnapshotAddress) {
  return { kind: "snapshot", volumeId, number } as const;
}
