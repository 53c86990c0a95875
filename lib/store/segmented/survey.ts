/**
 * What of a volume is in its bucket at one moment, and what has to be: a look that goes on where `open` gives up.
 *
 *     superblock ──▶ every mark, every checkpoint ──▶ the row behind the one before the last, and behind the last ──▶ what is listed
 *                                                                     └──▶ the snapshots that count there, and what they need
 *
 * Whoever writes meanwhile deletes checkpoints first and then what only they need. So what is missing is missing where the same checkpoints
 * are still there when one looks again, and nowhere else.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { type Bucket, listAll } from "../../bucket/bucket.ts";
import type { SegmentRecord } from "../../segments/checkpoint.ts";
import {
  SEGMENT_FOLDER,
  SMALL_FOLDER,
  type VolumeKeys,
} from "../../segments/keys.ts";
import type { Mark } from "../../segments/mark.ts";
import type { SegmentHead } from "../../segments/segment.ts";
import { type Ancestry, FIRST_CHECKPOINT } from "./ancestry.ts";
import { CHAIN_START, type ChainEnd, follow } from "./chain.ts";
import { KEPT_CHECKPOINTS } from "./last_checkpoints.ts";
import {
  type BrokenCheckpoint,
  type IntactCheckpoint,
  intactCheckpoint,
} from "./intact_checkpoint.ts";
import { whyOf } from "./object_check.ts";
import { surveyMarks } from "./mark_survey.ts";
import { UPLOADS } from "./row_queue.ts";
import { type SurveyedSnapshot, surveySnapshots } from "./snapshot_survey.ts";
import type { Suspect } from "./suspects.ts";

export interface Survey {
  /** Those that are what was written, in the order in which they go further. */
  readonly checkpoints: readonly IntactCheckpoint[];
  /** All that were listed, before anything else was looked at: one that is gone since is in none of the others. */
  readonly listedCheckpoints: readonly number[];
  /** The segments behind the last checkpoint, as far as the row goes. */
  readonly row: readonly SegmentHead[];
  readonly end: ChainEnd;
  /** Those that count. */
  readonly snapshots: readonly SurveyedSnapshot[];
  /** Segments that are listed, and how long they are. */
  readonly listed: ReadonlyMap<number, number>;
  /** Segments that have to be there, with what is known of them. */
  readonly needed: ReadonlyMap<number, SegmentRecord | undefined>;
  /** How long all that is in the bucket is, without the segments. */
  readonly smallBytes: number;
  readonly smallObjects: number;
  readonly suspects: readonly Suspect[];
}

export interface SurveyOptions {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly clock: Clock;
  readonly volumeId: Uint8Array;
  /** Of a clone. */
  readonly ancestry?: Ancestry | undefined;
  /** Of the volume when it was made. */
  readonly volumeBytes: number;
}

/** Looks. @throws {BucketError} */
export async function survey(options: SurveyOptions): Promise<Survey> {
  return await new Look(options).survey();
}

class Look {
  readonly #options: SurveyOptions;
  readonly #suspects: Suspect[] = [];
  readonly #checkpoints: IntactCheckpoint[] = [];
  readonly #broken: BrokenCheckpoint[] = [];
  readonly #needed = new Map<number, SegmentRecord | undefined>();
  readonly #listedCheckpoints: number[] = [];
  readonly #listedSnapshots: number[] = [];
  #marked: Mark | undefined;
  /** It is not listed, and not there. */
  #isMarkedMissing = false;
  #smallBytes = 0;
  #smallObjects = 0;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  async survey(): Promise<Survey> {
    await this.#small();
    // Before the row is followed: what is listed then is in it, however much is written meanwhile.
    const listed = await this.#listed();
    const checkpoints = this.#checkpoints.sort(byReach);
    const kept = checkpoints.slice(-KEPT_CHECKPOINTS);
    const last = kept.at(-1);
    this.#tellBroken(last);
    const between: SegmentHead[] = [];
    for (const before of kept.slice(0, -1)) {
      if (last) await this.#between({ before, last, row: between });
    }
    for (const { segments } of kept) this.#need(segments);
    const row: SegmentHead[] = [];
    if (!last) this.#expectNoBeginning();
    const from = last ? endOf(last) : CHAIN_START;
    const end = await this.#follow(from, { row, closes: true });
    this.#expectNothingBehind(end, listed);
    this.#expectMarked(end);
    const { snapshots, restored } = await surveySnapshots(this.#options, {
      ...{ last, between, row, checkpoints, broken: this.#broken },
      listed: this.#listedSnapshots,
      suspects: this.#suspects,
    });
    for (const { checkpoint } of snapshots) {
      if (checkpoint) this.#need(checkpoint.segments);
    }
    for (const { segments } of restored) this.#need(segments);
    return {
      ...{ checkpoints, row, end, listed, snapshots },
      needed: this.#needed,
      listedCheckpoints: this.#listedCheckpoints,
      smallBytes: this.#smallBytes,
      smallObjects: this.#smallObjects,
      suspects: this.#suspects,
    };
  }

  async #small(): Promise<void> {
    const { bucket, keys } = this.#options;
    // Before the checkpoints: what is marked then is there, or one that goes further.
    const marks = await surveyMarks(this.#options, this.#suspects);
    this.#smallBytes += marks.bytes;
    this.#smallObjects += marks.objects;
    const numbers = this.#listedCheckpoints;
    for await (const { name, sizeBytes } of listAll(bucket, SMALL_FOLDER)) {
      const parsed = keys.parseName(name);
      if (!parsed) continue;
      this.#smallBytes += sizeBytes;
      this.#smallObjects++;
      if (parsed.kind === "checkpoint") numbers.push(parsed.number);
      if (parsed.kind === "snapshot") {
        this.#listedSnapshots.push(parsed.number);
      }
    }
    for (const number of numbers) await this.#checkpoint(number);
    this.#marked = marks.last;
    const { checkpoint: number } = marks.last ?? {};
    if (number === undefined || numbers.includes(number)) return;
    this.#isMarkedMissing = !await this.#checkpoint(number);
  }

  /** That which is marked is there, or one that goes further. */
  #expectMarked(end: ChainEnd): void {
    const marked = this.#marked;
    if (!marked || !this.#isMarkedMissing) return;
    const { checkpoint: number, nextSegment } = marked;
    if (this.#checkpoints.some((one) => one.nextSegment > nextSegment)) return;
    const why = "it is missing, although it is marked and none goes further";
    // The row behind the one before it may tell the same.
    const closes = end.next < nextSegment ? { closes: true } as const : {};
    this.#suspects.push({ kind: "checkpoint", number, why, ...closes });
  }

  async #listed(): Promise<Map<number, number>> {
    const { bucket, keys } = this.#options;
    const listed = new Map<number, number>();
    for await (const { name, sizeBytes } of listAll(bucket, SEGMENT_FOLDER)) {
      const parsed = keys.parseName(name);
      if (parsed?.kind === "segment") listed.set(parsed.number, sizeBytes);
    }
    return listed;
  }

  /** Whether there is one, whatever it is. */
  async #checkpoint(number: number): Promise<boolean> {
    const found = await intactCheckpoint(this.#options, number);
    if (!found) return false;
    if ("why" in found) this.#broken.push(found);
    else this.#checkpoints.push(found);
    return true;
  }

  /** Whoever opens the volume looks at the heads of all, and at the rest of that which goes furthest. */
  #tellBroken(last: IntactCheckpoint | undefined): void {
    for (const { number, why, nextSegment } of this.#broken) {
      const harmless = nextSegment !== undefined && last !== undefined &&
        byReach({ nextSegment, number }, last) < 0;
      const closes = harmless ? {} : { closes: true } as const;
      this.#suspects.push({ kind: "checkpoint", number, why, ...closes });
    }
  }

  /** The row of a clone begins behind a checkpoint. */
  #expectNoBeginning(): void {
    if (!this.#options.ancestry || this.#broken.length > 0) return;
    const why = "it is missing: this clone began with it";
    const first = { kind: "checkpoint", number: FIRST_CHECKPOINT } as const;
    this.#suspects.push({ ...first, why, closes: true });
  }

  #need(segments: readonly SegmentRecord[]): void {
    for (const record of segments) {
      if (record.liveBytes > 0) this.#needed.set(record.number, record);
    }
  }

  /** Whoever is reading from the one checkpoint when the other comes goes on to where that begins. */
  async #between(
    { before, last, row }: {
      readonly before: IntactCheckpoint;
      readonly last: IntactCheckpoint;
      readonly row: SegmentHead[];
    },
  ): Promise<void> {
    const upTo = last.nextSegment;
    const end = await this.#follow(endOf(before), { row, upTo });
    const meets = end.next === upTo &&
      equalBytes(end.digest, last.head.previous);
    if (meets || this.#suspects.some(isSegment(end.next))) return;
    this.#suspects.push({
      ...{ kind: "segment", number: end.next },
      why:
        `it is missing, or does not follow the one before it: checkpoint ${before.number} does not lead to ${last.number}`,
    });
  }

  /** Gives where the row ends. */
  async #follow(
    from: ChainEnd,
    { row, upTo = Infinity, closes }: {
      readonly row: SegmentHead[];
      readonly upTo?: number;
      readonly closes?: true;
    },
  ): Promise<ChainEnd> {
    let end = from;
    try {
      if (end.next >= upTo) return end;
      for await (const one of follow(this.#options, from)) {
        this.#needed.set(end.next, undefined);
        row.push(one.segment);
        end = one.end;
        if (end.next >= upTo) break;
      }
    } catch (thrown) {
      this.#suspects.push({
        ...{ kind: "segment", number: end.next, why: whyOf(thrown) },
        ...(closes && { closes }),
      });
    }
    return end;
  }

  /** A writer that died leaves no more behind the end of the row than it had under way. */
  #expectNothingBehind(
    { next: number }: ChainEnd,
    listed: ReadonlyMap<number, number>,
  ): void {
    const isBehind = (one: number) => one >= number + UPLOADS;
    if (![...listed.keys()].some(isBehind)) return;
    if (this.#suspects.some(isSegment(number))) return;
    this.#suspects.push({
      ...{ kind: "segment", number, closes: true },
      why:
        "it is missing, or does not follow the one before it, and there are others behind it",
    });
  }
}

/** The checkpoints that are listed now. */
export async function listCheckpoints(
  { bucket, keys }: Pick<SurveyOptions, "bucket" | "keys">,
): Promise<readonly number[]> {
  const numbers: number[] = [];
  for await (const { name } of listAll(bucket, SMALL_FOLDER)) {
    const parsed = keys.parseName(name);
    if (parsed?.kind === "checkpoint") numbers.push(parsed.number);
  }
  return numbers;
}

function byReach(
  a: { readonly nextSegment: number; readonly number: number },
  b: { readonly nextSegment: number; readonly number: number },
): number {
  return a.nextSegment - b.nextSegment || a.number - b.number;
}

/** Where the row goes on behind a checkpoint. */
export function endOf(
  { nextSegment: next, head, drained }: IntactCheckpoint,
): ChainEnd {
  const { previous: digest, epoch, timeMs } = head;
  return { next, digest, epoch, timeMs, drained };
}

function isSegment(number: number): (suspect: Suspect) => boolean {
  return (one) => one.kind === "segment" && one.number === number;
}
