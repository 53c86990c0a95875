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
  const cut = await readOn(reading, options);
  const { map, end, sizeBytes } = reading;
  return {
    ...{ map, checkpoints, sizeBytes, cut },
    ...{ passed: false, claimed: undefined },
    end: await behindAll(end, { checkpoints, ...options }),
  };
}

/** Reads the row as far as it goes, and gives why it does not go on. */
async function readOn(
  reading: RowReading,
  options: ChainOptions,
): Promise<string> {
  try {
    for await (const one of follow(options, reading.end)) {
      await reading.take(one);
    }
    return `segment ${reading.end.next} is missing or follows another`;
  } catch (thrown) {
    if (!(thrown instanceof SealError)) throw thrown;
    return thrown.message;
  }
}

/** The same end under a number that nobody has used, and that the last writer would use next. */
async function behindAll(
  end: ChainEnd,
  { checkpoints, pin, ...chain }: ChainOptions & {
    readonly checkpoints: Checkpoints;
    readonly pin: Pin | undefined;
  },
): Promise<ChainEnd> {
  const { marked } = checkpoints;
  const { number, isClaim } = await furthestIn(chain);
  const head = await readHead(chain, number).catch((thrown) => {
    if (thrown instanceof SealError) return undefined;
    throw thrown;
  });
  const next = Math.max(
    number + (isClaim ? EPOCH_GAP : 1),
    marked?.nextSegment ?? 0,
    pin?.next ?? 0,
    end.next,
  );
  const epoch = Math.max(
    head?.head.epoch ?? 0,
    marked?.epoch ?? 0,
    pin?.epoch ?? 0,
    end.epoch,
  );
  return { ...end, next, epoch };
}
