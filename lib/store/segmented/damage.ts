/** What of a volume is hit where objects of it are not what they should be. */

import { type Extent, extentEnd } from "../../base/extent.ts";
import { CHUNK_BYTES } from "../../segments/sealed.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import type { Run } from "../extent_map.ts";
import { ownerOf } from "./ancestry.ts";
import { mapOf } from "./intact_checkpoint.ts";
import type { SurveyedSnapshot } from "./snapshot_survey.ts";
import type { Survey, SurveyOptions } from "./survey.ts";
import type { Suspect } from "./suspects.ts";
import { knownOf, VolumeMap } from "./volume_map.ts";

const CHUNK_SECTORS = CHUNK_BYTES / SECTOR_BYTES;

/** Extents of one object that are told. */
export const MAX_TOLD_EXTENTS = 100;

/** Runs of a map that are taken before others have their turn. */
const RUNS_AT_ONCE = 16_384;

/** An object that is not what it should be, and what that does to the volume. */
export interface Damage extends Suspect {
  /** Under which it lies, or should. */
  readonly name: string;
  /** Of an ancestor's: where in the bucket that lies. */
  readonly prefix?: string;
  /** `all`: the volume cannot be opened. Else what of it cannot be read, in its order. */
  readonly extents: "all" | readonly Extent[];
  /** How many of those are left out. */
  readonly moreExtents: number;
  /** Names of snapshots that need it: they cannot be read, or not all of them. */
  readonly snapshots: readonly string[];
}

/** The same objects, with what they hit; undefined where the checkpoint has gone that says it. */
export async function damagesOf(
  suspects: readonly Suspect[],
  { found, options }: {
    readonly found: Survey;
    readonly options: SurveyOptions;
  },
): Promise<readonly Damage[] | undefined> {
  const { clock } = options;
  const hit = new Map<number, Extent[]>();
  for (const { kind, number, closes } of suspects) {
    if (kind === "segment" && !closes) hit.set(number, []);
  }
  const map = hit.size > 0 ? await newestMap(found, options) : new VolumeMap();
  if (!map) return undefined;
  const chunks = new Map(
    suspects.filter(({ kind }) => kind === "segment")
      .map(({ number, chunks }) => [number, chunks]),
  );
  let looked = 0;
  for (const run of map.runs()) {
    const extents = hit.get(run.holder);
    for (const part of extents ? partsOf(run, chunks.get(run.holder)) : []) {
      take(extents!, part);
    }
    if (++looked % RUNS_AT_ONCE === 0) await clock.sleep(0);
  }
  return suspects.map((suspect) => {
    const { kind, number, closes } = suspect;
    const all = (kind === "segment" && hit.get(number)) || [];
    const { keys, prefix } = kind === "segment"
      ? ownerOf(options, number)
      : { ...options, prefix: undefined };
    return {
      ...suspect,
      name: keys.nameOf(kind, number),
      ...(prefix !== undefined && { prefix }),
      extents: closes ? "all" : all.slice(0, MAX_TOLD_EXTENTS),
      moreExtents: Math.max(0, all.length - MAX_TOLD_EXTENTS),
      snapshots: snapshotsWith(suspect, found),
    };
  });
}

/** Where everything lies, by the last checkpoint and the row behind it. */
async function newestMap(
  { checkpoints, row }: Survey,
  options: SurveyOptions,
): Promise<VolumeMap | undefined> {
  const last = checkpoints.at(-1);
  let state = last
    ? await mapOf(options, last.number)
    : { map: new VolumeMap(), volumeBytes: options.volumeBytes };
  for (const segment of row) {
    const { note } = segment;
    if (note?.kind === "restored") state = await mapOf(options, note.snapshot);
    if (!state) return undefined;
    if (note?.kind === "resized") {
      state = { ...state, volumeBytes: note.volumeBytes };
    }
    const endSector = Math.ceil(state.volumeBytes / SECTOR_BYTES);
    if (note?.kind === "resized") state.map.cut(endSector);
    state.map.apply(knownOf(segment), segment.extents, endSector);
  }
  return state?.map;
}

/** The snapshots that need it, by name. */
function snapshotsWith(
  { kind, number }: Suspect,
  { snapshots }: Survey,
): readonly string[] {
  const needs = ({ number: its, checkpoint }: SurveyedSnapshot) =>
    kind === "segment"
      ? checkpoint?.segments.some((one) =>
        one.number === number && one.liveBytes > 0
      )
      : (kind === "checkpoint" || kind === "snapshot") && its === number;
  return snapshots.filter(needs)
    .map(({ number, name }) => name ?? `number ${number}`);
}

/** What of a run lies in those chunks of its segment; all of it where none are named. */
function partsOf(run: Run, chunks: readonly number[] | undefined): Extent[] {
  if (!chunks) return [partOf(run, { from: run.at, to: run.at + run.length })];
  return chunks.map((chunk) => ({
    from: Math.max(run.at, chunk * CHUNK_SECTORS),
    to: Math.min(run.at + run.length, (chunk + 1) * CHUNK_SECTORS),
  })).filter(({ from, to }) => to > from).map((span) => partOf(run, span));
}

/** `span` is of the segment's data. */
function partOf(
  { sector, at }: Run,
  { from, to }: { readonly from: number; readonly to: number },
): Extent {
  return {
    offset: (sector + from - at) * SECTOR_BYTES,
    length: (to - from) * SECTOR_BYTES,
  };
}

/** Behind those that are there, or one with the last of them. */
function take(extents: Extent[], part: Extent): void {
  const last = extents.at(-1);
  if (last && extentEnd(last) === part.offset) {
    extents[extents.length - 1] = {
      offset: last.offset,
      length: last.length + part.length,
    };
  } else extents.push(part);
}
