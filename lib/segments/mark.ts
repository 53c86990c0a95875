/**
 * Marks: how far the row had come when a checkpoint was written (FORMAT.md section 5). They are numbered without gaps and never deleted, so
 * the last one is found by asking for numbers, and no listing is needed for that.
 */

import { MAX_NUMBER, type VolumeKeys } from "./keys.ts";
import type { Provenance } from "./preamble.ts";
import { type Head, openWhole, seal } from "./sealed.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

export interface MarkAddress {
  readonly volumeId: Uint8Array;
  readonly number: number;
}

/** As its checkpoint: `previous` is the digest of the last segment in that. */
export interface Mark extends Provenance {
  /** The number of the checkpoint. */
  readonly checkpoint: number;
  /** The segments below are in it, those from here on are not. */
  readonly nextSegment: number;
}

export function encodeMark(
  keys: VolumeKeys,
  request: MarkAddress & Mark,
): Uint8Array<ArrayBuffer> {
  const table = new ByteWriter();
  table.varint(request.checkpoint);
  table.varint(request.nextSegment);
  const identity = identityOf(request);
  return seal(keys, { ...request, identity, table: table.bytes, data: [] })
    .bytes;
}

/** @throws {SealError} */
export function openMark(
  keys: VolumeKeys,
  request: MarkAddress & { readonly bytes: Uint8Array },
): Mark {
  const identity = identityOf(request);
  return markOf(openWhole(keys, { identity, bytes: request.bytes }).head);
}

/** What a head that is proven says. @throws {SealError} */
export function markOf(head: Head): Mark {
  const reader = new ByteReader(head.table, `The mark ${head.identity.number}`);
  const checkpoint = reader.varint(MAX_NUMBER - 1);
  const nextSegment = reader.varint(MAX_NUMBER);
  reader.end();
  const { epoch, timeMs, previous } = head;
  return { checkpoint, nextSegment, epoch, timeMs, previous };
}

function identityOf({ volumeId, number }: MarkAddress) {
  return { kind: "mark", volumeId, number } as const;
}
