/**
 * Notes in the row: what a segment tells of snapshots, where it tells of no writes (FORMAT.md section 4). A note stands in the row as a write
 * does, so it comes from whoever has the volume, in order, and nobody can leave it out who does not cut the row.
 */

import { type Clone, decodeClone, encodeClone } from "./clone.ts";
import { MAX_NUMBER } from "./keys.ts";
import { DIGEST_BYTES } from "./preamble.ts";
import type { ByteReader, ByteWriter } from "./varint.ts";

/** What happened to a snapshot; from this segment on it counts, or counts no more, or the volume is what it was, or a clone needs it or not. */
export type Note =
  & {
    /** Its number, which is that of its checkpoint. */
    readonly snapshot: number;
    /** Its checkpoint's. */
    readonly digest: Uint8Array;
  }
  & (
    | { readonly kind: "kept" | "released" | "restored" }
    | { readonly kind: "cloned" | "uncloned"; readonly clone: Clone }
  );

const CODES = {
  kept: 1,
  released: 2,
  restored: 3,
  cloned: 4,
  uncloned: 5,
} as const;
const KINDS = Object.keys(CODES) as Note["kind"][];

/** kind | snapshot | digest 32 | the clone, where it tells of one */
export function encodeNote(writer: ByteWriter, note: Note): void {
  const { kind, snapshot, digest } = note;
  writer.varint(CODES[kind]);
  writer.varint(snapshot);
  writer.raw(digest);
  if (kind === "cloned" || kind === "uncloned") {
    encodeClone(writer, note.clone);
  }
}

/** @throws {SealError} */
export function decodeNote(reader: ByteReader): Note {
  const code = reader.varint();
  const kind = KINDS.find((kind) => CODES[kind] === code);
  if (!kind) throw reader.malformed(`there is no note ${code}`);
  const snapshot = reader.varint(MAX_NUMBER - 1);
  const digest = reader.raw(DIGEST_BYTES).slice();
  return kind === "cloned" || kind === "uncloned"
    ? { kind, snapshot, digest, clone: decodeClone(reader) }
    : { kind, snapshot, digest };
}
