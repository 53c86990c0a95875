/**
 * Where the journal of a volume in a bucket is drained into: read through the map, written behind the row of segments.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { Extent } from "../../base/extent.ts";
import { BucketError } from "../../bucket/bucket.ts";
import type { Journal } from "../../journal/journal.ts";
import type { DrainBatch, DrainTarget } from "../drain_target.ts";
import type { Maybe } from "../store.ts";
import { inherited } from "./ancestry.ts";
import type { ChainEnd } from "./chain.ts";
import type { Cleaner } from "./cleaner.ts";
import { MappedBytes } from "./mapped_bytes.ts";
import { OtherHistory } from "./other_history.ts";
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
  /** What is drained. */
  readonly journal: Pick<Journal, "id" | "appended">;
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
  /** Why what comes now is not to be in the row: something before it is not. */
  #failed: { readonly why: unknown } | undefined;

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

  /** Nobody else knows it of an upload that is in doubt: it is found out now what has arrived. */
  async lastApplied(): Promise<number> {
    const { row, journal } = this.#options;
    await row.ready();
    this.#failed = undefined;
    return drainedOf(journal, row.end);
  }

  apply({ last, pieces, release }: DrainBatch): Promise<void> {
    // It was on its way here when one before it failed.
    if (this.#failed) return Promise.reject(this.#failed.why);
    const { row, journal } = this.#options;
    const drained = { journal: journal.id, last };
    const packed = { ...pack(pieces), drained, ...(release && { release }) };
    return row.append(packed, (why) => {
      this.#failed ??= { why };
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

/**
 * The last entry of the journal that is in the row; 0 where none of this journal's is.
 *
 * @throws {OtherHistory} where the row has more of it than it holds
 */
export function drainedOf(
  { id, appended }: Pick<Journal, "id" | "appended">,
  { drained }: Pick<ChainEnd, "drained">,
): number {
  if (!drained || !equalBytes(drained.journal, id)) return 0;
  // What it would append next would be taken for what is there.
  if (drained.last <= appended) return drained.last;
  throw new OtherHistory(
    `The journal on this node's disk is older than what was uploaded from it: it ends with entry ${appended}, and entry ${drained.last} is in the bucket`,
    {
      kind: "refused",
      hint:
        "The disk was put back to an earlier state, or lost what it had said was stable. All that the bucket holds is safe.",
    },
  );
}
