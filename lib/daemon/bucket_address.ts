/** Addresses of buckets as people write them, `s3://BUCKET/PREFIX`, and what an S3 client makes of them. */

import { VaultError } from "../base/errors.ts";
import { checkPrefix } from "../bucket/bucket.ts";
import {
  parseRateSchedule,
  type RateSchedule,
} from "../bucket/rate_schedule.ts";
import type { S3Options } from "../bucket/s3_bucket.ts";
import type { BucketSpec } from "../control/operations.ts";

/** What the map of a volume in a bucket can count: 2^34 sectors. */
export const MAX_BUCKET_VOLUME_BYTES = 2 ** 43;
/** A journal of less is full before a batch is uploaded. */
export const MIN_JOURNAL_BYTES = 64 * 1024 * 1024;
export const MIN_CACHE_BYTES = 1024 * 1024;

/** S3, "Bucket naming rules", as far as other stores keep them, too. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const SCHEME = "s3://";

/** How the store is reached, and how fast it may be. */
export interface Reach {
  readonly s3: Omit<S3Options, "clock">;
  /** Without conditions: under a lease. */
  readonly unconditional?: true;
  readonly upload?: RateSchedule;
  readonly download?: RateSchedule;
}

/** @throws {VaultError} `usage` where something of it makes no sense */
export function reachOf(spec: BucketSpec): Reach {
  const { endpoint, region, upload, download } = spec;
  if (endpoint !== undefined) expectEndpoint(endpoint);
  return {
    s3: {
      ...parseUrl(spec.url),
      ...(endpoint === undefined ? {} : { endpoint, pathStyle: true }),
      ...(region === undefined ? {} : { region }),
    },
    ...(spec.unconditional && { unconditional: true }),
    ...(upload === undefined ? {} : { upload: parseRateSchedule(upload) }),
    ...(download === undefined
      ? {}
      : { download: parseRateSchedule(download) }),
  };
}

/** @throws {VaultError} `usage` where something of it makes no sense, before anything is done */
export function checkBucketSpec(spec: BucketSpec): void {
  reachOf(spec);
  if (spec.journalBytes < MIN_JOURNAL_BYTES) {
    throw new VaultError(`A journal cannot have ${spec.journalBytes} bytes`, {
      kind: "usage",
      hint: "64 MiB is the smallest: --journal 1GiB",
    });
  }
  if (spec.cacheBytes < MIN_CACHE_BYTES) {
    throw new VaultError(`A cache cannot have ${spec.cacheBytes} bytes`, {
      kind: "usage",
      hint: "1 MiB is the smallest: --cache 20GiB",
    });
  }
}

/** @throws {VaultError} `usage` where a volume in a bucket cannot be so large */
export function checkBucketSize(sizeBytes: number): void {
  if (sizeBytes <= MAX_BUCKET_VOLUME_BYTES) return;
  throw new VaultError(`A volume in a bucket cannot have ${sizeBytes} bytes`, {
    kind: "usage",
    hint: "8 TiB is the largest. Make several.",
  });
}

function parseUrl(url: string): { bucket: string; prefix?: string } {
  if (!url.startsWith(SCHEME)) throw unreadable(url, "it is no s3:// address");
  const [bucket = "", ...rest] = url.slice(SCHEME.length).split("/");
  if (!BUCKET.test(bucket)) throw unreadable(url, "no bucket has such a name");
  const path = rest.join("/").replace(/\/$/, "");
  if (path === "") return { bucket };
  const prefix = `${path}/`;
  try {
    checkPrefix(prefix);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw unreadable(url, "a prefix has a-z, 0-9, ., _, - and / alone");
  }
  return { bucket, prefix };
}

/** The address of what lies under a prefix. */
export function urlOf(bucket: string, prefix: string): string {
  return `${SCHEME}${bucket}/${prefix}`.replace(/\/$/, "");
}

function unreadable(url: string, why: string): VaultError {
  return new VaultError(`Cannot read the address "${url}": ${why}`, {
    kind: "usage",
    hint: "Write s3://BUCKET or s3://BUCKET/PREFIX.",
  });
}

function expectEndpoint(endpoint: string): void {
  if (/^https?:\/\/[^/?#@\s]+\/?$/.test(endpoint) && URL.canParse(endpoint)) {
    return;
  }
  throw new VaultError(`Cannot read the endpoint "${endpoint}"`, {
    kind: "usage",
    hint: "Write https://HOST or https://HOST:PORT.",
  });
}
