/**
 * Brings all of a volume into its cache, as far as that has room: with a large one the local disk is a full copy.
 *
 *     pass: through the volume in order, each chunk that is not here ──▶ the end, or a full cache ──▶ later, again: for what was evicted,
 *           or moved to where it is not cached
 *
 * It takes its turn behind whoever reads, and lets no fetch become so long that a reader would feel it.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { MediaError } from "../../base/media_error.ts";
import { SealError } from "../../segments/seal_error.ts";
import { CHUNK_BYTES } from "../../segments/sealed.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import type { KnownSegment } from "./ledger.ts";
import { chunksOf } from "./read_ahead.ts";
import {
  type Chunks,
  MAX_FETCH_CHUNKS,
  type SegmentReader,
} from "./segment_reader.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Between two passes. */
const EVERY_MS = 10 * 60_000;
/** After a failure. */
const RETRY_MS = 60_000;
/** A fetch that takes longer is followed by a shorter one. */
const FETCH_MS = 250;
/** Looks at what is there before others have their turn. */
const LOOKS_A_TURN = 4096;
/** What is fetched before it is written down what the cache holds. */
const SAVE_BYTES = 1024 ** 3;

export interface PrefetchOptions {
  readonly map: VolumeMap;
  readonly reader: SegmentReader;
  readonly cache: ChunkCache;
  readonly clock: Clock;
}

export class Prefetch {
  readonly #options: PrefetchOptions;
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  /** How many chunks a fetch may have. */
  #chunks = 1;
  /** In this pass. */
  #passedBytes = 0;
  /** All was here at the end of the last pass. */
  #isWhole = false;
  /** Something was absent and found no room. */
  #full = false;
  #unsavedBytes = 0;
  #trouble: string | undefined;

  constructor(options: PrefetchOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** How much of what is in the volume is known to be here. */
  get hereBytes(): number {
    const { liveBytes } = this.#options.map;
    // A later pass only looks for what has gone since.
    return this.#isWhole ? liveBytes : Math.min(this.#passedBytes, liveBytes);
  }

  /** Why not all will be here; undefined where it is, or is about to be. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Ends with what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let pauseMs = EVERY_MS;
      try {
        this.#trouble = await this.#pass();
        this.#isWhole = this.#trouble === undefined;
      } catch (thrown) {
        this.#trouble = `it cannot be fetched: ${messageOf(thrown)}`;
        pauseMs = RETRY_MS;
      }
      if (signal.aborted) return;
      await clock.sleep(pauseMs, signal).catch(() => {});
    }
  }

  /** Gives why not all is here. @throws what keeps it from going on */
  async #pass(): Promise<string | undefined> {
    this.#passedBytes = 0;
    this.#full = false;
    const damaged: string[] = [];
    for await (const one of this.#absent()) {
      const why = await this.#bring(one);
      if (why !== undefined) damaged.push(why);
    }
    await this.#save();
    if (this.#closing.signal.aborted) return undefined;
    if (this.#full) return "the cache is full";
    const [first, ...others] = damaged;
    return others.length === 0 ? first : `${first}; and ${others.length} more`;
  }

  /** The chunks of the volume that are not here, in order. */
  async *#absent(): AsyncGenerator<Absent> {
    const { map, reader, cache, clock } = this.#options;
    let looked = 0;
    for (let sector = 0;;) {
      const run = map.next(sector);
      if (!run) return;
      const end = run.sector + run.length;
      for (sector = Math.max(sector, run.sector); sector < end;) {
        if (this.#closing.signal.aborted) return;
        if (++looked % LOOKS_A_TURN === 0) await clock.sleep(0);
        const at = (run.at + sector - run.sector) * SECTOR_BYTES;
        const { chunk, chunks } = chunksOf(at, (end - sector) * SECTOR_BYTES);
        const segment = map.segment(run.holder);
        // It has been moved since.
        if (!segment) break;
        const most = Math.min(chunks, this.#chunks);
        const absent = reader.absent(segment, chunk, most);
        const fetched = Math.min(absent, cache.roomChunks);
        if (absent > 0 && fetched <= 0) {
          this.#full = true;
          return;
        }
        if (fetched > 0) yield { segment, chunk, chunks: fetched };
        const next = (chunk + Math.max(1, fetched)) * CHUNK_BYTES - at;
        const passed = Math.min(end - sector, next / SECTOR_BYTES);
        sector += passed;
        this.#passedBytes += passed * SECTOR_BYTES;
      }
      sector = end;
    }
  }

  /** Gives what is wrong with it, where that says nothing of others. */
  async #bring(
    { segment, ...chunks }: Absent,
  ): Promise<string | undefined> {
    const { reader, clock } = this.#options;
    const began = clock.monotonic();
    try {
      await reader.bring(segment, chunks);
    } catch (thrown) {
      // All of it has been moved, and it was deleted.
      if (segment.liveSectors === 0) return undefined;
      const why = thrown instanceof MediaError ? thrown.cause : thrown;
      if (!(why instanceof SealError)) throw why;
      return `segment ${segment.number} is damaged: ${why.message}`;
    }
    this.#chunks = clock.monotonic() - began > FETCH_MS
      ? Math.max(1, Math.floor(this.#chunks / 2))
      : Math.min(MAX_FETCH_CHUNKS, 2 * this.#chunks);
    this.#unsavedBytes += chunks.chunks * CHUNK_BYTES;
    if (this.#unsavedBytes >= SAVE_BYTES) await this.#save();
    return undefined;
  }

  /** A process that is killed leaves what the cache holds by then. */
  async #save(): Promise<void> {
    if (this.#unsavedBytes === 0) return;
    this.#unsavedBytes = 0;
    await this.#options.cache.save();
  }
}

interface Absent extends Chunks {
  readonly segment: KnownSegment;
}
