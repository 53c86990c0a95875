/**
 * A volume's past, as its bucket has it: the checkpoint that goes furthest, and the segments behind it. Whoever remembers how far the row was
 * known to go finds out whether it is all of it, and nobody else's.
 */

import { equalBytes } from "../../base/bytes.ts";
import { listPages } from "../../bucket/bucket.ts";
import { SEGMENT_FOLDER } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  type ChainEnd,
  type ChainOptions,
  CLAIM_BYTES,
  follow,
} from "./chain.ts";
import { Checkpoints } from "./checkpoints.ts";
import { OtherHistory } from "./other_history.ts";
import { RowReading, type RowReadingOptions } from "./row_reading.ts";
import { UPLOADS } from "./row_queue.ts";
import type { Pin } from "./segment_row.ts";
import type { VolumeMap } from "./volume_map.ts";

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
  /** Why it is not all that there was, where one goes on without the rest (intact_past.ts). */
  readonly cut?: string;
  /** What keeps others from opening it stays until there is another checkpoint. */
  readonly owesCheckpoint?: true;
}

interface PastOptions extends ChainOptions, RowReadingOptions {
  readonly pin: Pin | undefined;
}

/**
 * Reads it. Where another goes on writing meanwhile, what was to be read may be deleted a moment before; then there is a checkpoint that goes
 * further, and it is read from there.
 *
 * @throws {SealError} where it is not what was written
 */
export async function readPast(options: PastOptions): Promise<Past> {
  // It takes as long as reading does.
  const furthest = options.pin
    ? Promise.resolve({ number: 0, isClaim: false })
    : furthestIn(options);
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
  furthest: Promise<Furthest>,
  options: PastOptions,
): Promise<Past & { readonly reached: boolean }> {
  const { pin } = options;
  const reading = await RowReading
    .from(await checkpoints.find(), checkpoints, options);
  let claimed: number | undefined;
  const { marked } = checkpoints;
  const mark = marked &&
    { next: marked.nextSegment, digest: marked.previous };
  let passed = isPinned(reading.end, pin);
  // None but later ones of the same row goes further than the last that is marked.
  let reached = !mark || reading.end.next > mark.next ||
    isPinned(reading.end, mark);
  for (let looked: ChainEnd | undefined;; looked = reading.end) {
    const row = follow(options, reading.end, { ahead: HEADS_AHEAD });
    for await (const one of row) {
      const { digest, epoch } = one.segment.head;
      if (pin?.claims?.some((claim) => equalBytes(digest, claim.digest))) {
        claimed = epoch;
      }
      await reading.take(one);
      passed ||= isPinned(one.end, pin);
      reached ||= isPinned(one.end, mark);
    }
    // Whoever remembers finds out by that.
    if (pin) break;
    const { end } = reading;
    const seen = { end, checkpoints, furthest: (await furthest).number };
    if (!await goesOnBehind(seen, options)) break;
    // Somebody may be writing meanwhile.
    if (looked === end) {
      throw new SealError(
        `Segment ${end.next} is missing or not what was written: there are others behind it`,
      );
    }
  }
  const { map, end, sizeBytes } = reading;
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

/** The segment with the highest number. */
export interface Furthest {
  /** 0 where there is none. */
  readonly number: number;
  /** By its length. */
  readonly isClaim: boolean;
}

/** Of those that are listed. */
export async function furthestIn(
  { bucket, keys }: ChainOptions,
): Promise<Furthest> {
  let furthest: Furthest = { number: 0, isClaim: false };
  await Promise.all(LISTED_PARTS.map(async (digits) => {
    for (const digit of digits) {
      for await (const page of listPages(bucket, SEGMENT_FOLDER + digit)) {
        for (const { name, sizeBytes } of page) {
          const parsed = keys.parseName(name);
          if (parsed?.kind !== "segment") continue;
          const { number } = parsed;
          if (number <= furthest.number) continue;
          furthest = { number, isClaim: sizeBytes === CLAIM_BYTES };
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
