/** What a batch of a journal becomes: extents and data of a segment. */

import { invariant } from "../../base/errors.ts";
import type { Drained } from "../../segments/drained.ts";
import type { Note } from "../../segments/note.ts";
import {
  SECTOR_BYTES,
  type SegmentExtent,
  type SegmentHead,
} from "../../segments/segment.ts";
import { CHUNK_BYTES } from "../../segments/sealed.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import type { DrainPiece } from "../drain_target.ts";
import type { VolumeMap } from "./volume_map.ts";

/** The most extents of what is moved, each of which takes at most 17 bytes of a table that may have a MiB. */
export const MAX_MOVED = 32_768;

/** What one segment is to hold. */
export interface Packed {
  readonly extents: readonly SegmentExtent[];
  readonly data: readonly Uint8Array[];
  /** Nobody has read it lately. */
  readonly cold?: boolean;
  /** Of one without extents. */
  readonly note?: Note;
  /** What of the journal is in the row with it; undefined where it adds nothing. */
  readonly drained?: Drained | undefined;
  /** Called when it is sealed: what its data lies in may be used again. Where it is not to be in the row, it is not sealed once more. */
  readonly release?: () => void;
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

/**
 * What of moved extents the map still has where they were read, and so ends with the volume, which may have become shorter since. There is one
 * piece of data for each.
 */
export function stillThere(packed: Packed, map: VolumeMap): Packed {
  const extents: SegmentExtent[] = [];
  const data: Uint8Array[] = [];
  const there = { ...packed, extents, data };
  for (const [n, extent] of packed.extents.entries()) {
    invariant(extent.kind === "moved", "A move of what is not moved");
    const { sector, sectors, from } = extent;
    for (const piece of map.lookup({ sector, length: sectors })) {
      const into = piece.sector - sector;
      if (piece.holder !== from.segment || piece.at !== from.sector + into) {
        continue;
      }
      // What is too much stays where it is.
      if (extents.length === MAX_MOVED) return there;
      extents.push({
        ...{ kind: "moved", sector: piece.sector, sectors: piece.length },
        from: { segment: piece.holder, sector: piece.at },
      });
      const start = into * SECTOR_BYTES;
      const end = start + piece.length * SECTOR_BYTES;
      data.push(packed.data[n]!.subarray(start, end));
    }
  }
  return there;
}

/** Keeps a segment's data in the cache, chunk by chunk. */
export function keepIn(
  cache: ChunkCache | undefined,
  segment: number,
  data: readonly Uint8Array[],
): void {
  if (!cache) return;
  let chunk = 0;
  for (const bytes of runsOf(data, CHUNK_BYTES)) {
    cache.put({ segment, chunk: chunk++ }, bytes);
  }
}

/** What is left of one that is sealed. Of one whose data is used again nothing can be sealed by mistake. */
export function released(packed: Packed): Packed {
  if (!packed.release) return packed;
  packed.release();
  return { ...packed, data: [] };
}

/** Bytes that lie in pieces one after the other, in runs of `length`, the last one shorter. Each is lent until the next. */
function* runsOf(
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
