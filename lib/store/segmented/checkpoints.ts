/**
 * The checkpoints of a volume: found, written, and deleted when later ones stand for them.
 *
 * A writer that has lost the volume and does not know it yet may write one more. What it says is true, of an earlier end of the row; so the one
 * that counts is that which goes furthest, whatever its number.
 */

import { concat } from "../../base/bytes.ts";
import { VaultError } from "../../base/errors.ts";
import { type Bucket, listAll, MAX_READ_BYTES } from "../../bucket/bucket.ts";
import {
  type Checkpoint,
  encodeCheckpoint,
  openCheckpoint,
  openCheckpointHead,
} from "../../segments/checkpoint.ts";
import { SMALL_FOLDER } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { ChainEnd, ChainOptions } from "./chain.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Enough to have the head of any. */
const HEAD_READ_BYTES = 128 * 1024;

/** How many are kept: the one before the last is of use as long as somebody is reading it. */
export const KEPT_CHECKPOINTS = 2;

/** One that is in the bucket. */
interface Known {
  readonly number: number;
  readonly nextSegment: number;
  /** Segments that it needs. */
  readonly needs: ReadonlySet<number>;
}

export class Checkpoints {
  readonly #options: ChainOptions;
  /** Those that go furthest, the last one last. */
  #known: Known[] = [];
  /** Of no use, and not deleted yet. */
  #stale: number[] = [];
  #next = 1;

  constructor(options: ChainOptions) {
    this.#options = options;
  }

  /** The one that goes furthest; undefined where there is none. @throws {SealError} where it is not what was written */
  async find(): Promise<Checkpoint | undefined> {
    const { keys, volumeId } = this.#options;
    const summaries: { number: number; nextSegment: number }[] = [];
    for (const number of await this.#numbers()) {
      const summary = await this.#summary(number);
      if (!summary) continue;
      summaries.push({ number, nextSegment: summary.nextSegment });
      this.#next = Math.max(this.#next, number + 1);
    }
    // One that changes the size alone goes no further than that before it.
    summaries.sort((a, b) =>
      a.nextSegment - b.nextSegment || a.number - b.number
    );
    const best = summaries.pop();
    this.#stale = summaries.map(({ number }) => number);
    if (!best) return undefined;
    const { number } = best;
    const bytes = await this.#whole(number);
    const checkpoint = openCheckpoint(keys, { volumeId, number, bytes });
    this.#remember(number, checkpoint);
    return checkpoint;
  }

  /** Writes what the map is now, at that end of the row. */
  async write(state: {
    readonly map: VolumeMap;
    readonly end: ChainEnd;
    readonly volumeBytes: number;
    readonly timeMs: number;
  }): Promise<void> {
    const { bucket, keys, volumeId } = this.#options;
    const { map, end, volumeBytes, timeMs } = state;
    const segments = [...map.segments()]
      .filter(({ liveSectors }) => liveSectors > 0)
      .map(({ liveSectors, ...record }) => ({
        ...record,
        liveBytes: liveSectors * 512,
      }))
      .sort((a, b) => a.number - b.number);
    const request = {
      ...{ volumeId, volumeBytes, timeMs, epoch: end.epoch },
      ...{ previous: end.digest, nextSegment: end.next, segments },
      snapshots: [],
    };
    for (let tries = 0; tries < 100; tries++) {
      const number = this.#next++;
      const { bytes } = encodeCheckpoint(keys, {
        ...request,
        number,
        extents: extentsOf(map),
      });
      const name = keys.nameOf("checkpoint", number);
      if (await bucket.create(name, bytes) !== "created") continue;
      return this.#remember(number, { nextSegment: end.next, segments });
    }
    throw new VaultError("There is no number left for another checkpoint");
  }

  /** Deletes those that later ones stand for. */
  async sweep(): Promise<void> {
    if (this.#stale.length === 0) return;
    const { bucket, keys } = this.#options;
    const stale = this.#stale;
    this.#stale = [];
    try {
      await bucket.delete(
        stale.map((number) => keys.nameOf("checkpoint", number)),
      );
    } catch (thrown) {
      this.#stale.push(...stale);
      throw thrown;
    }
  }

  /** Whether whoever opens the volume from one of them reads that segment. */
  needs(segment: number): boolean {
    return this.#known.length < KEPT_CHECKPOINTS ||
      this.#known.some(({ nextSegment, needs }) =>
        segment >= nextSegment || needs.has(segment)
      );
  }

  #remember(
    number: number,
    { nextSegment, segments }: Pick<Checkpoint, "nextSegment" | "segments">,
  ): void {
    const needs = new Set(segments.map(({ number }) => number));
    this.#known.push({ number, nextSegment, needs });
    while (this.#known.length > KEPT_CHECKPOINTS) {
      this.#stale.push(this.#known.shift()!.number);
    }
  }

  /** Of those that are listed, and of those that follow them: a listing may lag behind. */
  async #numbers(): Promise<readonly number[]> {
    const { bucket, keys } = this.#options;
    const numbers: number[] = [];
    for await (const { name } of listAll(bucket, SMALL_FOLDER)) {
      const parsed = keys.parseName(name);
      if (parsed?.kind === "checkpoint") numbers.push(parsed.number);
    }
    for (let next = Math.max(0, ...numbers) + 1;; next++) {
      const name = keys.nameOf("checkpoint", next);
      const first = await bucket.get(name, { offset: 0, length: 1 });
      if (!first) return numbers;
      numbers.push(next);
    }
  }

  async #summary(number: number) {
    const { bucket, keys, volumeId } = this.#options;
    const name = keys.nameOf("checkpoint", number);
    for (let length = HEAD_READ_BYTES, tries = 0; tries < 2; tries++) {
      const bytes = await bucket.get(name, { offset: 0, length });
      // It was deleted since it was listed.
      if (!bytes) return undefined;
      const opened = openCheckpointHead(keys, { volumeId, number, bytes });
      if (!("needsBytes" in opened)) return opened;
      length = opened.needsBytes;
    }
    throw new SealError(`Checkpoint ${number} is cut off`);
  }

  /** It may be longer than what is read at once. */
  async #whole(number: number): Promise<Uint8Array> {
    return await readWhole(
      this.#options.bucket,
      this.#options.keys.nameOf("checkpoint", number),
    );
  }
}

async function readWhole(bucket: Bucket, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let offset = 0;; offset += MAX_READ_BYTES) {
    const range = { offset, length: MAX_READ_BYTES };
    const part = await bucket.get(name, range);
    if (!part) throw new SealError(`"${name}" is not there any more`);
    parts.push(part);
    if (part.length < MAX_READ_BYTES) return concat(parts);
  }
}

function* extentsOf(map: VolumeMap) {
  for (const { sector, length, holder, at } of map.runs()) {
    yield { sector, sectors: length, segment: holder, at };
  }
}
