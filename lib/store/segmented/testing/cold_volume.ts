/** A volume that lies in its bucket and nowhere else, as one opens it on a new machine, and what of it is asked for. */

import type { Clock } from "../../../base/clock.ts";
import type { Extent } from "../../../base/extent.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import { systemPrimitives as primitives } from "../../../os/primitives.ts";
import { CHUNK_BYTES, ChunkCache } from "../../chunk_cache.ts";
import { MemoryFile } from "../../testing/memory_file.ts";
import type { BucketVolume } from "../bucket_volume.ts";
import { makeVolume, openOn, put, SECTOR_BYTES } from "./volumes.ts";

export const CHUNK_SECTORS = CHUNK_BYTES / SECTOR_BYTES;
const SEGMENT_CHUNKS = 16;

/** Counts what is read of segments. */
export class AskedBucket extends MemoryBucket {
  gets = 0;

  override get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    this.gets++;
    return super.get(name, range);
  }
}

/** Each chunk of it is all one value: its number from 1, below 256. */
export async function coldVolume(
  chunks: number,
  options: {
    /** 0: it has no cache. */
    readonly cacheChunks: number;
    readonly prefetches?: boolean;
    readonly clock?: Clock;
    /** Does something to the bucket before the volume is opened. */
    readonly before?: (bucket: AskedBucket) => Promise<void>;
  },
): Promise<{
  bucket: AskedBucket;
  volume: BucketVolume;
  cache?: ChunkCache;
  /** Of the cache. */
  index: MemoryFile;
}> {
  const index = new MemoryFile();
  const bucket = new AskedBucket();
  await makeVolume(bucket, { sizeBytes: chunks * CHUNK_BYTES });
  const machine = { pin: undefined };
  const writer = await openOn(machine, bucket, { cleans: false });
  for (let at = 0; at < chunks; at += SEGMENT_CHUNKS) {
    await writer.row.append({
      extents: [{
        kind: "data",
        sector: at * CHUNK_SECTORS,
        sectors: Math.min(SEGMENT_CHUNKS, chunks - at) * CHUNK_SECTORS,
      }],
      data: Array.from(
        { length: Math.min(SEGMENT_CHUNKS, chunks - at) },
        (_, n) => new Uint8Array(CHUNK_BYTES).fill(1 + at + n),
      ),
    });
  }
  await options.before?.(bucket);
  let cache: ChunkCache | undefined;
  const { cacheChunks, prefetches, clock } = options;
  const volume = await openOn(machine, bucket, {
    ...(cacheChunks > 0 && {
      cache: (volumeId) => cache = newCache(volumeId, cacheChunks, index),
    }),
    ...(prefetches !== undefined && { prefetches }),
    ...(clock && { clock }),
    cleans: false,
  });
  bucket.gets = 0;
  return { bucket, volume, index, ...(cache && { cache }) };
}

/** One in memory. */
export function newCache(
  volumeId: Uint8Array,
  chunks: number,
  index: MemoryFile = new MemoryFile(),
): ChunkCache {
  return new ChunkCache({
    ...{ data: new MemoryFile(), index, volumeId },
    limitBytes: chunks * CHUNK_BYTES,
    hash: (...parts) => primitives.hash("sha256", ...parts),
  });
}

/** Writes a chunk anew. */
export function overwrite(
  volume: BucketVolume,
  chunk: number,
  value: number,
): Promise<void> {
  const sector = chunk * CHUNK_SECTORS;
  return put(volume, { sector, sectors: CHUNK_SECTORS, value });
}

/** Lets all turns pass that need no time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
