/**
 * Notes in the row: what a segment tells of snapshots, where it tells of no writes (FORMAT.md section 4). A note stands in the row as a write
 * does, so it comes from whoever has the volume, in order, and nobody can leave it out who does not cut the row.
 */

import { MAX_NUMBER } from "./keys.ts";
import { DIGEST_BYTES } from "./preamble.ts";
import type { ByteReader, ByteWriter } from "./varint.ts";

/** What happened to a snapshot; from this segment on it counts, or counts no more, or the volume is what it was. */
export interface Note {
  readonly kind: "kept" | "released" | "restored";
  /** Its number, which is that of its checkpoint. */
  readonly snapshot: number;
  /** Its checkpoint's. */
  readonly digest: Uint8Array;
}

const CODES = { kept: 1, released: 2, restored: 3 } as const;
const KINDS = Object.keys(CODES) as Note["kind"][];

/** kind | snapshot | digest 32 */
export function encodeNote(
  writer: ByteWriter,
  { kind, snapshot, digest }: Note,
): void {
  writer.varint(CODES[kind]);
  writer.varint(snapshot);
  writer.raw(digest);
}

/** @throws {SealError} */
export function decodeNote(reader: ByteReader): Note {
  const code = reader.varint();
  const kind = KINDS.find((kind) => CODES[kind] === code);
  if (!kind) throw reader.malformed(`there is no note ${code}`);
  const snapshot = reader.varint(MAX_NUMBER - 1);
  return { kind, snapshot, digest: reader.raw(DIGEST_BYTES).slice() };
}
