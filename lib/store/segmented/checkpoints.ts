/**
 * The checkpoints of a volume: found, written, and deleted when later ones stand for them.
 *
 * A writer that has lost the volume and does not know it yet may write one more. What it says is true, of an earlier end of the row; so the one
 * that counts is that which goes furthest, whatever its number.
 */

import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import { BucketError, listAll } from "../../bucket/bucket.ts";
import {
  type Checkpoint,
  encodingCheckpoint,
  type MapExtent,
  openCheckpointHead,
  readCheckpoint,
} from "../../segments/checkpoint.ts";
import { SMALL_FOLDER } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { ChainEnd, ChainOptions } from "./chain.ts";
import type { VolumeMap } from "./volume_map.ts";
import { readData } from "./whole_data.ts";

/** Enough to have the head of any. */
const HEAD_READ_BYTES = 128 * 1024;

/** How many are kept: the one before the last is of use as long as somebody is reading it. */
export const KEPT_CHECKPOINTS = 2;

/** After so many steps of making one, each of a chunk, others have their turn. */
const STEPS_A_TURN = 4;

/** How often they are looked at anew where one has gone meanwhile. */
const MAX_LOOKS = 8;

/** One that is in the bucket. */
interface Known {
  readonly number: number;
  readonly nextSegment: number;
  /** Segments that it needs. */
  readonly needs: ReadonlySet<number>;
  readonly objectBytes: number;
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
    const { keys } = this.#options;
    for (let tries = 0; tries < MAX_LOOKS; tries++) {
      const summaries = await this.#summaries();
      // One that changes the size alone goes no further than that before it.
      summaries.sort((a, b) =>
        a.nextSegment - b.nextSegment || a.number - b.number
      );
      const best = summaries.pop();
      this.#stale = summaries.map(({ number }) => number);
      if (!best) return undefined;
      const { number, head } = best;
      const name = keys.nameOf("checkpoint", number);
      const data = await readData(this.#options, { name, head });
      if (!data) continue;
      const checkpoint = readCheckpoint({ head, data });
      this.#remember(number, head.objectBytes, checkpoint);
      return checkpoint;
    }
    throw restless();
  }

  /** Whether somebody has written one of a row that goes further than up to `next`. */
  async goFurther(next: number): Promise<boolean> {
    const summaries = await this.#summaries();
    return summaries.some(({ nextSegment }) => nextSegment > next);
  }

  /** Writes what the map is now, at that end of the row. Until this settles it must stay so: others have their turn meanwhile. */
  async write(state: {
    readonly map: VolumeMap;
    readonly end: ChainEnd;
    readonly volumeBytes: number;
    readonly clock: Clock;
  }): Promise<void> {
    const { bucket, keys, volumeId } = this.#options;
    const { map, end, volumeBytes, clock } = state;
    const segments = [...map.segments()]
      .filter(({ liveSectors }) => liveSectors > 0)
      .map(({ liveSectors, ...record }) => ({
        ...record,
        liveBytes: liveSectors * 512,
      }))
      .sort((a, b) => a.number - b.number);
    const request = {
      ...{ volumeId, volumeBytes, timeMs: clock.now(), epoch: end.epoch },
      ...{ previous: end.digest, nextSegment: end.next, segments },
      ...{ snapshots: [], extents: extentsOf(map) },
    };
    for (let tries = 0; tries < 100; tries++) {
      const number = this.#next++;
      const making = encodingCheckpoint(keys, { ...request, number });
      let step = making.next();
      for (let count = 1; !step.done; step = making.next(), count++) {
        if (count % STEPS_A_TURN === 0) await clock.sleep(0);
      }
      const { bytes } = step.value;
      const name = keys.nameOf("checkpoint", number);
      if (await bucket.create(name, bytes) !== "created") continue;
      const { length: objectBytes } = bytes;
      const written = { nextSegment: end.next, segments };
      return this.#remember(number, objectBytes, written);
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

  /** Whether that is only until another is written: the last one does not need it, though one before does. */
  freesNext(segment: number): boolean {
    const last = this.#known.at(-1);
    return last !== undefined && this.needs(segment) &&
      segment < last.nextSegment && !last.needs.has(segment);
  }

  /** What is said of segments below is said by all that are kept; 0 where fewer are kept than should be. */
  get covered(): number {
    return this.#known.length < KEPT_CHECKPOINTS
      ? 0
      : Math.min(...this.#known.map(({ nextSegment }) => nextSegment));
  }

  /** How far the last one goes; 0 where there is none. */
  get last(): number {
    return this.#known.at(-1)?.nextSegment ?? 0;
  }

  /** What the last one takes in the bucket. */
  get lastBytes(): number {
    return this.#known.at(-1)?.objectBytes ?? 0;
  }

  /** What those that are kept take. */
  get objectBytes(): number {
    return this.#known.reduce((sum, { objectBytes }) => sum + objectBytes, 0);
  }

  #remember(
    number: number,
    objectBytes: number,
    { nextSegment, segments }: Pick<Checkpoint, "nextSegment" | "segments">,
  ): void {
    const needs = new Set(segments.map(({ number }) => number));
    this.#known.push({ number, nextSegment, needs, objectBytes });
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

  /** Of all that there are at one moment: where one goes meanwhile, others have come. */
  async #summaries() {
    looks: for (let tries = 0; tries < MAX_LOOKS; tries++) {
      const summaries = [];
      for (const number of await this.#numbers()) {
        const summary = await this.#summary(number);
        if (!summary) continue looks;
        const { nextSegment, head } = summary;
        summaries.push({ number, nextSegment, head });
        this.#next = Math.max(this.#next, number + 1);
      }
      return summaries;
    }
    throw restless();
  }

  async #summary(number: number) {
    const { bucket, keys, volumeId } = this.#options;
    const name = keys.nameOf("checkpoint", number);
    for (let length = HEAD_READ_BYTES, tries = 0; tries < 2; tries++) {
      const bytes = await bucket.get(name, { offset: 0, length });
      // It was deleted since.
      if (!bytes) return undefined;
      const opened = openCheckpointHead(keys, { volumeId, number, bytes });
      if (!("needsBytes" in opened)) return opened;
      length = opened.needsBytes;
    }
    throw new SealError(`Checkpoint ${number} is cut off`);
  }
}

function restless(): BucketError {
  return new BucketError(
    "uncertain",
    "Checkpoints come and go while they are looked at",
    { hint: "Another node writes to this volume. Stop it there." },
  );
}

function extentsOf(map: VolumeMap): Iterable<MapExtent> {
  return {
    *[Symbol.iterator]() {
      for (const { sector, length, holder, at } of map.runs()) {
        yield { sector, sectors: length, segment: holder, at };
      }
    },
  };
}
