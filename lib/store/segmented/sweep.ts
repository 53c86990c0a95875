/**
 * Objects of a volume that nobody needs any more, and their end.
 *
 * What is dead stays until no checkpoint that is kept needs it. So it is a checkpoint that gives room back, which takes some itself: it is worth
 * writing once it frees more than it takes, and a part of the volume that somebody would notice.
 */

import { messageOf } from "../../base/errors.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { type ChainOptions, CLAIM_BYTES } from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { type KnownSegment, objectBytes } from "./ledger.ts";
import type { SegmentReader } from "./segment_reader.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Objects that are deleted with one request. */
const DELETED_AT_ONCE = 500;

/** A checkpoint is written for the sake of dead segments of this share of what lives… */
const WORTH_OF_LIVE = 0.04;
/** …but for no less than this share of one segment, and no less than so many times what it takes itself. */
const WORTH_OF_SEGMENT = 1 / 8;
const WORTH_OF_CHECKPOINT = 2;
/** What frees so many times what it takes costs nothing. */
const CHEAP = 16;

export interface SweepOptions extends ChainOptions {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly reader: SegmentReader;
  /** Of data of a segment. */
  readonly segmentBytes: number;
}

export class Sweep {
  readonly #options: SweepOptions;
  /** What was dead and stayed, last time. */
  #leftBytes: number;
  /** What of that one more checkpoint lets go. */
  #olderBytes = 0;
  #trouble: string | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#leftBytes = this.#deadBytes;
  }

  /** Why something is there yet that nobody needs; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    const { trouble } = this.#options.checkpoints.kept;
    return trouble && `Nothing is deleted any more: ${trouble}`;
  }

  /** Whether so much has died since the last checkpoint that one is worth writing, though what died is deleted with the next one. */
  get frees(): boolean {
    return this.#deadBytes - this.#leftBytes > this.#worth;
  }

  /** Whether the one before the last keeps so much that another is worth writing at once: nobody knows when there is more to write. */
  get freesOlder(): boolean {
    const { lastBytes } = this.#options.checkpoints;
    return this.#olderBytes > 2 * this.#worth ||
      this.#olderBytes > Math.max(this.#worth, CHEAP * lastBytes);
  }

  /**
   * Deletes what nobody needs: names of snapshots that do not count, checkpoints that later ones stand for, and segments in which nothing lives
   * and which nobody reads who opens the volume from a checkpoint that is kept, or looks at a snapshot. What cannot be deleted now is the next
   * time.
   */
  async run(): Promise<void> {
    const { map, checkpoints } = this.#options;
    const dead = [...map.dead()];
    this.#trouble = undefined;
    try {
      await checkpoints.unname();
      await checkpoints.look(map);
      await checkpoints.sweep();
      await this.#delete(
        dead.filter(({ number }) => !checkpoints.needs(number)),
      );
    } catch (thrown) {
      if (!(thrown instanceof BucketError)) throw thrown;
      this.#trouble = `Could not delete what nobody needs: ${
        messageOf(thrown)
      }`;
    }
    this.#leftBytes = this.#deadBytes;
    this.#olderBytes = [...map.dead()]
      .filter(({ number }) =>
        number >= this.#base && checkpoints.freesNext(number)
      )
      .reduce((sum, segment) => sum + objectBytes(segment), 0);
  }

  async #delete(
    dead: readonly KnownSegment[],
  ): Promise<void> {
    const { map, bucket, keys, reader } = this.#options;
    for (let at = 0; at < dead.length; at += DELETED_AT_ONCE) {
      const some = dead.slice(at, at + DELETED_AT_ONCE);
      // A claim stays for good: it is what a writer finds that lost the volume. What is an ancestor's is not this volume's to delete.
      await bucket.delete(
        some.filter((segment) => objectBytes(segment) !== CLAIM_BYTES)
          .filter(({ number }) => number >= this.#base)
          .map(({ number }) => keys.nameOf("segment", number)),
      );
      for (const { number, dataBytes } of some) {
        map.forget(number);
        reader.forget(number, dataBytes);
      }
    }
  }

  /** Below are the segments of ancestors. */
  get #base(): number {
    return this.#options.ancestry?.base ?? 0;
  }

  /** Of those that no snapshot keeps. */
  get #deadBytes(): number {
    const { map, checkpoints } = this.#options;
    checkpoints.mark(map);
    return map.loose.deadBytes;
  }

  get #worth(): number {
    const { map, checkpoints, segmentBytes } = this.#options;
    return Math.max(
      WORTH_OF_LIVE * map.liveBytes,
      WORTH_OF_SEGMENT * segmentBytes,
      WORTH_OF_CHECKPOINT * checkpoints.lastBytes,
    );
  }
}
