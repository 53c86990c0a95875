/** How a volume in a bucket is, in words. */

import type { BucketInfo } from "../lib/control/operations.ts";
import { formatDuration } from "./duration.ts";
import { formatSize } from "./size.ts";

/** Names and what they are; nothing of what is not known. */
export function bucketFacts(
  bucket: BucketInfo | undefined,
): readonly (readonly [string, string | undefined])[] {
  if (!bucket) return [];
  const { cachedBytes, cacheHits, uploadedBytes, fetchedBytes } = bucket;
  return [
    ["store", bucket.url],
    ["endpoint", bucket.endpoint],
    ["fence", fenceWords(bucket)],
    ["upload limit", bucket.upload],
    ["download limit", bucket.download],
    ["not uploaded", pendingWords(bucket)],
    ["trouble", bucket.trouble],
    [
      "uploaded",
      uploadedBytes === undefined
        ? undefined
        : `${formatSize(uploadedBytes)}, ${
          formatSize(fetchedBytes ?? 0)
        } fetched`,
    ],
    [
      "cache",
      cachedBytes === undefined
        ? formatSize(bucket.cacheBytes)
        : `${formatSize(cachedBytes)} of ${formatSize(bucket.cacheBytes)}${
          cacheHits === undefined
            ? ""
            : `, ${Math.round(cacheHits * 100)} % of reads found in it`
        }`,
    ],
    ["on this disk", prefetchedWords(bucket)],
    ["in the bucket", storedWords(bucket)],
    ["clone of", clonedWords(bucket)],
    ["rewritten", rewrittenWords(bucket)],
  ];
}

/** What keeps a second writer off, where that is not the store itself. */
export function fenceWords(
  { unconditional }: Pick<BucketInfo, "unconditional">,
): string | undefined {
  return unconditional
    ? "a lease object (--unsafe-no-conditional-put)"
    : undefined;
}

/** Said where such a volume is made or found. */
export const UNFENCED =
  "This store does not keep a second writer off: a lease object does, and only as long as what a writer sends arrives within 15 s after it has died, lost the lease or was stopped. What arrives later may destroy what the next writer has written, which whoever opens or verifies it finds out.";

/** What would be lost with this machine; undefined where that is not known. */
export function pendingWords(bucket: BucketInfo): string | undefined {
  const { pendingBytes, pendingSince, uploadedAround } = bucket;
  if (pendingBytes === undefined) return undefined;
  if (pendingBytes === 0) return "nothing";
  const now = Date.now();
  const age = pendingSince === undefined
    ? ""
    : `, for ${formatDuration(Math.max(0, now - Date.parse(pendingSince)))}`;
  const end = uploadedAround === undefined
    ? ""
    : `, ${
      formatDuration(Math.max(0, Date.parse(uploadedAround) - now))
    } to go`;
  return `${formatSize(pendingBytes)}${age}${end}`;
}

/** What it takes for what is in it; undefined where that is not known. */
export function storedWords(
  { objectBytes, liveBytes, inheritedBytes = 0 }: BucketInfo,
): string | undefined {
  if (objectBytes === undefined || liveBytes === undefined) return undefined;
  // What a clone shares takes nothing of its own.
  const ownBytes = liveBytes - inheritedBytes;
  const times = ownBytes === 0
    ? ""
    : ` (${(objectBytes / ownBytes).toFixed(2)} times)`;
  return `${formatSize(objectBytes)} for ${formatSize(ownBytes)}${times}`;
}

/** Where it reads what it does not have itself; undefined where it is no clone. */
function clonedWords(
  { clonedFrom, liveBytes = 0, inheritedBytes = 0 }: BucketInfo,
): string | undefined {
  if (clonedFrom === undefined) return undefined;
  const shared = `${formatSize(inheritedBytes)} of ${formatSize(liveBytes)}`;
  return `${clonedFrom}, which has ${shared}`;
}

/** How much of it is here; undefined where that is left to chance, or not known. */
function prefetchedWords(
  { prefetchedBytes, notPrefetched, liveBytes }: BucketInfo,
): string | undefined {
  if (prefetchedBytes === undefined || liveBytes === undefined) {
    return undefined;
  }
  const why = notPrefetched === undefined ? "" : `, not all: ${notPrefetched}`;
  return `${formatSize(prefetchedBytes)} of ${formatSize(liveBytes)}${why}`;
}

function rewrittenWords({ movedBytes }: BucketInfo): string | undefined {
  return movedBytes === undefined
    ? undefined
    : `${formatSize(movedBytes)}, to give room back`;
}
