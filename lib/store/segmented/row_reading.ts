/** What is known of a volume while its row is read: where a checkpoint leaves it, and what each segment behind that does to it. */

import type { Clock } from "../../base/clock.ts";
import type { Checkpoint } from "../../segments/checkpoint.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES, type SegmentHead } from "../../segments/segment.ts";
import type { Ancestry } from "./ancestry.ts";
import { CHAIN_START, type ChainEnd } from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { takeNote } from "./note_taking.ts";
import { knownOf, VolumeMap } from "./volume_map.ts";

export interface RowReadingOptions {
  /** Of the volume when it was made. */
  readonly volumeBytes: number;
  readonly ancestry?: Ancestry | undefined;
  readonly clock: Clock;
}

export class RowReading {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly #clock: Clock;
  #end: ChainEnd;
  #sizeBytes: number;

  private constructor(
    parts: Pick<RowReading, "map" | "checkpoints" | "end" | "sizeBytes">,
    clock: Clock,
  ) {
    this.map = parts.map;
    this.checkpoints = parts.checkpoints;
    this.#end = parts.end;
    this.#sizeBytes = parts.sizeBytes;
    this.#clock = clock;
  }

  /** Where one of them leaves it; undefined: at its very beginning. @throws {SealError} where a clone has none */
  static async from(
    checkpoint: Checkpoint | undefined,
    checkpoints: Checkpoints,
    { volumeBytes, ancestry, clock }: RowReadingOptions,
  ): Promise<RowReading> {
    // The row of a clone begins behind a checkpoint.
    if ((checkpoint?.nextSegment ?? 0) < (ancestry?.base ?? 0)) {
      throw new SealError(
        "The checkpoint that this clone began with is missing",
      );
    }
    if (!checkpoint) {
      const map = new VolumeMap();
      const [end, sizeBytes] = [CHAIN_START, volumeBytes];
      return new RowReading({ map, checkpoints, end, sizeBytes }, clock);
    }
    const map = await VolumeMap.of(checkpoint, clock);
    const { nextSegment: next, drained, volumeBytes: sizeBytes } = checkpoint;
    const { epoch, previous: digest, timeMs } = checkpoint.head;
    const end = { next, digest, epoch, timeMs, drained };
    return new RowReading({ map, checkpoints, end, sizeBytes }, clock);
  }

  /** Where the row goes on. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** Of the volume. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Takes the next one, and all that it says; where it throws, nothing of it. @throws {SealError} where something that it needs is not there */
  async take(
    { segment, end }: { readonly segment: SegmentHead; readonly end: ChainEnd },
  ): Promise<void> {
    const { head, note, extents } = segment;
    const { number } = head.identity;
    const [map, checkpoints, clock] = [this.map, this.checkpoints, this.#clock];
    const volume = { map, checkpoints, clock };
    const sizeBytes = (note && await takeNote(volume, note, number)) ??
      this.#sizeBytes;
    const endSector = Math.ceil(sizeBytes / SECTOR_BYTES);
    // Nothing is written past the end before a checkpoint tells of a later one.
    if (extents.some((x) => x.sector + x.sectors > endSector)) {
      throw new SealError("The checkpoint with the volume's size is missing");
    }
    map.apply(knownOf(segment), extents, endSector);
    this.#sizeBytes = sizeBytes;
    this.#end = end;
  }
}
