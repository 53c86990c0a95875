/**
 * A volume's past up to the first thing that is missing or damaged, where its owner says to go on without the rest: a state that it has had.
 *
 *     checkpoint ──▶ 41 ──▶ 42 ──▶ 43, damaged     44 ──▶ 45          behind all that there is: 46, a claim that follows 42
 *                                                                     └─▶ a checkpoint: the row goes on here, whatever lies between
 *
 * Nothing in between counts any more, and it is deleted like whatever else a writer has left. The claim lies where the last writer would go
 * on: it finds that it has lost the volume.
 */

import { SealError } from "../../segments/seal_error.ts";
import {
  type ChainEnd,
  type ChainOptions,
  EPOCH_GAP,
  follow,
  type Pin,
  readHead,
} from "./chain.ts";
import { Checkpoints } from "./checkpoints.ts";
import { furthestIn, type Past } from "./past.ts";
import { UPLOADS } from "./row_queue.ts";
import { RowReading, type RowReadingOptions } from "./row_reading.ts";

/**
 * Reads it. Nobody else may be writing: what goes meanwhile is taken for missing.
 *
 * @throws {SealError} where there is nothing to begin with
 */
export async function readIntactPast(
  options: ChainOptions & RowReadingOptions & {
    /** How far the row was known to go, where somebody remembers. */
    readonly pin: Pin | undefined;
  },
): Promise<Past> {
  const checkpoints = new Checkpoints(options, { skips: true });
  const checkpoint = await checkpoints.find();
  if (!checkpoint && checkpoints.isMissing) {
    throw new SealError(
      "None of the volume's checkpoints can be read: nobody knows any more what is where in it",
    );
  }
  const reading = await RowReading.from(checkpoint, checkpoints, options);
  const broken = await readOn(reading, options);
  const { map, end, sizeBytes } = reading;
  const reach = await reachOf(checkpoints, options);
  const more = await isMore(end, reach, options);
  const cut = broken ??
    (more ? `segment ${end.next} is missing, or follows another` : undefined);
  const past = {
    ...{ map, checkpoints, sizeBytes },
    ...{ passed: false, claimed: undefined, owesCheckpoint: true as const },
  };
  if (cut === undefined) return { ...past, end };
  const next = Math.max(end.next, reach.next);
  const epoch = Math.max(end.epoch, reach.epoch);
  return { ...past, end: { ...end, next, epoch }, cut };
}

/** Reads the row as far as it goes, and gives what is in the way; undefined where it ends. */
async function readOn(
  reading: RowReading,
  options: ChainOptions,
): Promise<string | undefined> {
  try {
    for await (const one of follow(options, reading.end)) {
      await reading.take(one);
    }
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof SealError)) throw thrown;
    return thrown.message;
  }
}

/** How far the row has gone, by all that is listed, marked and remembered. */
interface Reach {
  /** The number that the last writer would use next. */
  readonly next: number;
  readonly epoch: number;
  /** The highest that is listed. */
  readonly listed: number;
  /** Where it is known to have ended at least. */
  readonly known: number;
}

async function reachOf(
  { marked }: Checkpoints,
  { pin, ...chain }: ChainOptions & { readonly pin: Pin | undefined },
): Promise<Reach> {
  const { number, isClaim } = await furthestIn(chain);
  const head = await readHead(chain, number).catch((thrown) => {
    if (thrown instanceof SealError) return undefined;
    throw thrown;
  });
  const known = Math.max(marked?.nextSegment ?? 0, pin?.next ?? 0);
  return {
    next: Math.max(known, number + (isClaim ? EPOCH_GAP : 1)),
    epoch: Math.max(
      head?.head.epoch ?? 0,
      marked?.epoch ?? 0,
      pin?.epoch ?? 0,
    ),
    listed: number,
    known,
  };
}

/** Whether there was more behind that end than a writer leaves that died. */
async function isMore(
  { next }: ChainEnd,
  { listed, known }: Reach,
  { bucket, keys }: ChainOptions,
): Promise<boolean> {
  if (known > next || listed >= next + UPLOADS) return true;
  const name = keys.nameOf("segment", next);
  return await bucket.get(name, { offset: 0, length: 1 }) !== undefined;
}
