/**
 * Bytes of segments: from the cache, or from the bucket by chunks, each of which proves itself before anything of it is used.
 *
 * Whoever reads on where the last fetch has ended gets more at a time, so that a long read is not a row of short ones.
 */

import type { Bucket } from "../../bucket/bucket.ts";
import { MediaError } from "../../base/media_error.ts";
import { messageOf } from "../../base/errors.ts";
import type { VolumeKeys } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  CHUNK_BYTES,
  chunkCount,
  chunkExtent,
  ChunkOpener,
} from "../../segments/sealed.ts";
import { identityOf } from "../../segments/segment.ts";
import type { ChunkCache } from "../chunk_cache.ts";
import type { Maybe } from "../store.ts";
import { type Ancestry, ownerOf } from "./ancestry.ts";
import type { KnownSegment } from "./ledger.ts";

/** The most chunks of one fetch. */
export const MAX_FETCH_CHUNKS = 16;
/** Openers that are kept: each holds a segment's key. */
const MAX_OPENERS = 256;
/** Fetches at once: what they bring together is what is held. */
export const MAX_FETCHES = 4;
/** Those of them that may be of what nobody waits for: whoever reads finds one of his own at once. */
const FETCHES_AHEAD = MAX_FETCHES - 1;
/** Chunks that were fetched and wait to be used, where there is no cache to keep them. */
const MAX_HELD = 64;

export interface SegmentReaderOptions {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly volumeId: Uint8Array;
  /** Of a clone. */
  readonly ancestry?: Ancestry | undefined;
  readonly cache: ChunkCache | undefined;
  /** Whether what is fetched goes into the cache; it does unless given. */
  readonly keeps?: boolean;
}

export class SegmentReader {
  readonly #options: SegmentReaderOptions;
  readonly #openers = new Map<number, ChunkOpener>();
  readonly #fetching = new Map<string, Promise<void>>();
  /** The latest chunks that were fetched. */
  readonly #held = new Map<string, Uint8Array>();
  /** Where the last fetch has ended, and how long it was. */
  #last = { segment: 0, chunk: -1, chunks: 1 };
  #fetchedBytes = 0;
  #fetches = 0;
  /** Those that wait for their turn to fetch. */
  readonly #queue: (() => void)[] = [];
  #closed = false;

  constructor(options: SegmentReaderOptions) {
    this.#options = options;
  }

  /** From the bucket, since it was opened. */
  get fetchedBytes(): number {
    return this.#fetchedBytes;
  }

  /**
   * Fills `into` with the bytes of a segment's data from `offset` on.
   *
   * @throws {MediaError} where they cannot be had, or are not what was written
   */
  read(segment: KnownSegment, offset: number, into: Uint8Array): Maybe {
    let pending: Promise<void>[] | undefined;
    for (let at = 0; at < into.length;) {
      const position = offset + at;
      const chunk = Math.floor(position / CHUNK_BYTES);
      const within = position % CHUNK_BYTES;
      const length = Math.min(into.length - at, CHUNK_BYTES - within);
      const part = into.subarray(at, at + length);
      if (!this.#have(segment, { chunk, within, part })) {
        (pending ??= []).push(
          this.#readInto(segment, { chunk, within, part }),
        );
      }
      at += length;
    }
    if (pending) return Promise.all(pending).then(() => {});
  }

  /** How many chunks from `chunk` on, `most` at the most, are neither on their way nor where they would be kept. */
  absent({ number }: KnownSegment, chunk: number, most: number): number {
    const { cache } = this.#options;
    for (let n = 0; n < most; n++) {
      const key = `${number}/${chunk + n}`;
      const isKept = cache
        ? cache.has({ segment: number, chunk: chunk + n })
        : this.#held.has(key);
      if (isKept || this.#fetching.has(key)) return n;
    }
    return most;
  }

  /**
   * Fetches chunks before anybody asks for them, behind those who do. What of them is here or on its way by then is left out, and what follows
   * it.
   *
   * @throws {MediaError} as in {@linkcode SegmentReader.read}
   */
  async bring(segment: KnownSegment, { chunk, chunks }: Chunks): Promise<void> {
    while (this.#fetches >= FETCHES_AHEAD) {
      await new Promise<void>((turn) => this.#queue.push(turn));
    }
    const absent = this.absent(segment, chunk, chunks);
    if (absent === 0 || this.#closed) return;
    await this.#begin(segment, { chunk, chunks: absent });
  }

  /** Nothing is fetched ahead any more, and nothing kept of what is on its way. */
  close(): void {
    this.#closed = true;
  }

  /** How much may be fetched ahead of a reader, so that it is still there when it comes. */
  get aheadBytes(): number {
    const { cache } = this.#options;
    const room = cache ? cache.limitBytes : MAX_HELD * CHUNK_BYTES;
    return Math.floor(room / 4);
  }

  /** Nothing of the segment is wanted any more. */
  forget(segment: number, dataBytes: number): void {
    this.#openers.delete(segment);
    this.#options.cache?.drop(segment, chunkCount(dataBytes));
    for (const key of this.#held.keys()) {
      if (key.startsWith(`${segment}/`)) this.#held.delete(key);
    }
  }

  #have(
    { number: segment }: KnownSegment,
    { chunk, within, part }: Wanted,
  ): boolean {
    const held = this.#held.get(`${segment}/${chunk}`);
    if (held) {
      part.set(held.subarray(within, within + part.length));
      return true;
    }
    return this.#options.cache?.read({ segment, chunk }, within, part) ?? false;
  }

  async #readInto(segment: KnownSegment, wanted: Wanted): Promise<void> {
    const { number } = segment;
    const { chunk } = wanted;
    // What has been evicted before it was used is fetched again.
    const key = `${number}/${chunk}`;
    while (!this.#have(segment, wanted)) {
      const under = this.#fetching.get(key);
      if (under) await under;
      else if (this.#fetches === MAX_FETCHES) {
        await new Promise<void>((turn) => this.#queue.push(turn));
      } else await this.#get(segment, chunk);
    }
  }

  #get(segment: KnownSegment, chunk: number): Promise<void> {
    const { number, dataBytes } = segment;
    const last = this.#last;
    const goesOn = last.segment === number && last.chunk === chunk;
    const most = goesOn ? Math.min(2 * last.chunks, MAX_FETCH_CHUNKS) : 1;
    const chunks = Math.min(most, chunkCount(dataBytes) - chunk);
    this.#last = { segment: number, chunk: chunk + chunks, chunks };
    return this.#begin(segment, { chunk, chunks });
  }

  #begin(segment: KnownSegment, { chunk, chunks }: Chunks): Promise<void> {
    const { number } = segment;
    const keys = Array.from(
      { length: chunks },
      (_, n) => `${number}/${chunk + n}`,
    );
    const fetched = this.#getChunks(segment, { chunk, chunks })
      .finally(() => {
        for (const key of keys) this.#fetching.delete(key);
        this.#fetches--;
        // Whoever waits may want what is there now, so all look.
        for (const turn of this.#queue.splice(0)) turn();
      });
    this.#fetches++;
    for (const key of keys) this.#fetching.set(key, fetched);
    return fetched;
  }

  async #getChunks(
    segment: KnownSegment,
    { chunk, chunks }: Chunks,
  ): Promise<void> {
    const { cache, keeps = true } = this.#options;
    const { number } = segment;
    const { bucket, keys, prefix } = ownerOf(this.#options, number);
    const first = chunkExtent(segment, chunk);
    const last = chunkExtent(segment, chunk + chunks - 1);
    const length = last.offset + last.length - first.offset;
    let sealed: Uint8Array | undefined;
    try {
      const name = keys.nameOf("segment", number);
      sealed = await bucket.get(name, { offset: first.offset, length });
      if (!sealed) throw new SealError(`Segment ${number} is not there`);
      this.#fetchedBytes += sealed.length;
      for (let n = 0; n < chunks; n++) {
        const { offset, length } = chunkExtent(segment, chunk + n);
        const from = offset - first.offset;
        const bytes = this.#opener(segment)
          .open(chunk + n, sealed.subarray(from, from + length));
        if (keeps && !this.#closed) {
          cache?.put({ segment: number, chunk: chunk + n }, bytes);
        }
        this.#hold(`${number}/${chunk + n}`, bytes);
      }
    } catch (cause) {
      // A clone's reader is told whose object it is.
      const whose = prefix === undefined ? "" : `, of "${prefix}"`;
      const why = `${messageOf(cause)}${whose}`;
      throw new MediaError("medium", `Could not read: ${why}`, { cause });
    }
  }

  #hold(key: string, bytes: Uint8Array): void {
    this.#held.delete(key);
    this.#held.set(key, bytes);
    if (this.#held.size <= MAX_HELD) return;
    const [oldest] = this.#held.keys();
    this.#held.delete(oldest!);
  }

  #opener(segment: KnownSegment): ChunkOpener {
    const { number } = segment;
    const known = this.#openers.get(number);
    if (known) return known;
    const { keys, volumeId } = ownerOf(this.#options, number);
    const identity = identityOf({ volumeId, number });
    const opener = new ChunkOpener(keys, { identity, place: segment });
    this.#openers.set(number, opener);
    if (this.#openers.size > MAX_OPENERS) {
      const [oldest] = this.#openers.keys();
      this.#openers.delete(oldest!);
    }
    return opener;
  }
}

/** Chunks of a segment that lie one behind the other. */
export interface Chunks {
  readonly chunk: number;
  readonly chunks: number;
}

interface Wanted {
  readonly chunk: number;
  /** Where in the chunk. */
  readonly within: number;
  readonly part: Uint8Array;
}
