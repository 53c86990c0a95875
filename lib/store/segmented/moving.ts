/** What lives in a segment, read to be written again elsewhere. */

import { equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES, type SegmentExtent } from "../../segments/segment.ts";
import type { Run } from "../extent_map.ts";
import { type ChainOptions, readHead } from "./chain.ts";
import type { KnownSegment } from "./ledger.ts";
import { MAX_MOVED, type Packed } from "./packing.ts";
import type { SegmentReader } from "./segment_reader.ts";
import type { VolumeMap } from "./volume_map.ts";

/** After so many extents others have their turn. */
const PAUSE_EVERY = 1024;

export interface MovingOptions extends ChainOptions {
  readonly map: VolumeMap;
  readonly reader: SegmentReader;
  readonly clock: Clock;
}

/** What becomes one segment. */
export class MovedData {
  readonly #options: MovingOptions;
  readonly #extents: SegmentExtent[] = [];
  readonly #data: Uint8Array[] = [];
  #fetched = false;

  constructor(options: MovingOptions) {
    this.#options = options;
  }

  /** As a segment to be. It is cold unless all of it was found in the cache. */
  get packed(): Packed {
    const [extents, data] = [this.#extents, this.#data];
    return { extents, data, cold: this.#fetched };
  }

  get isFull(): boolean {
    return this.#extents.length === MAX_MOVED;
  }

  /** Takes what lives in the segment, as much as there is room for; nothing where not all of that can be read. @throws {MediaError} {SealError} */
  async add(segment: KnownSegment): Promise<void> {
    const runs = await this.#liveRuns(segment);
    // It would be chosen again and again.
    if (runs.length === 0 && segment.liveSectors > 0) {
      throw new SealError(
        `The table of segment ${segment.number} does not tell what lives in it`,
      );
    }
    const fitting = runs.slice(0, MAX_MOVED - this.#extents.length);
    const data: Uint8Array[] = [];
    for (const { at, length } of fitting) {
      const into = new Uint8Array(length * SECTOR_BYTES);
      const waits = this.#options.reader
        .read(segment, at * SECTOR_BYTES, into);
      if (waits) {
        this.#fetched = true;
        await waits;
      }
      data.push(into);
    }
    this.#data.push(...data);
    this.#extents.push(...fitting.map(movedFrom));
  }

  /** What its own table says that it holds, and the map says that it still does, in the order of its data. */
  async #liveRuns({ number, digest }: KnownSegment): Promise<Run[]> {
    const { map, clock } = this.#options;
    const opened = await readHead(this.#options, number);
    if (!opened || !equalBytes(opened.head.digest, digest)) {
      throw new SealError(`Segment ${number} is missing, or another`);
    }
    const runs: Run[] = [];
    for (const [n, extent] of opened.extents.entries()) {
      if (n % PAUSE_EVERY === PAUSE_EVERY - 1) await clock.sleep(0);
      const { sector, sectors: length, at } = extent;
      if (at === undefined) continue;
      for (const piece of map.lookup({ sector, length })) {
        if (piece.holder !== number) continue;
        // Another extent of the segment may have written the same sectors after it.
        if (piece.at === at + piece.sector - sector) runs.push(piece);
      }
    }
    return runs;
  }
}

function movedFrom(
  { sector, length, holder, at }: Run,
): SegmentExtent {
  const from = { segment: holder, sector: at };
  return { kind: "moved", sector, sectors: length, from };
}
