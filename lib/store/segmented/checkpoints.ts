/**
 * The checkpoints of a volume: found, written, and deleted when later ones stand for them; and with them the snapshots, which are names of
 * checkpoints. Here it is known what of the bucket anybody needs.
 *
 * A writer that has lost the volume and does not know it yet may write one more. What it says is true, of an earlier end of the row; so the one
 * that counts is that which goes furthest, whatever its number.
 */

import { equalBytes, letGo } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import { BucketError } from "../../bucket/bucket.ts";
import {
  type Checkpoint,
  encodingCheckpoint,
  readCheckpoint,
} from "../../segments/checkpoint.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { Head } from "../../segments/sealed.ts";
import type { ChainEnd, ChainOptions } from "./chain.ts";
import { checkpointHead, checkpointNumbers } from "./checkpoint_heads.ts";
import { Kept } from "./kept.ts";
import { LastCheckpoints, wanted } from "./last_checkpoints.ts";
import { type KnownMark, Marks } from "./marks.ts";
import type { VolumeMap } from "./volume_map.ts";
import { readData } from "./whole_data.ts";

/** After so many steps of making one, each of a chunk, others have their turn. */
const STEPS_A_TURN = 4;

/** How often they are looked at anew where one has gone meanwhile. */
const MAX_LOOKS = 8;

/** A checkpoint that was written. */
export type Written = Pick<Head, "digest"> & {
  readonly number: number;
  /** The number of its mark. */
  readonly mark: number;
};

export class Checkpoints {
  /** What is needed beside the last ones. */
  readonly kept: Kept = new Kept();
  readonly #marks: Marks;
  #options: ChainOptions;
  readonly #last = new LastCheckpoints();
  /** Later ones stand for them, and how long they are. Those that are held stay. */
  readonly #stale = new Map<number, number>();
  /** Objects of snapshots that were there when they were looked for, or that were made here. */
  readonly #named = new Set<number>();
  #next = 1;
  /** As of which change the map knows what is kept. */
  #marked: number | undefined;
  /** Those that are not what was written, where these are no hindrance. They go when there is another. */
  readonly #broken: Set<number> | undefined;

  /** Where it `skips` them, what is damaged is as good as not there. */
  constructor(options: ChainOptions, { skips = false } = {}) {
    this.#options = options;
    this.#marks = new Marks(options, { skips });
    if (skips) this.#broken = new Set();
  }

  /** Whether there has ever been one that nobody can read any more, as far as it is known. */
  get isMissing(): boolean {
    return this.#marks.any || (this.#broken?.size ?? 0) > 0;
  }

  /** The last mark that is known: the row goes as far as it says, whatever is listed. */
  get marked(): KnownMark | undefined {
    return this.#marks.last;
  }

  /** They are reached that way from now on. */
  reachedBy(options: ChainOptions): void {
    this.#options = options;
    this.#marks.reachedBy(options);
  }

  /** The one that goes furthest; undefined where there is none. @throws {SealError} where it is not what was written */
  async find(): Promise<Checkpoint | undefined> {
    for (let tries = 0; tries < MAX_LOOKS; tries++) {
      // None of later than that: it may be of one who has claimed the row since.
      const summaries = await this.#summaries(this.#named);
      // One that changes the size alone goes no further than that before it.
      summaries.sort((a, b) =>
        a.nextSegment - b.nextSegment || a.number - b.number
      );
      const best = summaries.pop();
      this.#stale.clear();
      for (const { number, head } of summaries) {
        this.#stale.set(number, head.objectBytes);
      }
      if (!best) return undefined;
      const { number, head } = best;
      const checkpoint = await this.#unlessBroken(
        number,
        () => this.#whole(number, head),
      );
      if (!checkpoint) continue;
      this.#remember(number, head.objectBytes, checkpoint);
      this.kept.begin(checkpoint);
      return checkpoint;
    }
    throw restless();
  }

  /** One that is known to be there. @throws {SealError} where it is not, or is another */
  async read(number: number, digest?: Uint8Array): Promise<Checkpoint> {
    const summary = await checkpointHead(this.#options, number);
    if (summary && digest && !equalBytes(summary.head.digest, digest)) {
      throw new SealError(`Checkpoint ${number} is not that of its snapshot`);
    }
    const whole = summary && await this.#whole(number, summary.head);
    if (whole) return whole;
    throw new SealError(`Checkpoint ${number}, of a snapshot, is missing`);
  }

  /** Whether somebody has written one of a row that goes further than up to `next`. */
  async goFurther(next: number): Promise<boolean> {
    const mark = await this.#marks.find();
    if (mark && mark.nextSegment > next) return true;
    const summaries = await this.#summaries();
    return summaries.some(({ nextSegment }) => nextSegment > next);
  }

  /** Writes what the map is now, at that end of the row. Until this settles it must stay so: others have their turn meanwhile. */
  async write(state: {
    readonly map: VolumeMap;
    readonly end: ChainEnd;
    readonly volumeBytes: number;
    readonly clock: Clock;
    /** Gives what it is sealed into; new memory unless given. Nobody looks at that afterwards. */
    readonly room?: (bytes: number) => Uint8Array<ArrayBuffer>;
  }): Promise<Written> {
    const { bucket, keys, volumeId } = this.#options;
    const { map, end, volumeBytes, clock, room } = state;
    // Those of which nothing lives, too: who opens the volume finds out that they may go.
    const segments = [...map.segments()]
      .map(({ liveSectors, ...record }) => ({
        ...record,
        liveBytes: liveSectors * 512,
      }))
      .sort((a, b) => a.number - b.number);
    const request = {
      ...{ volumeId, volumeBytes, timeMs: clock.now(), epoch: end.epoch },
      ...{ previous: end.digest, nextSegment: end.next, segments },
      drained: end.drained,
      ...{ snapshots: this.kept.snapshots, clones: this.kept.clones },
      ...{ extents: map.walk(), ...(room && { room }) },
    };
    for (let tries = 0; tries < 100; tries++) {
      const number = this.#next++;
      const making = encodingCheckpoint(keys, { ...request, number });
      let step = making.next();
      for (let count = 1; !step.done; step = making.next(), count++) {
        if (count % STEPS_A_TURN === 0) await clock.sleep(0);
      }
      const { bytes, head: { digest } } = step.value;
      const name = keys.nameOf("checkpoint", number);
      if (await bucket.create(name, bytes) !== "created") continue;
      const { length: objectBytes } = bytes;
      letGo(bytes);
      // Until it is marked nothing is deleted that it stands for.
      this.#stale.set(number, objectBytes);
      const { previous, nextSegment, epoch, timeMs } = request;
      const row = { previous, nextSegment, epoch, timeMs };
      await this.#marks.make({ ...row, checkpoint: number });
      this.#stale.delete(number);
      const written = { nextSegment: end.next, segments };
      this.#remember(number, objectBytes, written);
      return { number, digest, mark: this.#marks.last!.number };
    }
    throw new VaultError("There is no number left for another checkpoint");
  }

  /** The object of a snapshot is there, or may be. */
  named(snapshot: number): void {
    this.#named.add(snapshot);
  }

  /** Deletes the objects of snapshots that do not count: what a crash has left, and what was released. */
  async unname(): Promise<void> {
    const { bucket, keys } = this.#options;
    const gone = [...this.#named].filter((number) => !this.kept.counts(number));
    if (gone.length === 0) return;
    await bucket.delete(gone.map((number) => keys.nameOf("snapshot", number)));
    for (const number of gone) this.#named.delete(number);
  }

  /** Lets go of what was released, and where a segment may go, finds out whether a snapshot needs it that nobody has read yet. */
  async look(map: VolumeMap): Promise<void> {
    for (const number of this.kept.forget(this.#last.first)) {
      if (this.#last.has(number)) continue;
      this.#stale.set(number, this.#stale.get(number) ?? 0);
    }
    for (const { number } of map.dead()) {
      if (!this.#last.need(number)) return await this.learn();
    }
  }

  /** Finds out what those snapshots need that nobody has tried to read yet. */
  async learn(): Promise<void> {
    for (const number of this.kept.unread) {
      try {
        this.kept.learn(number, wanted(await this.read(number)));
      } catch (thrown) {
        // What nobody can read may need whatever is there.
        if (!(thrown instanceof SealError)) throw thrown;
        this.kept.giveUp(number, thrown.message);
      }
    }
  }

  /** Tells the map which segments stay for others. An ancestor's stay whatever this volume wants of them. */
  mark(map: VolumeMap): void {
    const { changes } = this.kept;
    if (this.#marked === changes) return;
    this.#marked = changes;
    const base = this.#options.ancestry?.base ?? 0;
    map.keep((number) => number < base || this.kept.needs(number));
  }

  /** Deletes those that later ones stand for. */
  async sweep(): Promise<void> {
    const { bucket, keys } = this.#options;
    const gone = [...this.#stale.keys()]
      .filter((number) => !this.kept.holds(number))
      .concat(...this.#broken ?? []);
    if (gone.length === 0) return;
    await bucket.delete(
      gone.map((number) => keys.nameOf("checkpoint", number)),
    );
    for (const number of gone) this.#stale.delete(number);
    this.#broken?.clear();
  }

  /** Whether anybody needs that segment: who opens the volume, reads on from an earlier state, or looks at a snapshot. */
  needs(segment: number): boolean {
    return this.#last.need(segment) || this.kept.needs(segment);
  }

  /** Whether that is only until another is written: the last one does not need it, though one before does. */
  freesNext(segment: number): boolean {
    return this.#last.freeNext(segment) && !this.kept.needs(segment);
  }

  /** As in {@linkcode LastCheckpoints}. */
  get covered(): number {
    return this.#last.covered;
  }

  /** How far the last one goes; 0 where there is none. */
  get last(): number {
    return this.#last.last;
  }

  /** What the last one takes in the bucket. */
  get lastBytes(): number {
    return this.#last.lastBytes;
  }

  /** What those that are kept take, and those that are not deleted yet. */
  get objectBytes(): number {
    return this.#stale.values()
      .reduce((sum, bytes) => sum + bytes, this.#last.objectBytes);
  }

  #remember(
    number: number,
    objectBytes: number,
    checkpoint: Pick<Checkpoint, "nextSegment" | "segments">,
  ): void {
    for (const gone of this.#last.add(number, objectBytes, checkpoint)) {
      this.#stale.set(gone.number, gone.objectBytes);
    }
  }

  /** Of all that there are at one moment: where one goes meanwhile, others have come. */
  async #summaries(found?: Set<number>) {
    const options = this.#options;
    looks: for (let tries = 0; tries < MAX_LOOKS; tries++) {
      const summaries = [];
      const marked = (await this.#marks.find())?.checkpoint;
      const numbers = await checkpointNumbers(options, { marked, found });
      for (const number of numbers) {
        this.#next = Math.max(this.#next, number + 1);
        const summary = await this.#unlessBroken(
          number,
          () => checkpointHead(options, number),
        );
        if (this.#broken?.has(number)) continue;
        if (!summary) continue looks;
        const { nextSegment, head } = summary;
        summaries.push({ number, nextSegment, head });
      }
      return summaries;
    }
    throw restless();
  }

  /** What is read of it; undefined where it is broken, and that is no hindrance. */
  async #unlessBroken<T>(
    number: number,
    read: () => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#broken?.has(number)) return undefined;
    try {
      return await read();
    } catch (thrown) {
      if (!this.#broken || !(thrown instanceof SealError)) throw thrown;
      this.#broken.add(number);
      return undefined;
    }
  }

  /** Undefined where it is gone. */
  async #whole(number: number, head: Head): Promise<Checkpoint | undefined> {
    const name = this.#options.keys.nameOf("checkpoint", number);
    const data = await readData(this.#options, { name, head });
    return data && readCheckpoint({ head, data });
  }
}

function restless(): BucketError {
  return new BucketError(
    "uncertain",
    "Checkpoints come and go while they are looked at",
    { hint: "Another node writes to this volume. Stop it there." },
  );
}
