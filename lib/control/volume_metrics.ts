/** The figures of volumes that Prometheus is told, and what it means to lose what they count. */

import type { BucketInfo, NodeStatus, VolumeInfo } from "./operations.ts";
import type { Metric } from "./metrics.ts";

/** A figure of a volume; undefined where it has none. */
interface Figure<T> extends Pick<Metric, "name" | "help"> {
  readonly of: (
    thing: T,
    at: { readonly status: NodeStatus; readonly nowMs: number },
  ) => number | undefined;
}

const OF_ALL: readonly Figure<VolumeInfo>[] = [
  {
    name: "vault_volume_up",
    help:
      "1 where the volume is served, 0 where it is not: `vault status` says why. What of it is not uploaded is not told then.",
    of: ({ health }) => health.startsWith("not served") ? 0 : 1,
  },
  {
    name: "vault_volume_healthy",
    help:
      "1 where the volume is served and takes writes, 0 where it has no room, has failed or is not served.",
    of: ({ health }) => health === "ok" ? 1 : 0,
  },
  {
    name: "vault_volume_size_bytes",
    help: "Size of the disk that initiators see.",
    of: ({ sizeBytes }) => sizeBytes,
  },
  {
    name: "vault_volume_allocated_bytes",
    help:
      "Bytes that the volume takes on its medium: the node's disk, or the bucket.",
    of: ({ allocatedBytes }) => allocatedBytes,
  },
  {
    name: "vault_volume_holders",
    help: "Devices that hold the volume, connected or not.",
    of: ({ holders }) => holders.length,
  },
  {
    name: "vault_volume_sessions",
    help: "Initiators that are logged in to the volume's target.",
    of: ({ target }, { status }) =>
      status.sessions.filter(({ volume }) => volume === target).length,
  },
];

const OF_BUCKETS: readonly Figure<BucketInfo>[] = [
  {
    name: "vault_volume_pending_bytes",
    help:
      "Bytes that were written and are on this machine alone. Whoever loses the machine loses them.",
    of: ({ pendingBytes }) => pendingBytes,
  },
  {
    name: "vault_volume_pending_age_seconds",
    help:
      "Seconds since the oldest byte that is on this machine alone was written, 0 where there is none. Whoever loses the machine falls back by so much. What was found when the volume was opened counts from then on.",
    of: ({ pendingBytes, pendingSince }, { nowMs }) =>
      pendingSince === undefined
        ? pendingBytes === undefined ? undefined : 0
        : secondsBetween(nowMs - Date.parse(pendingSince)),
  },
  {
    name: "vault_volume_upload_remaining_seconds",
    help:
      "Seconds until the bucket has all, at the rate of the last seconds. Absent where nothing goes on, and nobody can know.",
    of: ({ pendingBytes, uploadedAround }, { nowMs }) =>
      uploadedAround === undefined
        ? pendingBytes === 0 ? 0 : undefined
        : secondsBetween(Date.parse(uploadedAround) - nowMs),
  },
  {
    name: "vault_volume_trouble",
    help:
      "1 where nothing is uploaded, writers have to wait or something else of the volume cannot be done: `vault status` says why.",
    of: ({ pendingBytes, trouble }) =>
      pendingBytes === undefined ? undefined : trouble === undefined ? 0 : 1,
  },
  {
    name: "vault_volume_uploaded_bytes_total",
    help:
      "Bytes to the bucket that it has acknowledged, without those of requests.",
    of: ({ uploadedBytes }) => uploadedBytes,
  },
  {
    name: "vault_volume_fetched_bytes_total",
    help: "Bytes from the bucket, without those of requests.",
    of: ({ fetchedBytes }) => fetchedBytes,
  },
  {
    name: "vault_volume_moved_bytes_total",
    help:
      "Bytes that were uploaded again so that the rest of their objects could be deleted.",
    of: ({ movedBytes }) => movedBytes,
  },
  {
    name: "vault_volume_store_requests_total",
    help: "Requests to the store, each try counted.",
    of: ({ storeRequests }) => storeRequests,
  },
  {
    name: "vault_volume_store_errors_total",
    help:
      "Requests to the store that failed. Most are tried again, and cost nothing but time.",
    of: ({ storeErrors }) => storeErrors,
  },
  {
    name: "vault_volume_store_transfers",
    help: "Requests that are under way.",
    of: ({ transfers }) => transfers,
  },
  {
    name: "vault_volume_store_transfers_waiting",
    help: "Requests that wait for their turn, or for the limit of rate.",
    of: ({ transfersWaiting }) => transfersWaiting,
  },
  {
    name: "vault_volume_journal_bytes",
    help:
      "Bytes that the journal takes on this machine's disk, with some that are uploaded already.",
    of: ({ journaledBytes }) => journaledBytes,
  },
  {
    name: "vault_volume_journal_limit_bytes",
    help: "Bytes that the journal may take. When it is full, writers wait.",
    of: ({ journalBytes }) => journalBytes,
  },
  {
    name: "vault_volume_cache_bytes",
    help:
      "Bytes in the cache on this machine's disk. All are in the bucket, too: lost, they are fetched again.",
    of: ({ cachedBytes }) => cachedBytes,
  },
  {
    name: "vault_volume_cache_limit_bytes",
    help: "Bytes that the cache may take.",
    of: ({ cacheBytes }) => cacheBytes,
  },
  {
    name: "vault_volume_cache_hits_total",
    help: "How often the cache had what it was asked for.",
    of: ({ cacheUses }) => cacheUses?.hits,
  },
  {
    name: "vault_volume_cache_misses_total",
    help: "How often it had not, and the bucket was asked.",
    of: ({ cacheUses }) => cacheUses?.misses,
  },
  {
    name: "vault_volume_prefetched_bytes",
    help:
      "Bytes of the volume that were found in the cache or brought there. Absent without --prefetch.",
    of: ({ prefetchedBytes }) => prefetchedBytes,
  },
  {
    name: "vault_volume_object_bytes",
    help:
      "Bytes that the volume takes in the bucket, with what is to be deleted.",
    of: ({ objectBytes }) => objectBytes,
  },
  {
    name: "vault_volume_live_bytes",
    help:
      "Bytes of those that are in the volume. Whoever loses them has lost it.",
    of: ({ liveBytes }) => liveBytes,
  },
  {
    name: "vault_volume_inherited_bytes",
    help:
      "Bytes of a clone that lie where the volume does that it was made of. Whoever loses that one loses them.",
    of: ({ inheritedBytes }) => inheritedBytes,
  },
];

/** Clocks may have been put back meanwhile. */
function secondsBetween(ms: number): number {
  return Math.max(0, ms / 1000);
}

function ofVolumes({ name, help, of }: Figure<VolumeInfo>): Metric {
  return {
    ...{ name, help, labels: ["volume"] },
    samples: (status, nowMs) =>
      status.volumes.flatMap((volume) => {
        const value = of(volume, { status, nowMs });
        const labels = { volume: volume.name };
        return value === undefined ? [] : [{ labels, value }];
      }),
  };
}

function ofBuckets({ name, help, of }: Figure<BucketInfo>): Metric {
  return ofVolumes({
    ...{ name, help },
    of: ({ bucket }, at) => bucket && of(bucket, at),
  });
}

export const VOLUME_METRICS: readonly Metric[] = [
  ...OF_ALL.map(ofVolumes),
  ...OF_BUCKETS.map(ofBuckets),
];
