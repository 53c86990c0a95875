/** A checkpoint, read back and proved to its last extent. */

import {
  type CheckpointSummary,
  decodeBody,
  decodeSummary,
  type SegmentRecord,
} from "../../segments/checkpoint.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { Head } from "../../segments/sealed.ts";
import { checkObject, type ObjectCheckOptions, whyOf } from "./object_check.ts";
import { VolumeMap } from "./volume_map.ts";

/** Extents that are looked at before others have their turn. */
const EXTENTS_AT_ONCE = 16_384;

/** One that is what was written. */
export interface IntactCheckpoint extends CheckpointSummary {
  readonly number: number;
  readonly head: Head;
  readonly segments: readonly SegmentRecord[];
  /** Those that count at its end. */
  readonly snapshots: readonly number[];
}

/** One that is not. */
export interface BrokenCheckpoint {
  readonly number: number;
  readonly why: string;
  /** Undefined where not even its head is what was written. */
  readonly nextSegment: number | undefined;
}

interface Options extends ObjectCheckOptions {
  readonly volumeId: Uint8Array;
}

/** Undefined where there is none. @throws {BucketError} */
export async function intactCheckpoint(
  options: Options,
  number: number,
): Promise<IntactCheckpoint | BrokenCheckpoint | undefined> {
  const found = await readIt(options, number);
  // Where it was deleted since, there is a later one.
  if (!found) return undefined;
  const { head, data, faults: [fault] } = found;
  let summary: CheckpointSummary | undefined;
  try {
    summary = head && decodeSummary(head);
    if (!head || !data || !summary) {
      throw new SealError(fault?.why ?? "it is not whole");
    }
    const { segments, snapshots, extents } = decodeBody(data, summary, head);
    let looked = 0;
    for (const _ of extents) {
      if (++looked % EXTENTS_AT_ONCE === 0) await options.clock.sleep(0);
    }
    return { ...summary, number, head, segments, snapshots };
  } catch (thrown) {
    const why = whyOf(thrown);
    return { number, why, nextSegment: summary?.nextSegment };
  }
}

/** Its map; undefined where it has gone, or is not what was written any more. @throws {BucketError} */
export async function mapOf(
  options: Options,
  number: number,
): Promise<
  { readonly map: VolumeMap; readonly volumeBytes: number } | undefined
> {
  const found = await readIt(options, number);
  if (!found?.head || !found.data) return undefined;
  const summary = decodeSummary(found.head);
  const body = decodeBody(found.data, summary, found.head);
  const map = await VolumeMap.of(body, options.clock);
  return { map, volumeBytes: summary.volumeBytes };
}

function readIt(options: Options, number: number) {
  const { volumeId } = options;
  const identity = { kind: "checkpoint", volumeId, number } as const;
  return checkObject(options, { identity, wantsData: true });
}
