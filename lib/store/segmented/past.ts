/**
 * A volume's past, as its bucket has it: the checkpoint that goes furthest, and the segments behind it. Whoever remembers how far the row was
 * known to go finds out whether it is all of it, and nobody else's.
 */

import { equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import { listAll } from "../../bucket/bucket.ts";
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
import { UPLOADS } from "./row_queue.ts";
import type { Pin } from "./segment_row.ts";
import { knownOf, VolumeMap } from "./volume_map.ts";

/** How often a volume's past is read where another goes on writing. */
const MAX_READS = 8;

/** How often it is looked for a later checkpoint where what was known to be there is not. */
const MAX_LOOKS = 4;

/** Heads of segments that are read at once where the row is followed. */
const HEADS_AHEAD = 7;

const HEX_DIGITS = "0123456789abcdef";

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
  for (let tries = 1;; tries++) {
    const checkpoints = new Checkpoints(options);
    try {
      const past = await readFrom(checkpoints, options);
      const { pin } = options;
      const isAll = pin === undefined || !isOlder(past.end, pin);
      if (isAll || tries === MAX_READS) return past;
      // A listing that lags does not show the last checkpoint, and all before that may be gone.
      if (!await showsMore(checkpoints)) return past;
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
  options: PastOptions,
): Promise<Past> {
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
  let passed = isPinned(end, pin);
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
    }
    // Whoever remembers finds out by that.
    if (pin || !await goesOnBehind(options, end)) break;
    // Somebody may be writing meanwhile.
    if (looked === end) {
      throw new SealError(
        `Segment ${end.next} is missing or not what was written: there are others behind it`,
      );
    }
  }
  return { map, checkpoints, end, sizeBytes, passed, claimed };
}

/** Whether the row was known to go further than to that end. */
function isOlder(end: ChainEnd, pin: Pin): boolean {
  return end.epoch < pin.epoch ||
    (end.epoch === pin.epoch && end.next < pin.next);
}

function isPinned(end: ChainEnd, pin: Pin | undefined): boolean {
  return end.next === pin?.next && equalBytes(end.digest, pin.digest);
}

/**
 * Whether there are segments behind the end of the row that no writer has left there when it died: so far behind it as none ever uploads
 * at once.
 */
async function goesOnBehind(
  { bucket, keys }: ChainOptions,
  end: ChainEnd,
): Promise<boolean> {
  const goesOn = async (digit: string): Promise<boolean> => {
    for await (const { name } of listAll(bucket, SEGMENT_FOLDER + digit)) {
      const parsed = keys.parseName(name);
      const { number } = parsed?.kind === "segment" ? parsed : { number: 0 };
      if (number >= end.next + UPLOADS) return true;
    }
    return false;
  };
  // A page of a listing says where the next begins. Names are as good as random: by their first digit they are listed side by side.
  const found = await Promise.all(Array.from(HEX_DIGITS, goesOn));
  return found.includes(true);
}

/** @throws {VaultError} where the row is not that which was written here, or less of it */
export function expectPinned(
  { end, passed, claimed }: Pick<Past, "end" | "passed" | "claimed">,
  pin: Pin,
): void {
  if (isOlder(end, pin)) {
    throw new VaultError(
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
  throw new VaultError("Another node has written to this volume since", {
    kind: "conflict",
    hint:
      "One volume in a bucket is served by one node. What was written here and not uploaded is in this node's journal alone.",
  });
}
