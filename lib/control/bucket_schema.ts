/** What crosses a control socket of volumes in buckets, as `bucket.ts` has it. */

import * as v from "valibot";
import { bytes, figure, text } from "./values.ts";

const BucketSpec = {
  url: text,
  endpoint: v.exactOptional(text),
  region: v.exactOptional(text),
  cacheBytes: bytes,
  journalBytes: bytes,
  prefetch: v.exactOptional(v.boolean()),
  unconditional: v.exactOptional(v.boolean()),
  upload: v.exactOptional(text),
  download: v.exactOptional(text),
};

export const NewBucket = v.object({
  ...BucketSpec,
  key: v.union([v.object({ line: text }), v.object({ file: text })]),
});

export const BucketChange = v.object({
  cacheBytes: v.exactOptional(bytes),
  prefetch: v.exactOptional(v.boolean()),
  upload: v.exactOptional(text),
  download: v.exactOptional(text),
});

export const BucketInfo = v.object({
  ...BucketSpec,
  pendingBytes: v.exactOptional(bytes),
  pendingSince: v.exactOptional(v.string()),
  uploadedAround: v.exactOptional(v.string()),
  trouble: v.exactOptional(v.string()),
  uploadedBytes: v.exactOptional(bytes),
  fetchedBytes: v.exactOptional(bytes),
  storeRequests: v.exactOptional(figure),
  storeErrors: v.exactOptional(figure),
  transfers: v.exactOptional(figure),
  transfersWaiting: v.exactOptional(figure),
  journaledBytes: v.exactOptional(bytes),
  cachedBytes: v.exactOptional(bytes),
  prefetchedBytes: v.exactOptional(bytes),
  notPrefetched: v.exactOptional(v.string()),
  cacheHits: v.exactOptional(figure),
  cacheUses: v.exactOptional(v.object({ hits: figure, misses: figure })),
  objectBytes: v.exactOptional(bytes),
  liveBytes: v.exactOptional(bytes),
  clonedFrom: v.exactOptional(v.string()),
  inheritedBytes: v.exactOptional(bytes),
  movedBytes: v.exactOptional(bytes),
});

export const Recovery = v.object({
  stateOf: v.exactOptional(v.string()),
  liveBytes: bytes,
  cut: v.exactOptional(v.string()),
});

export const Rollback = v.object({
  ...Recovery.entries,
  givenUpBytes: bytes,
  keptIn: v.exactOptional(v.string()),
});
