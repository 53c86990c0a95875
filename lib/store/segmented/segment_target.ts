/**
 * Where the journal of a volume in a bucket is drained into: read through the map, written behind the row of segments.
 */

import type { Extent } from "../../base/extent.ts";
import type { Run } from "../extent_map.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import type { DrainBatch, DrainTarget } from "../drain_target.ts";
import type { Maybe } from "../store.ts";
import type { Cleaner } from "./cleaner.ts";
import { pack } from "./packing.ts";
import { UPLOADS } from "./row_queue.ts";
import type { SegmentRow, SegmentRowOptions } from "./segment_row.ts";
import type { KnownSegment } from "./ledger.ts";

/** The pause after the first failure; each further one is twice as long, up to the longest. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export interface SegmentTargetOptions
  extends Pick<SegmentRowOptions, "map" | "reader" | "cache" | "bucket"> {
  readonly row: SegmentRow;
  /** Of data of a segment. */
  readonly segmentBytes: number;
  readonly cleaner: Cleaner | undefined;
}

export class SegmentTarget implements DrainTarget {
  readonly answersAtOnce = false;
  readonly atOnce = UPLOADS;
  readonly batchBytes: number;
  readonly #options: SegmentTargetOptions;

  /** Closing it closes the cache and the bucket. */
  constructor(options: SegmentTargetOptions) {
    this.#options = options;
    this.batchBytes = options.segmentBytes;
  }

  get sizeBytes(): number {
    return this.#options.row.sizeBytes;
  }

  read(offset: number, into: Uint8Array): Maybe {
    const end = offset + into.length;
    const sector = Math.floor(offset / SECTOR_BYTES);
    const length = Math.ceil(end / SECTOR_BYTES) - sector;
    if (length <= 0) return;
    let pending: Promise<void>[] | undefined;
    for (const piece of this.#options.map.lookup({ sector, length })) {
      const start = piece.sector * SECTOR_BYTES;
      const from = Math.max(offset, start);
      const to = Math.min(end, start + piece.length * SECTOR_BYTES);
      const part = into.subarray(from - offset, to - offset);
      if (piece.holder === undefined) {
        part.fill(0);
        continue;
      }
      const at = piece.at * SECTOR_BYTES + from - start;
      const waits = this.#options.reader
        .read(this.#segment(piece.holder), at, part);
      if (waits) {
        (pending ??= []).push(this.#orMoved(waits, {
          ...{ piece, offset: from, into: part },
        }));
      }
    }
    if (pending) return Promise.all(pending).then(() => {});
  }

  nextMapped(offset: number): Extent | undefined {
    const run = this.#options.map.next(Math.floor(offset / SECTOR_BYTES));
    if (!run) return undefined;
    const start = Math.max(offset, run.sector * SECTOR_BYTES);
    const end = (run.sector + run.length) * SECTOR_BYTES;
    return { offset: start, length: end - start };
  }

  /** In the bucket. */
  allocatedBytes(): number {
    return this.#options.map.objectBytes;
  }

  apply({ pieces }: DrainBatch): Promise<void> {
    return this.#options.row.append(pack(pieces));
  }

  backlog(bytes: number): void {
    this.#options.cleaner?.backlog(bytes);
  }

  retryAfterMs(thrown: unknown, attempt: number): number | undefined {
    // What the bucket refuses today it may take tomorrow: the journal keeps it until then.
    if (!(thrown instanceof BucketError)) return undefined;
    return Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS);
  }

  resize(sizeBytes: number): Promise<void> {
    return this.#options.row.resize(sizeBytes);
  }

  async close(): Promise<void> {
    const { row, cache, bucket, cleaner } = this.#options;
    await cleaner?.close();
    await row.settled();
    try {
      await cache?.save();
    } finally {
      cache?.close();
      await bucket.close();
    }
  }

  /** Its bytes may have been moved and its object deleted while they were read. */
  async #orMoved(
    reading: Promise<void>,
    what: {
      readonly piece: Run;
      readonly offset: number;
      readonly into: Uint8Array;
    },
  ): Promise<void> {
    try {
      await reading;
    } catch (thrown) {
      const { piece, offset, into } = what;
      // What is there yet was not deleted.
      const isThere = this.#options.map.lookup(piece)
        .some(({ holder }) => holder === piece.holder);
      if (isThere) throw thrown;
      await this.read(offset, into);
    }
  }

  #segment(number: number): KnownSegment {
    const segment = this.#options.map.segment(number);
    if (segment) return segment;
    throw new SealError(`Segment ${number} is named and is not there`);
  }
}
