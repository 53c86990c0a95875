/**
 * The snapshots of a volume, as a survey finds them: those that count by the last checkpoint and the notes behind it, however much or little of
 * them is listed; and what a restore in the row takes, which a reader may meet.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { SegmentHead } from "../../segments/segment.ts";
import { openSnapshot, type Snapshot } from "../../segments/snapshot.ts";
import {
  type BrokenCheckpoint,
  type IntactCheckpoint,
  intactCheckpoint,
} from "./intact_checkpoint.ts";
import { whyOf } from "./object_check.ts";
import type { SurveyOptions } from "./survey.ts";
import type { Suspect } from "./suspects.ts";

/** Longer than any snapshot. */
const SNAPSHOT_READ_BYTES = 64 * 1024;

/** A snapshot that counts. */
export interface SurveyedSnapshot {
  readonly number: number;
  /** Undefined where its object is not what was written. */
  readonly name: string | undefined;
  /** Undefined where it is not what was written, or is another's. */
  readonly checkpoint: IntactCheckpoint | undefined;
}

/** What the rest of the survey has found. */
export interface SnapshotSurveyRequest {
  readonly last: IntactCheckpoint | undefined;
  /** From the one before the last checkpoint to the last. */
  readonly between: readonly SegmentHead[];
  /** Behind the last. */
  readonly row: readonly SegmentHead[];
  readonly checkpoints: readonly IntactCheckpoint[];
  readonly broken: readonly BrokenCheckpoint[];
  /** Objects of snapshots, also of those that do not count. */
  readonly listed: readonly number[];
  /** What is wrong is put there. */
  readonly suspects: Suspect[];
}

/** Looks. @throws {BucketError} */
export async function surveySnapshots(
  options: SurveyOptions,
  request: SnapshotSurveyRequest,
): Promise<{
  readonly snapshots: readonly SurveyedSnapshot[];
  /** Those that restores in the row name. */
  readonly restored: readonly IntactCheckpoint[];
}> {
  return await new Look(options, request).survey();
}

class Look {
  readonly #options: SurveyOptions;
  readonly #request: SnapshotSurveyRequest;

  constructor(options: SurveyOptions, request: SnapshotSurveyRequest) {
    this.#options = options;
    this.#request = request;
  }

  async survey() {
    const { last, row, between, listed } = this.#request;
    const counting = new Map<number, Uint8Array | undefined>(
      last?.snapshots.map((number) => [number, undefined]),
    );
    for (const { note } of row) {
      if (note?.kind === "kept") counting.set(note.snapshot, note.digest);
      if (note?.kind === "released") counting.delete(note.snapshot);
    }
    const snapshots: SurveyedSnapshot[] = [];
    for (const [number, digest] of counting) {
      snapshots.push(await this.#snapshot(number, digest));
    }
    // What a crash has left counts for nothing, and is looked at all the same.
    for (const number of listed) {
      if (!counting.has(number)) await this.#opened(number);
    }
    const restored = [
      ...await this.#restored(between, {}),
      ...await this.#restored(row, { closes: true }),
    ];
    return { snapshots, restored };
  }

  async #snapshot(
    number: number,
    digest: Uint8Array | undefined,
  ): Promise<SurveyedSnapshot> {
    const opened = await this.#opened(number);
    if (opened === "missing") this.#suspect(number, "it is missing");
    const found = typeof opened === "object" ? opened : undefined;
    const its = digest ?? found?.checkpointDigest;
    const checkpoint = await this.#checkpoint(number, its);
    if ("why" in checkpoint) {
      this.#suspect(number, `its checkpoint ${checkpoint.why}`);
      return { number, name: found?.name, checkpoint: undefined };
    }
    return { number, name: found?.name, checkpoint };
  }

  /** The object of a snapshot, or that it is none: what is wrong with it is told. */
  async #opened(number: number): Promise<Snapshot | "missing" | "damaged"> {
    const { bucket, keys, volumeId } = this.#options;
    const name = keys.nameOf("snapshot", number);
    const range = { offset: 0, length: SNAPSHOT_READ_BYTES };
    const bytes = await bucket.get(name, range);
    if (!bytes) return "missing";
    try {
      return openSnapshot(keys, { volumeId, number, bytes });
    } catch (thrown) {
      this.#suspect(number, whyOf(thrown));
      return "damaged";
    }
  }

  /** Whoever reads the row from before a restore takes the map of that checkpoint. */
  async #restored(
    row: readonly SegmentHead[],
    closes: Pick<Suspect, "closes">,
  ): Promise<IntactCheckpoint[]> {
    const all = [];
    for (const { note } of row) {
      if (note?.kind !== "restored") continue;
      const { snapshot: number, digest } = note;
      const found = await this.#checkpoint(number, digest);
      if (!("why" in found)) all.push(found);
      else {
        const why = `${found.why}, and the volume was put back to it`;
        const suspect = { kind: "checkpoint", number, why, ...closes } as const;
        this.#request.suspects.push(suspect);
      }
    }
    return all;
  }

  /** That of a snapshot, or what is wrong with it. */
  async #checkpoint(
    number: number,
    digest: Uint8Array | undefined,
  ): Promise<IntactCheckpoint | { readonly why: string }> {
    const { checkpoints, broken } = this.#request;
    const known = [...checkpoints, ...broken]
      .find((one) => one.number === number);
    // A listing may lag behind.
    const found = known ?? await intactCheckpoint(this.#options, number);
    if (!found) return { why: "is not there" };
    if ("why" in found) return { why: "is not what was written" };
    if (digest && !equalBytes(found.head.digest, digest)) {
      return { why: "is another" };
    }
    return found;
  }

  #suspect(number: number, why: string): void {
    this.#request.suspects.push({ kind: "snapshot", number, why });
  }
}
