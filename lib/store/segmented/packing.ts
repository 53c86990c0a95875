/** What a batch of a journal becomes: extents and data of as many segments as it takes. */

import { extentEnd } from "../../base/extent.ts";
import { invariant } from "../../base/errors.ts";
import {
  MAX_EXTENTS,
  SECTOR_BYTES,
  type SegmentExtent,
} from "../../segments/segment.ts";
import type { DrainPiece } from "../drain_target.ts";

/** What one segment is to hold. */
export interface Packed {
  readonly extents: readonly SegmentExtent[];
  readonly data: readonly Uint8Array[];
}

/** The pieces, in their order, in segments of at most so much data each. */
export function pack(
  pieces: readonly DrainPiece[],
  segmentBytes: number,
): readonly Packed[] {
  const packed: Packed[] = [];
  let extents: SegmentExtent[] = [];
  let data: Uint8Array[] = [];
  let bytes = 0;
  const full = () => {
    if (extents.length > 0) packed.push({ extents, data });
    [extents, data, bytes] = [[], [], 0];
  };
  for (const piece of pieces) {
    const { offset } = piece;
    invariant(offset % SECTOR_BYTES === 0, "A piece that begins in a sector");
    if (extents.length >= MAX_EXTENTS) full();
    if (piece.kind === "zero") {
      const end = extentEnd(piece);
      const sector = offset / SECTOR_BYTES;
      const sectors = Math.ceil(end / SECTOR_BYTES) - sector;
      if (sectors > 0) extents.push({ kind: "zero", sector, sectors });
      continue;
    }
    for (let at = 0; at < piece.data.length;) {
      if (bytes >= segmentBytes || extents.length >= MAX_EXTENTS) full();
      const part = piece.data.subarray(at, at + segmentBytes - bytes);
      invariant(part.length % SECTOR_BYTES === 0, "A piece of half a sector");
      const sector = (offset + at) / SECTOR_BYTES;
      const sectors = part.length / SECTOR_BYTES;
      extents.push({ kind: "data", sector, sectors });
      data.push(part);
      bytes += part.length;
      at += part.length;
    }
  }
  full();
  return packed;
}

/** Bytes that lie in pieces one after the other, in runs of `length`, the last one shorter. Each is lent until the next. */
export function* runsOf(
  data: readonly Uint8Array[],
  length: number,
): Generator<Uint8Array> {
  const buffer = new Uint8Array(length);
  let filled = 0;
  for (const piece of data) {
    for (let at = 0; at < piece.length;) {
      if (filled === 0 && piece.length - at >= length) {
        yield piece.subarray(at, at + length);
        at += length;
        continue;
      }
      const part = piece.subarray(at, at + length - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < length) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
