/** What a batch of a journal becomes: extents and data of a segment. */

import { invariant } from "../../base/errors.ts";
import type { Note } from "../../segments/note.ts";
import { CHUNK_BYTES } from "../../segments/sealed.ts";
import {
  SECTOR_BYTES,
  type SegmentExtent,
  type SegmentHead,
} from "../../segments/segment.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import type { DrainPiece } from "../drain_target.ts";

/** What one segment is to hold. */
export interface Packed {
  readonly extents: readonly SegmentExtent[];
  readonly data: readonly Uint8Array[];
  /** Of one without extents. */
  readonly note?: Note;
}

/** The pieces, in their order. A batch is one segment: half of it would be no state that the volume was ever in. */
export function pack(pieces: readonly DrainPiece[]): Packed {
  const extents: SegmentExtent[] = [];
  const data: Uint8Array[] = [];
  for (const piece of pieces) {
    const { offset } = piece;
    const length = piece.kind === "write" ? piece.data.length : piece.length;
    invariant(offset % SECTOR_BYTES === 0, "A piece that begins in a sector");
    const sector = offset / SECTOR_BYTES;
    const sectors = Math.ceil(length / SECTOR_BYTES);
    if (sectors === 0) continue;
    if (piece.kind === "zero") extents.push({ kind: "zero", sector, sectors });
    else {
      invariant(length % SECTOR_BYTES === 0, "A piece of half a sector");
      extents.push({ kind: "data", sector, sectors });
      data.push(piece.data);
    }
  }
  return { extents, data };
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

/** Puts the data of a segment into the cache. */
export function cacheData(
  cache: ChunkCache,
  segment: number,
  data: readonly Uint8Array[],
): void {
  let chunk = 0;
  for (const bytes of runsOf(data, CHUNK_BYTES)) {
    cache.put({ segment, chunk: chunk++ }, bytes);
  }
}

/** Where each extent's data lie, as whoever reads the segment finds them. */
export function place(extents: Packed["extents"]): SegmentHead["extents"] {
  let at = 0;
  return extents.map((extent) => {
    if (extent.kind === "zero") return { ...extent, at: undefined };
    const placed = { ...extent, at };
    at += extent.sectors;
    return placed;
  });
}
