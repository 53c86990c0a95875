/**
 * Fetches what a reader who goes through a volume will ask for next, while he is busy with what he has.
 *
 *     read ──goes on where a stream is?──▶ the stream moves on ──in its third step, and from then on──▶ fetch up to a window ahead
 *              └── no: the stream that was not used for longest begins anew there
 *
 * Initiators send several commands at once, and not always in order: a stream takes what begins a little before or behind its place. The
 * window doubles each time that more is fetched, so that a short read does not bring a long one about.
 */

import { CHUNK_BYTES } from "../../segments/sealed.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import {
  type Chunks,
  MAX_FETCH_CHUNKS,
  type SegmentReader,
} from "./segment_reader.ts";
import type { VolumeMap } from "./volume_map.ts";

/** How many readers are followed at once. */
const STREAMS = 4;
/** How far from its place a stream is still met. */
const SLACK_BYTES = 256 * 1024;
/** One that reads anywhere does not come by three times in a row. */
const STEPS = 3;
const FIRST_WINDOW_BYTES = 256 * 1024;
const LONGEST_WINDOW_BYTES = 4 * 1024 * 1024;
/** Fetches that are begun for streams at once. */
const WORKERS = 2;

interface Stream {
  /** Where it goes on. */
  next: number;
  steps: number;
  /** Up to here it is fetched, or about to be. */
  ahead: number;
  windowBytes: number;
}

export class ReadAhead {
  readonly #map: VolumeMap;
  readonly #reader: SegmentReader;
  /** The one that was used last is the last. */
  readonly #streams: Stream[] = [];
  /** Bytes of the volume that are to be fetched. */
  #wanted: { offset: number; readonly end: number }[] = [];
  #workers = 0;

  constructor(map: VolumeMap, reader: SegmentReader) {
    this.#map = map;
    this.#reader = reader;
  }

  /** Somebody reads that now. */
  reads(offset: number, length: number): void {
    const end = Math.ceil((offset + length) / SECTOR_BYTES) * SECTOR_BYTES;
    const stream = this.#streamAt(offset);
    if (end <= stream.next) return;
    stream.next = end;
    stream.steps++;
    if (stream.steps < STEPS) return;
    const from = Math.max(stream.ahead, end);
    if (from - end > stream.windowBytes / 2) return;
    stream.ahead = end + stream.windowBytes;
    this.#bring(from, stream.ahead);
    const longest = Math.min(LONGEST_WINDOW_BYTES, this.#reader.aheadBytes);
    stream.windowBytes = Math.min(2 * stream.windowBytes, longest);
  }

  #streamAt(offset: number): Stream {
    const streams = this.#streams;
    const at = streams
      .findIndex(({ next }) => Math.abs(offset - next) <= SLACK_BYTES);
    const [met] = at < 0 ? [] : streams.splice(at, 1);
    const stream = met ?? {
      ...{ next: offset, steps: 0, ahead: 0 },
      windowBytes: Math.min(FIRST_WINDOW_BYTES, this.#reader.aheadBytes),
    };
    streams.push(stream);
    if (streams.length > STREAMS) streams.shift();
    return stream;
  }

  #bring(offset: number, end: number): void {
    this.#wanted.push({ offset, end });
    // Of streams that were left, and still wait for their turn.
    if (this.#wanted.length > STREAMS) this.#wanted.shift();
    while (this.#workers < WORKERS && this.#wanted.length > 0) {
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    this.#workers++;
    for (let next = this.#take(); next; next = this.#take()) {
      const { segment, ...chunks } = next;
      // Whoever reads it is told why it cannot be had.
      await this.#reader.bring(segment, chunks).catch(() => {});
    }
    this.#workers--;
  }

  /** The next chunks of what is wanted that are not here. */
  #take() {
    for (;;) {
      const [wanted] = this.#wanted;
      if (!wanted) return undefined;
      const { offset, end } = wanted;
      const run = this.#map.next(Math.floor(offset / SECTOR_BYTES));
      const start = Math.max(offset, (run?.sector ?? 0) * SECTOR_BYTES);
      if (!run || start >= end) {
        this.#wanted.shift();
        continue;
      }
      const from = run.at * SECTOR_BYTES + start - run.sector * SECTOR_BYTES;
      const runEnd = (run.sector + run.length) * SECTOR_BYTES;
      const length = Math.min(end, runEnd) - start;
      const segment = this.#map.segment(run.holder);
      const { chunk, chunks } = chunksOf(from, length);
      const absent = segment ? this.#reader.absent(segment, chunk, chunks) : 0;
      // Up to the end of the last chunk that is fetched, or of the first, which is here.
      const taken = (chunk + Math.max(1, absent)) * CHUNK_BYTES - from;
      wanted.offset = start + Math.min(length, taken);
      if (segment && absent > 0) return { segment, chunk, chunks: absent };
    }
  }
}

/** The chunks in which bytes of a segment's data lie, as many as are fetched at once. */
export function chunksOf(offset: number, length: number): Chunks {
  const chunk = Math.floor(offset / CHUNK_BYTES);
  const end = Math.ceil((offset + length) / CHUNK_BYTES);
  return { chunk, chunks: Math.min(MAX_FETCH_CHUNKS, end - chunk) };
}
