/**
 * Notes in the row: what a segment tells of snapshots or of the volume's size, where it tells of no writes (FORMAT.md section 4). A note stands
 * in the row as a write does, so it comes from whoever has the volume, in order, and nobody can leave it out who does not cut the row.
 */

import { type Clone, decodeClone, encodeClone } from "./clone.ts";
import { MAX_NUMBER } from "./keys.ts";
import { DIGEST_BYTES } from "./preamble.ts";
import type { ByteReader, ByteWriter } from "./varint.ts";

/** What happened to a snapshot; from this segment on it counts, or counts no more, or the volume is what it was, or a clone needs it or not. */
export type SnapshotNote =
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

/** From this segment on the volume is so long; what lay behind that is gone. */
export interface SizeNote {
  readonly kind: "resized";
  readonly volumeBytes: number;
}

export type Note = SnapshotNote | SizeNote;

const CODES = {
  kept: 1,
  released: 2,
  restored: 3,
  cloned: 4,
  uncloned: 5,
  resized: 6,
} as const;
const KINDS = Object.keys(CODES) as Note["kind"][];

/** kind | snapshot | digest 32 | the clone, where it tells of one; or kind | volume bytes */
export function encodeNote(writer: ByteWriter, note: Note): void {
  writer.varint(CODES[note.kind]);
  if (note.kind === "resized") return writer.varint(note.volumeBytes);
  writer.varint(note.snapshot);
  writer.raw(note.digest);
  if (note.kind === "cloned" || note.kind === "uncloned") {
    encodeClone(writer, note.clone);
  }
}

/** A size is at most `maxBytes`. @throws {SealError} */
export function decodeNote(reader: ByteReader, maxBytes: number): Note {
  const code = reader.varint();
  const kind = KINDS.find((kind) => CODES[kind] === code);
  if (!kind) throw reader.malformed(`there is no note ${code}`);
  if (kind === "resized") {
    return { kind, volumeBytes: reader.varint(maxBytes) };
  }
  const snapshot = reader.varint(MAX_NUMBER - 1);
  const digest = reader.raw(DIGEST_BYTES).slice();
  return kind === "cloned" || kind === "uncloned"
    ? { kind, snapshot, digest, clone: decodeClone(reader) }
    : { kind, snapshot, digest };
}
