/** The one function that stacks the layers of a bucket in an S3 store. */

import type { Clock } from "../base/clock.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Bucket, BucketError, ReplaceableBucket } from "./bucket.ts";
import type { LeaseOptions } from "./bucket_lease.ts";
import { LEASE_NAME } from "./lease_object.ts";
import { LeasedBucket } from "./leased_bucket.ts";
import { type BucketCounters, LimitedBucket } from "./limited_bucket.ts";
import { PlainPuts } from "./plain_puts.ts";
import { probe, probeUnconditional } from "./probe.ts";
import type { RateSchedule } from "./rate_schedule.ts";
import { RetryingBucket } from "./retrying_bucket.ts";
import { S3Bucket, type S3Options } from "./s3_bucket.ts";

export interface OpenBucketOptions {
  readonly s3: Omit<S3Options, "clock">;
  readonly clock: Clock;
  readonly primitives: Pick<Primitives, "random" | "hash">;
  readonly maxTransfers?: number;
  readonly upload?: RateSchedule;
  readonly download?: RateSchedule;
  /** The store keeps no If-None-Match: who writes there does it under a lease. */
  readonly lease?: Pick<LeaseOptions, "claiming" | "onWait">;
  /** The folder in which the store is probed; undefined: it is not. */
  readonly probeFolder?: string;
  readonly onRetry?: (error: BucketError) => void;
}

export interface OpenBucket {
  readonly bucket: Bucket;
  /** What lies under another prefix, to be read over the same line and within the same limits. It is closed with the bucket. */
  readonly elsewhere: (prefix: string) => Bucket;
  readonly counters: () => BucketCounters;
  /** Holds transfers to other rates from now on. */
  readonly limit: (
    to: Pick<OpenBucketOptions, "upload" | "download">,
  ) => void;
  /** Why nothing may be written any more, where that is known: the lease is another's. */
  readonly lost?: () => BucketError | undefined;
  /** Deletes the lease, where there is one; nothing is written afterwards. */
  readonly removeLease?: () => Promise<void>;
}

/** @throws {VaultError} where nobody answers, or the store is not fit */
export async function openBucket(
  options: OpenBucketOptions,
): Promise<OpenBucket> {
  const { clock, lease } = options;
  const s3 = new S3Bucket({ ...options.s3, clock });
  const leased = lease && new LeasedBucket(s3, { ...options, ...lease });
  // The lease does not wait behind what is uploaded.
  const limited = new LimitedBucket(leased ?? s3, options);
  const bucket = new RetryingBucket(limited, options);
  try {
    await expectFit(bucket, { s3, options });
  } catch (thrown) {
    await bucket.close();
    throw thrown;
  }
  return {
    bucket,
    elsewhere: (prefix) => bucket.beside(limited.beside(s3.beside(prefix))),
    counters: () => limited.counters,
    limit: (to) => limited.limit(to),
    ...(leased && {
      lost: () => leased.lost,
      removeLease: () => leased.removeLease(),
    }),
  };
}

async function expectFit(
  bucket: RetryingBucket,
  { s3, options: { lease, probeFolder: folder, primitives } }: {
    readonly s3: ReplaceableBucket;
    readonly options: OpenBucketOptions;
  },
): Promise<void> {
  if (folder === undefined) return;
  if (!lease) return await probe(bucket, { folder, primitives });
  const conditional = bucket.beside(s3);
  // Where others write under a lease, a store that has learned to keep conditions since keeps nobody off.
  const first = { offset: 0, length: 1 };
  if (await conditional.get(LEASE_NAME, first)) return;
  const plain = bucket.beside(new PlainPuts(s3));
  await probeUnconditional(conditional, plain, { folder, primitives });
}
