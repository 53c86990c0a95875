/**
 * A volume that was taken for a machine that had nothing of it, and what was read of it then: of a large one that is seconds of work, and
 * memory that is not to be there twice. So it is handed over to whoever opens the volume, once, or let go.
 *
 *     found ──▶ claimed ──▶ pin kept ──▶ handed over ──▶ claimed again ──▶ open
 *                                   └──▶ let go
 *
 * It stays true without being read again: nobody but whoever claims the row after us can write behind our claim, and that is found out by
 * the next claim, which is made under the number where what was read ends.
 */

import type { Superblock } from "../../segments/superblock.ts";
import type { ChainOptions } from "./chain.ts";
import type { Past } from "./past.ts";
import type { SegmentRow } from "./segment_row.ts";

export class TakenVolume {
  readonly superblock: Superblock;
  readonly sizeBytes: number;
  readonly liveBytes: number;
  /** When what is in the bucket was written, by its writer's clock; 0 where nothing was. */
  readonly timeMs: number;
  #past: Past | undefined;

  /** The `row` is claimed. */
  constructor({ superblock, past, row }: {
    readonly superblock: Superblock;
    readonly past: Past;
    readonly row: Pick<SegmentRow, "end" | "sizeBytes">;
  }) {
    const { end, sizeBytes } = row;
    this.superblock = superblock;
    this.sizeBytes = sizeBytes;
    this.liveBytes = past.map.liveBytes;
    this.timeMs = past.end.timeMs;
    // The pin that was kept is that of this end.
    this.#past = { ...past, end, sizeBytes, passed: true };
  }

  /** What was read of it, for whoever reaches it that way. Undefined from the second time on: by then it has been changed. */
  handOver(chain: ChainOptions): Past | undefined {
    const past = this.#past;
    this.#past = undefined;
    past?.checkpoints.reachedBy(chain);
    return past;
  }

  /** Nobody opens the volume with it: its memory is free now. */
  letGo(): void {
    this.#past?.map.letGo();
    this.#past = undefined;
  }
}
