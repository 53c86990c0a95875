/** The one function that stacks the layers of a bucket in an S3 store. */

import type { Clock } from "../base/clock.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Bucket, BucketError } from "./bucket.ts";
import { type BucketCounters, LimitedBucket } from "./limited_bucket.ts";
import { probe } from "./probe.ts";
import type { RateSchedule } from "./rate_schedule.ts";
import { RetryingBucket } from "./retrying_bucket.ts";
import { S3Bucket, type S3Options } from "./s3_bucket.ts";

export interface OpenBucketOptions {
  readonly s3: Omit<S3Options, "clock">;
  readonly clock: Clock;
  readonly primitives: Pick<Primitives, "random">;
  readonly maxTransfers?: number;
  readonly upload?: RateSchedule;
  readonly download?: RateSchedule;
  /** The folder in which the store is probed; undefined: it is not. */
  readonly probeFolder?: string;
  readonly onRetry?: (error: BucketError) => void;
}

export interface OpenBucket {
  readonly bucket: Bucket;
  /** What lies under another prefix, over the same line and within the same limits. It is closed with the bucket. */
  readonly elsewhere: (prefix: string) => Bucket;
  readonly counters: () => BucketCounters;
  /** Holds transfers to other rates from now on. */
  readonly limit: (
    to: Pick<OpenBucketOptions, "upload" | "download">,
  ) => void;
}

/** @throws {BucketError} where nobody answers, or the store is not fit */
export async function openBucket(
  options: OpenBucketOptions,
): Promise<OpenBucket> {
  const { clock, primitives, probeFolder } = options;
  const s3 = new S3Bucket({ ...options.s3, clock });
  const limited = new LimitedBucket(s3, options);
  const bucket = new RetryingBucket(limited, options);
  try {
    if (probeFolder !== undefined) {
      await probe(bucket, { folder: probeFolder, primitives });
    }
  } catch (thrown) {
    await bucket.close();
    throw thrown;
  }
  return {
    bucket,
    elsewhere: (prefix) => bucket.beside(limited.beside(s3.beside(prefix))),
    counters: () => limited.counters,
    limit: (to) => limited.limit(to),
  };
}
