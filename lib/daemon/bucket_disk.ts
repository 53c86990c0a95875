/**
 * A volume in a bucket, open: its store, what is told of it, and the watch that somebody else may have taken it.
 *
 * Everything that it takes is opened here and nowhere else, and closed again where one of the steps fails.
 */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import type { BucketError } from "../bucket/bucket.ts";
import type { Claiming } from "../bucket/bucket_lease.ts";
import { type OpenBucket, openBucket } from "../bucket/open_bucket.ts";
import type { BucketInfo } from "../control/operations.ts";
import type { Journal } from "../journal/journal.ts";
import type { ChunkCache } from "../store/chunk_cache.ts";
import type { JournaledStore } from "../store/journaled_store.ts";
import {
  type BucketVolume,
  openBucketVolume,
} from "../store/segmented/bucket_volume.ts";
import { Fenced, orFenced } from "../store/segmented/fenced.ts";
import type { TakenVolume } from "../store/segmented/taken_volume.ts";
import type { VolumeSnapshots } from "../store/segmented/volume_snapshots.ts";
import { type Reach, reachOf, urlOf } from "./bucket_address.ts";
import type { BucketFolder } from "./bucket_folder.ts";
import type { BucketDocument, VolumeDocument } from "./documents.ts";
import { Rates } from "./rates.ts";
import { Tries } from "./tries.ts";

/** How often it is asked whether the volume is still this node's. */
const LOOK_MS = 15_000;
/** What is under way when a volume is closed is given so long; it lies in the journal all the same. */
const CLOSE_MS = 10_000;

export interface World {
  readonly clock: Clock;
  readonly primitives: Primitives;
}

export interface OpenDiskOptions extends World {
  readonly document:
    & Pick<VolumeDocument, "name" | "sizeBytes" | "restoring">
    & {
      readonly bucket: BucketDocument;
    };
  readonly folder: BucketFolder;
  /** Where it was just taken. */
  readonly taken?: TakenVolume | undefined;
  /** Given up at once when it is aborted. */
  readonly signal: AbortSignal;
  /** Told of a try that failed and is followed by another, unless the one before failed alike. */
  readonly onRetry: (error: BucketError) => void;
  /** Told that the lease is waited for, and for how long at most. */
  readonly onWait?: (ms: number) => void;
}

/** @throws {VaultError} where the store is not reached, the volume is not what was written, or is another node's */
export async function openBucketDisk(
  options: OpenDiskOptions,
): Promise<BucketDisk> {
  const { document, folder, signal, clock, taken } = options;
  const { bucket: limits, sizeBytes } = document;
  folder.settle();
  const keys = folder.keys();
  const pin = folder.pin();
  const tries = new Tries(options.onRetry);
  const reach = await reachBucket({
    ...options,
    reach: reachOf(limits),
    onRetry: (error) => tries.failed(error, reach.counters().uploadedBytes),
  });
  const { bucket, elsewhere } = reach;
  const giveUp = () => void bucket.close();
  signal.addEventListener("abort", giveUp);
  let journal: Journal | undefined;
  let cache: ChunkCache | undefined;
  let disk: BucketDisk;
  try {
    signal.throwIfAborted();
    journal = await folder.openJournal(limits.journalBytes);
    const volume = await openBucketVolume({
      ...{ bucket, elsewhere, keys, pin, clock, journal, taken },
      cache: (volumeId) =>
        cache = folder.openCache(volumeId, limits.cacheBytes),
      keepPin: (pin) => folder.keepPin(pin),
      prefetches: limits.prefetch === true,
    });
    disk = new BucketDisk(
      { clock, document },
      { volume, reach, cache, tries, journal },
    );
  } catch (thrown) {
    cache?.close();
    await journal?.close();
    await bucket.close();
    throw thrown;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  try {
    if (disk.store.sizeBytes !== document.restoring) {
      await disk.expectSize(sizeBytes);
    }
    return disk;
  } catch (thrown) {
    await disk.close();
    throw thrown;
  }
}

/** The bucket, with what limits it. Nobody is asked yet, unless it is probed. */
export function reachBucket(
  options: World & {
    readonly reach: Reach;
    readonly onRetry?: (error: BucketError) => void;
    readonly onWait?: (ms: number) => void;
    readonly silenceTimeoutMs?: number;
    /** How the lease is got, where there is one; as for any opening unless given. */
    readonly claiming?: Claiming;
    /** The folder in which the store is probed first. */
    readonly probeFolder?: string;
  },
): Promise<OpenBucket> {
  const { reach, clock, primitives, onRetry, silenceTimeoutMs } = options;
  const { claiming = "open", probeFolder, onWait } = options;
  const { s3, unconditional, ...limits } = reach;
  return openBucket({
    ...{ clock, primitives, ...limits },
    ...(unconditional && { lease: { claiming, ...(onWait && { onWait }) } }),
    ...(probeFolder !== undefined && { probeFolder }),
    s3: {
      ...s3,
      ...(silenceTimeoutMs === undefined ? {} : { silenceTimeoutMs }),
    },
    ...(onRetry && { onRetry }),
  });
}

interface DiskParts {
  readonly volume: BucketVolume;
  readonly reach: OpenBucket;
  readonly cache: ChunkCache | undefined;
  readonly tries: Pick<Tries, "why">;
  readonly journal: Pick<Journal, "sizeBytes">;
}

export class BucketDisk {
  readonly store: JournaledStore;
  readonly #options: Pick<OpenDiskOptions, "clock" | "document">;
  readonly #parts: DiskParts;
  readonly #rates: Rates;
  #stopLooking: () => void = () => {};
  #closed = false;

  constructor(
    options: Pick<OpenDiskOptions, "clock" | "document">,
    parts: DiskParts,
  ) {
    this.#options = options;
    this.#parts = parts;
    this.store = parts.volume.store;
    this.#rates = new Rates(options.clock);
    this.#rates.start(() => [["uploaded", this.uploadedBytes]]);
  }

  /** What it lies in, with its limits, and what is beside it there. */
  get reach(): Pick<OpenBucket, "bucket" | "elsewhere"> {
    return this.#parts.reach;
  }

  /** A crash while the size was changed may have left another than the document says, which is the truth. @throws {VaultError} */
  async expectSize(sizeBytes: number): Promise<void> {
    const found = this.store.sizeBytes;
    if (found === sizeBytes) return;
    if (found > sizeBytes) return await this.store.resize(sizeBytes);
    const { name } = this.#options.document;
    throw new VaultError(
      `Volume "${name}" has ${found} bytes in its bucket and should have ${sizeBytes}`,
    );
  }

  /** Keeps to other limits from now on. Whether all of it is fetched beforehand is settled when it is opened. */
  keepTo(spec: BucketDocument): void {
    const { reach, cache } = this.#parts;
    reach.limit(reachOf(spec));
    cache?.resize(spec.cacheBytes);
  }

  /** What it is to whoever makes a clone of it. */
  get volume(): BucketVolume {
    return this.#parts.volume;
  }

  get snapshots(): VolumeSnapshots {
    return this.#parts.volume.snapshots;
  }

  /** To the bucket, since it was opened. */
  get uploadedBytes(): number {
    return this.#parts.reach.counters().uploadedBytes;
  }

  /** Looks from now on whether another node has the volume; then nothing is written any more, and `lost` is told once. */
  watch(lost: (why: string) => void): void {
    this.#stopLooking = this.#options.clock.after(LOOK_MS, async () => {
      if (await this.#isLost()) lost(this.#why);
      else if (!this.#closed) this.watch(lost);
    });
  }

  async #isLost(): Promise<boolean> {
    const { volume: { row }, reach } = this.#parts;
    if (this.store.health.state === "failed") return this.isFenced;
    try {
      const lost = reach.lost?.();
      if (lost) throw orFenced(lost);
      await row.expectOurs();
    } catch (thrown) {
      // That it cannot be asked says nothing.
      if (!(thrown instanceof Fenced) || this.#closed) return false;
      this.store.refuse(thrown);
    }
    return this.isFenced;
  }

  /** Another node has the volume: nothing is written here any more. */
  get isFenced(): boolean {
    for (
      let at = this.store.failedBy;
      at instanceof Error;
      at = at.cause
    ) if (at instanceof Fenced) return true;
    return false;
  }

  get #why(): string {
    const { health } = this.store;
    return health.state === "failed" ? health.why : "";
  }

  /** How it is now, for people. */
  info(): Omit<BucketInfo, keyof BucketDocument> {
    const { store } = this;
    const { volume, reach, cache, journal } = this.#parts;
    const counters = reach.counters();
    const { undrainedBytes, undrainedSinceMs } = store;
    const trouble = this.#trouble;
    const { prefetch } = volume;
    const { hits, misses } = cache?.uses ?? { hits: 0, misses: 0 };
    const rate = this.#rates.perSecond("uploaded", this.uploadedBytes);
    const now = this.#options.clock.now();
    return {
      pendingBytes: undrainedBytes,
      ...(undrainedBytes > 0 && undrainedSinceMs !== undefined && {
        pendingSince: timeOf(undrainedSinceMs),
      }),
      ...(undrainedBytes > 0 && rate > 0 && {
        uploadedAround: timeOf(now + undrainedBytes / rate * 1000),
      }),
      ...(trouble !== undefined && { trouble }),
      uploadedBytes: this.uploadedBytes,
      fetchedBytes: counters.downloadedBytes,
      storeRequests: counters.requests,
      storeErrors: counters.errors,
      transfers: counters.inFlight,
      transfersWaiting: counters.waiting,
      journaledBytes: journal.sizeBytes,
      cachedBytes: cache?.sizeBytes ?? 0,
      ...(prefetch && { prefetchedBytes: prefetch.hereBytes }),
      ...(prefetch?.trouble !== undefined && {
        notPrefetched: prefetch.trouble,
      }),
      ...(hits + misses > 0 && { cacheHits: hits / (hits + misses) }),
      cacheUses: { hits, misses },
      objectBytes: volume.storedBytes,
      liveBytes: volume.map.liveBytes,
      ...this.#inheritance,
      movedBytes: volume.cleaner?.moved.bytes ?? 0,
    };
  }

  /** Of a clone. */
  get #inheritance() {
    const { superblock, inheritedBytes } = this.#parts.volume;
    const parent = superblock.ancestors?.at(-1);
    if (!parent) return {};
    const { bucket } = reachOf(this.#options.document.bucket).s3;
    const clonedFrom = urlOf(bucket, parent.prefix);
    return { clonedFrom, inheritedBytes };
  }

  /** What is not uploaded is found again in the journal. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopLooking();
    this.#rates.stop();
    const { bucket } = this.#parts.reach;
    const hurry = this.#options.clock
      .after(CLOSE_MS, () => void bucket.close());
    try {
      await this.store.close();
    } finally {
      hurry();
    }
  }

  get #trouble(): string | undefined {
    const { trouble, undrainedBytes } = this.store;
    if (trouble !== undefined) return troubleOf(trouble);
    const { tries, volume, cache } = this.#parts;
    const why = tries.why(this.uploadedBytes);
    if (undrainedBytes > 0 && why !== undefined) {
      return `uploading is paused: ${why}`;
    }
    const background = volume.row.trouble ?? volume.cleaner?.trouble;
    if (background !== undefined) return background;
    return cache?.trouble === undefined
      ? undefined
      : `the cache cannot be used: ${cache.trouble}`;
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** As people are told of it. */
export function troubleOf(trouble: string): string {
  return trouble.startsWith("Could not drain: ")
    ? `uploading is paused: ${trouble.slice("Could not drain: ".length)}`
    : trouble;
}
