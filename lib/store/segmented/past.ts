/**
 * A volume's past, as its bucket has it: the checkpoint that goes furthest, and the segments behind it. Whoever remembers how far the row was
 * known to go finds out whether it is all of it, and nobody else's.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { listPages } from "../../bucket/bucket.ts";
import { SEGMENT_FOLDER } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import {
  CHAIN_START,
  type ChainEnd,
  type ChainOptions,
  follow,
} from "./chain.ts";
import { Checkpoints } from "./checkpoints.ts";
import { takeNote } from "./note_taking.ts";
import { OtherHistory } from "./other_history.ts";
import { UPLOADS } from "./row_queue.ts";
import type { Pin } from "./segment_row.ts";
import { knownOf, VolumeMap } from "./volume_map.ts";

/** How often a volume's past is read where another goes on writing. */
const MAX_READS = 8;

/** How often it is looked for a later checkpoint where what was known to be there is not. */
const MAX_LOOKS = 4;

/** Heads of segments that are read at once where the row is followed. */
const HEADS_AHEAD = 7;

/**
 * A page of a listing says where the next begins, so parts of it are listed side by side: names are as good as random, and these are all first
 * digits. They take half of what may be under way at once, for the row is read meanwhile.
 */
const LISTED_PARTS = ["0123", "4567", "89ab", "cdef"];

/** A volume's past, as far as a bucket tells it. */
export interface Past {
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly end: ChainEnd;
  readonly sizeBytes: number;
  /** Whether the row goes through the place that was kept. */
  readonly passed: boolean;
  /** The epoch of the last claim that was found and was about to be made here, when nobody heard of it any more. */
  readonly claimed: number | undefined;
}

interface PastOptions extends ChainOptions {
  readonly volumeBytes: number;
  readonly pin: Pin | undefined;
  readonly clock: Clock;
}

/**
 * Reads it. Where another goes on writing meanwhile, what was to be read may be deleted a moment before; then there is a checkpoint that goes
 * further, and it is read from there.
 *
 * @throws {SealError} where it is not what was written
 */
export async function readPast(options: PastOptions): Promise<Past> {
  // It takes as long as reading does.
  const furthest = options.pin ? Promise.resolve(0) : furthestIn(options);
  // It is heard of where the row ends, unless that was not reached.
  furthest.catch(() => {});
  for (let tries = 1;; tries++) {
    const checkpoints = new Checkpoints(options);
    try {
      const { reached, ...past } = await readFrom(
        checkpoints,
        furthest,
        options,
      );
      const { pin } = options;
      const isAll = reached && (!pin || !isOlder(past.end, pin));
      if (isAll) return past;
      // A listing that lags does not show the last checkpoint, and all before that may be gone.
      if (tries < MAX_READS && await showsMore(checkpoints)) continue;
      if (reached) return past;
      throw new SealError(
        `The bucket shows less of this volume than its mark ${checkpoints.marked?.number} tells: what was written since is missing`,
      );
    } catch (thrown) {
      if (!(thrown instanceof SealError) || tries === MAX_READS) throw thrown;
      if (!await checkpoints.goFurther(checkpoints.last)) throw thrown;
    }
  }
}

async function showsMore(checkpoints: Checkpoints): Promise<boolean> {
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    if (await checkpoints.goFurther(checkpoints.last)) return true;
  }
  return false;
}

async function readFrom(
  checkpoints: Checkpoints,
  furthest: Promise<number>,
  options: PastOptions,
): Promise<Past & { readonly reached: boolean }> {
  const { pin, clock } = options;
  const checkpoint = await checkpoints.find();
  const map = checkpoint
    ? await VolumeMap.of(checkpoint, clock)
    : new VolumeMap();
  // The row of a clone begins behind a checkpoint.
  if ((checkpoint?.nextSegment ?? 0) < (options.ancestry?.base ?? 0)) {
    throw new SealError("The checkpoint that this clone began with is missing");
  }
  let end = CHAIN_START;
  let sizeBytes = options.volumeBytes;
  if (checkpoint) {
    const { nextSegment: next, drained } = checkpoint;
    const { epoch, previous: digest, timeMs } = checkpoint.head;
    end = { next, digest, epoch, timeMs, drained };
    sizeBytes = checkpoint.volumeBytes;
  }
  let claimed: number | undefined;
  const { marked } = checkpoints;
  const mark = marked &&
    { next: marked.nextSegment, digest: marked.previous };
  let passed = isPinned(end, pin);
  // None but later ones of the same row goes further than the last that is marked.
  let reached = !mark || end.next > mark.next || isPinned(end, mark);
  for (let looked: ChainEnd | undefined;; looked = end) {
    const row = follow(options, end, { ahead: HEADS_AHEAD });
    for await (const { segment, end: after } of row) {
      const { head, note } = segment;
      if (pin?.claims?.some(({ digest }) => equalBytes(head.digest, digest))) {
        claimed = head.epoch;
      }
      if (note) {
        const { number } = head.identity;
        const volume = { map, checkpoints, clock };
        sizeBytes = await takeNote(volume, note, number) ?? sizeBytes;
      }
      const endSector = Math.ceil(sizeBytes / SECTOR_BYTES);
      // Nothing is written past the end before a checkpoint tells of a later one.
      if (segment.extents.some((x) => x.sector + x.sectors > endSector)) {
        throw new SealError("The checkpoint with the volume's size is missing");
      }
      map.apply(knownOf(segment), segment.extents, endSector);
      end = after;
      passed ||= isPinned(end, pin);
      reached ||= isPinned(end, mark);
    }
    // Whoever remembers finds out by that.
    if (pin) break;
    const seen = { end, checkpoints, furthest: await furthest };
    if (!await goesOnBehind(seen, options)) break;
    // Somebody may be writing meanwhile.
    if (looked === end) {
      throw new SealError(
        `Segment ${end.next} is missing or not what was written: there are others behind it`,
      );
    }
  }
  return { map, checkpoints, end, sizeBytes, passed, claimed, reached };
}

/** Whether the row was known to go further than to that end. */
function isOlder(end: ChainEnd, pin: Pin): boolean {
  return end.epoch < pin.epoch ||
    (end.epoch === pin.epoch && end.next < pin.next);
}

function isPinned(
  end: ChainEnd,
  pin: Pick<Pin, "next" | "digest"> | undefined,
): boolean {
  return end.next === pin?.next && equalBytes(end.digest, pin.digest);
}

/**
 * Whether there are segments behind the end of the row that no writer has left there when it died: so far behind it as none ever uploads
 * at once. The listing was made while the row was read: of what came later the first would have that very number, unless it was deleted
 * again, of which a checkpoint tells.
 */
async function goesOnBehind(
  { end, checkpoints, furthest }: Pick<Past, "end" | "checkpoints"> & {
    readonly furthest: number;
  },
  { bucket, keys }: ChainOptions,
): Promise<boolean> {
  const number = end.next + UPLOADS;
  if (furthest >= number) return true;
  const name = keys.nameOf("segment", number);
  if (await bucket.get(name, { offset: 0, length: 1 })) return true;
  return await checkpoints.goFurther(end.next);
}

/** The highest number of a segment that is listed; 0 where none is. */
async function furthestIn({ bucket, keys }: ChainOptions): Promise<number> {
  let furthest = 0;
  await Promise.all(LISTED_PARTS.map(async (digits) => {
    for (const digit of digits) {
      for await (const page of listPages(bucket, SEGMENT_FOLDER + digit)) {
        for (const { name } of page) {
          const parsed = keys.parseName(name);
          if (parsed?.kind !== "segment") continue;
          furthest = Math.max(furthest, parsed.number);
        }
      }
    }
  }));
  return furthest;
}

/** @throws {OtherHistory} where the row is not that which was written here, or less of it */
export function expectPinned(
  { end, passed, claimed }: Pick<Past, "end" | "passed" | "claimed">,
  pin: Pin,
): void {
  if (isOlder(end, pin)) {
    throw new OtherHistory(
      `The bucket shows an older state of this volume, of ${
        new Date(end.timeMs).toISOString()
      }: what was written since is missing`,
      {
        kind: "refused",
        hint:
          "The store lost it, withholds it, or shows a copy from before. Nothing was changed.",
      },
    );
  }
  // A checkpoint that goes further than the pin is another's: ours are written after it. So is whatever follows our claim and is not of it.
  const ours = claimed === undefined
    ? passed && end.epoch === pin.epoch
    : end.epoch === claimed;
  if (ours) return;
  throw new OtherHistory("Another node has written to this volume since", {
    kind: "conflict",
    hint:
      "One volume in a bucket is served by one node. What was written here and not uploaded is in this node's journal alone.",
  });
}
