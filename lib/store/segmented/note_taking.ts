/** Notes in the row: how they are written, and what they do to what is known of the volume, for who reads the row and for who writes it. */

import type { Clock } from "../../base/clock.ts";
import type { Note } from "../../segments/note.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import type { Checkpoints, Written } from "./checkpoints.ts";
import { VolumeMap } from "./volume_map.ts";

/** What whoever is alone with the row can do to it. */
export interface Hand {
  /** Writes a segment that tells that. When it resolves, it is in the row for good; where it rejects, it may be or not. */
  note(note: Note): Promise<void>;
  /** Writes a checkpoint of now, and deletes nothing: it may be that the volume is lost, and nobody knows it yet. */
  checkpoint(): Promise<Written>;
  /** Writes one and deletes what nobody needs; where that fails, it is done later, and its trouble is told. */
  checkpointSoon(): Promise<void>;
}

/**
 * Takes the note of that segment. Gives the volume's size where it is another from there on. All of it is done or, where it throws, nothing.
 *
 * @throws {SealError} where the state that is restored is not there, or not what was written
 */
export async function takeNote(
  { map, checkpoints, clock }: {
    readonly map: VolumeMap;
    readonly checkpoints: Checkpoints;
    readonly clock: Clock;
  },
  note: Note,
  segment: number,
): Promise<number | undefined> {
  if (note.kind === "resized") {
    map.cut(Math.ceil(note.volumeBytes / SECTOR_BYTES));
    return note.volumeBytes;
  }
  const { kind, snapshot, digest } = note;
  if (kind !== "restored") {
    checkpoints.kept.note(note, segment);
    return undefined;
  }
  const checkpoint = await checkpoints.read(snapshot, digest);
  const then = await VolumeMap.of(checkpoint, clock);
  checkpoints.kept.note(note, segment);
  map.become(then);
  return checkpoint.volumeBytes;
}
