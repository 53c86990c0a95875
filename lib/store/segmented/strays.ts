/**
 * Segments that nobody needs and no map names, found in a listing and deleted.
 *
 * A segment that died lies there until no checkpoint that is kept needs it. Where the process ends before, the next one opens the volume from
 * the last checkpoint, which does not name it any more. The same goes for what a writer had under way when it died, which follows nothing.
 *
 * Nobody else's are deleted. Whoever writes to a volume has claimed its row, and claims under the number where it ended for him. So all numbers
 * below the end of a checkpoint of ours are of the one row which all later writers go on with, or of nobody:
 *
 * - A writer before us can put nothing there that counts, however late it arrives: the first number that it would use is that of a claim.
 * - A writer after us has made its claim behind our end, which no checkpoint of ours goes beyond, and uses higher numbers. What it still needs
 *   of the lower ones was needed by the checkpoint, too: in a row, what is dead stays dead. (What a snapshot brings back, it has kept.)
 *
 * One thing breaks that: a bucket that was put back behind a writer which lives on, and was taken as it is. Then numbers are used anew that the
 * writer takes for its own, until it finds that out.
 *
 * Claims stay, whoever made them: they are what a writer finds that lost the volume.
 */

import { listAll } from "../../bucket/bucket.ts";
import { SEGMENT_FOLDER } from "../../segments/keys.ts";
import { type ChainOptions, CLAIM_BYTES } from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { SegmentRow } from "./segment_row.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Objects that are deleted with one request. */
const DELETED_AT_ONCE = 500;

export interface StraysOptions extends ChainOptions {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly row: Pick<SegmentRow, "end" | "claimedAt">;
}

export class Strays {
  readonly #options: StraysOptions;
  /** Below there are none any more of those that were there before the last claim. */
  #searched = 0;
  #keptBytes = 0;
  #deleted = 0;

  constructor(options: StraysOptions) {
    this.#options = options;
  }

  /** How many were deleted since the volume was opened. */
  get deleted(): number {
    return this.#deleted;
  }

  /** What those take that have to stay for now. */
  get objectBytes(): number {
    return this.#keptBytes;
  }

  /** Whether there may be some: after each claim, and again when all that it ended is below the checkpoints that are kept. */
  get due(): boolean {
    const { checkpoints, row } = this.#options;
    return this.#searched <= row.claimedAt &&
      this.#searched < checkpoints.covered;
  }

  /** Looks through all segments of the bucket, page by page. @throws {BucketError} */
  async search(signal: AbortSignal): Promise<void> {
    const { bucket, keys, map, checkpoints, row } = this.#options;
    // Until it is read, a snapshot needs all.
    await checkpoints.learn();
    const { covered } = checkpoints;
    const { next } = row.end;
    let keptBytes = 0;
    let found: string[] = [];
    for await (const { name, sizeBytes } of listAll(bucket, SEGMENT_FOLDER)) {
      signal.throwIfAborted();
      const parsed = keys.parseName(name);
      if (parsed?.kind !== "segment" || sizeBytes === CLAIM_BYTES) continue;
      const { number } = parsed;
      // From there on it may be in the row a moment later.
      if (number >= next || map.segment(number)) continue;
      if (number >= covered || checkpoints.needs(number)) {
        keptBytes += sizeBytes;
        continue;
      }
      found.push(name);
      if (found.length < DELETED_AT_ONCE) continue;
      await this.#delete(found);
      found = [];
    }
    if (found.length > 0) await this.#delete(found);
    this.#keptBytes = keptBytes;
    this.#searched = covered;
  }

  async #delete(names: readonly string[]): Promise<void> {
    await this.#options.bucket.delete(names);
    this.#deleted += names.length;
  }
}
