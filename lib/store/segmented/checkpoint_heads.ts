/** Which checkpoints there are, and their heads. */

import { listAll } from "../../bucket/bucket.ts";
import {
  type CheckpointSummary,
  openCheckpointHead,
} from "../../segments/checkpoint.ts";
import { SMALL_FOLDER } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import type { Head } from "../../segments/sealed.ts";
import type { ChainOptions } from "./chain.ts";

/** Enough to have the head of any. */
const HEAD_READ_BYTES = 128 * 1024;

/**
 * Of those that are listed, of that which is marked, and of those that follow them: a listing may lag behind. `found` is told of snapshots that
 * are listed.
 */
export async function checkpointNumbers(
  options: ChainOptions,
  { marked, found }: {
    readonly marked?: number | undefined;
    readonly found?: Set<number> | undefined;
  } = {},
): Promise<readonly number[]> {
  const { bucket, keys } = options;
  const numbers = new Set<number>();
  for await (const { name } of listAll(bucket, SMALL_FOLDER)) {
    const parsed = keys.parseName(name);
    if (parsed?.kind === "checkpoint") numbers.add(parsed.number);
    if (parsed?.kind === "snapshot") found?.add(parsed.number);
  }
  const isThere = async (number: number): Promise<boolean> => {
    const name = keys.nameOf("checkpoint", number);
    return await bucket.get(name, { offset: 0, length: 1 }) !== undefined;
  };
  if (marked !== undefined && await isThere(marked)) numbers.add(marked);
  let next = Math.max(0, ...numbers) + 1;
  while (await isThere(next)) numbers.add(next++);
  return [...numbers];
}

/** Undefined where it is gone. @throws {SealError} */
export async function checkpointHead(
  { bucket, keys, volumeId }: ChainOptions,
  number: number,
): Promise<CheckpointSummary & { readonly head: Head } | undefined> {
  const name = keys.nameOf("checkpoint", number);
  for (let length = HEAD_READ_BYTES, tries = 0; tries < 2; tries++) {
    const bytes = await bucket.get(name, { offset: 0, length });
    if (!bytes) return undefined;
    const opened = openCheckpointHead(keys, { volumeId, number, bytes });
    if (!("needsBytes" in opened)) return opened;
    length = opened.needsBytes;
  }
  throw new SealError(`Checkpoint ${number} is cut off`);
}
