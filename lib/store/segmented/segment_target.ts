/**
 * Where the journal of a volume in a bucket is drained into: read through the map, written behind the row of segments.
 */

import type { Extent } from "../../base/extent.ts";
import { BucketError } from "../../bucket/bucket.ts";
import type { DrainBatch, DrainTarget } from "../drain_target.ts";
import type { Maybe } from "../store.ts";
import { inherited } from "./ancestry.ts";
import type { Cleaner } from "./cleaner.ts";
import { MappedBytes } from "./mapped_bytes.ts";
import { pack } from "./packing.ts";
import type { Prefetch } from "./prefetch.ts";
import { UPLOADS } from "./row_queue.ts";
import type { SegmentRow, SegmentRowOptions } from "./segment_row.ts";

/** The pause after the first failure; each further one is twice as long, up to the longest. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export interface SegmentTargetOptions extends
  Pick<
    SegmentRowOptions,
    "map" | "reader" | "cache" | "bucket" | "ancestry"
  > {
  readonly row: SegmentRow;
  /** Of data of a segment. */
  readonly segmentBytes: number;
  readonly cleaner: Cleaner | undefined;
  readonly prefetch: Prefetch | undefined;
}

export class SegmentTarget implements DrainTarget {
  readonly answersAtOnce = false;
  /** One is read while as many are uploaded as go at once. */
  readonly atOnce: number = UPLOADS + 1;
  /** While none is sealed, a checkpoint is written say, another would only take memory. */
  readonly unreleasedAtOnce = 1;
  readonly batchBytes: number;
  readonly #options: SegmentTargetOptions;
  readonly #bytes: MappedBytes;
  /** What failed first and did not come again: its first entry, and why. */
  #failed: { readonly first: number; readonly why: unknown } | undefined;

  /** Closing it closes the cache and the bucket. */
  constructor(options: SegmentTargetOptions) {
    this.#options = options;
    this.#bytes = new MappedBytes(options.map, options.reader);
    this.batchBytes = options.segmentBytes;
  }

  get sizeBytes(): number {
    return this.#options.row.sizeBytes;
  }

  read(offset: number, into: Uint8Array): Maybe {
    return this.#bytes.read(offset, into);
  }

  nextMapped(offset: number): Extent | undefined {
    return this.#bytes.nextMapped(offset);
  }

  /** In the bucket, without what is its ancestors'. */
  allocatedBytes(): number {
    const { map, ancestry } = this.#options;
    return map.objectBytes - inherited(map, ancestry).objectBytes;
  }

  apply({ first, pieces, release }: DrainBatch): Promise<void> {
    const failed = this.#failed;
    // It was on its way here when that before it failed, and must not be in the row without it.
    if (failed && first > failed.first) return Promise.reject(failed.why);
    this.#failed = undefined;
    const packed = { ...pack(pieces), ...(release && { release }) };
    return this.#options.row.append(packed, (why) => {
      this.#failed ??= { first, why };
    });
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
    const { row, cache, bucket, cleaner, reader, prefetch } = this.#options;
    reader.close();
    await prefetch?.close();
    await cleaner?.close();
    await row.close();
    try {
      await cache?.save();
    } finally {
      cache?.close();
      await bucket.close();
    }
  }
}
