/** Bytes of a volume, as a map says where they lie. */

import type { Extent } from "../../base/extent.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import type { Piece } from "../extent_map.ts";
import type { Maybe } from "../store.ts";
import { ReadAhead } from "./read_ahead.ts";
import type { SegmentReader } from "./segment_reader.ts";
import type { KnownSegment } from "./ledger.ts";
import type { VolumeMap } from "./volume_map.ts";

export class MappedBytes {
  readonly #map: VolumeMap;
  readonly #reader: SegmentReader;
  readonly #ahead: ReadAhead;

  constructor(map: VolumeMap, reader: SegmentReader) {
    this.#map = map;
    this.#reader = reader;
    this.#ahead = new ReadAhead(map, reader);
  }

  /** As in a store. @throws {MediaError} */
  read(offset: number, into: Uint8Array): Maybe {
    const end = offset + into.length;
    const sector = Math.floor(offset / SECTOR_BYTES);
    const length = Math.ceil(end / SECTOR_BYTES) - sector;
    if (length <= 0) return;
    let pending: Promise<void>[] | undefined;
    for (const piece of this.#map.lookup({ sector, length })) {
      const start = piece.sector * SECTOR_BYTES;
      const from = Math.max(offset, start);
      const to = Math.min(end, start + piece.length * SECTOR_BYTES);
      const part = into.subarray(from - offset, to - offset);
      if (piece.holder === undefined) {
        part.fill(0);
        continue;
      }
      const at = piece.at * SECTOR_BYTES + from - start;
      const waits = this.#reader.read(this.#segment(piece.holder), at, part);
      if (waits) {
        const what = { piece, offset: from, into: part };
        (pending ??= []).push(this.#orMoved(waits, what));
      }
    }
    // After what is wanted now.
    this.#ahead.reads(offset, into.length);
    if (pending) return Promise.all(pending).then(() => {});
  }

  /** As in a store; what is behind the volume's end in its last sector may be in it. */
  nextMapped(offset: number): Extent | undefined {
    const run = this.#map.next(Math.floor(offset / SECTOR_BYTES));
    if (!run) return undefined;
    const start = Math.max(offset, run.sector * SECTOR_BYTES);
    const end = (run.sector + run.length) * SECTOR_BYTES;
    return { offset: start, length: end - start };
  }

  /** Its bytes may have been moved and its object deleted while they were read. */
  async #orMoved(
    reading: Promise<void>,
    what: {
      readonly piece: Piece;
      readonly offset: number;
      readonly into: Uint8Array;
    },
  ): Promise<void> {
    try {
      await reading;
    } catch (thrown) {
      const { piece, offset, into } = what;
      // What is there yet was not deleted.
      const isThere = this.#map.lookup(piece)
        .some(({ holder }) => holder === piece.holder);
      if (isThere) throw thrown;
      await this.read(offset, into);
    }
  }

  #segment(number: number): KnownSegment {
    const segment = this.#map.segment(number);
    if (segment) return segment;
    throw new SealError(`Segment ${number} is named and is not there`);
  }
}
