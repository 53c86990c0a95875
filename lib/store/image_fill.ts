/**
 * Fills a store with an image, so that a fill that was cut off at any moment goes on where it was:
 *
 *     the image so far is compared ──> the rest is written, with checkpoints ──> all of it is in the store, flushed
 *
 * Of a store that is far away nothing is read: a checkpoint holds the digest of the image so far, and the next run goes on where it is if
 * the image still has it, and begins anew if not. What the store holds behind a checkpoint counts for nothing. Zeros become holes.
 */

import { equalBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Digest } from "../base/digest.ts";
import {
  type CopyPhase,
  IMAGE_PIECE_BYTES,
  type ImageSource,
  readPiece,
  type Run,
  runsOf,
} from "./image_copy.ts";
import type { Store } from "./store.ts";

/** How much of the image there is between checkpoints: so much is written twice where it is cut off. */
export const FILL_CHECKPOINT_BYTES = 16 * 1024 * 1024;

/** How far a fill is. */
export interface FillCheckpoint {
  /** So much of the image is in the store, on stable storage. */
  readonly doneBytes: number;
  /** The digest of so much. */
  readonly sha256: Uint8Array;
}

export interface ImageFillOptions {
  readonly source: ImageSource;
  /** At least as long as the source; zeros follow it. The caller closes it. */
  readonly into: Pick<
    Store,
    "sizeBytes" | "write" | "unmap" | "flush" | "nextMapped"
  >;
  /** The last one; undefined where there was none. */
  readonly from: FillCheckpoint | undefined;
  readonly checkpoint: (at: FillCheckpoint) => void;
  /** Called often. */
  readonly progress: (phase: CopyPhase, doneBytes: number) => void;
  readonly sha256: () => Digest;
  readonly clock: Clock;
}

export interface FilledStore {
  /** Over all of the store. */
  readonly sha256: Uint8Array;
  /** How much was there already. */
  readonly keptBytes: number;
}

/** Resolves once all of it is in the store, on stable storage. @throws {VaultError} */
export async function fillFromImage(
  options: ImageFillOptions,
): Promise<FilledStore> {
  const { source, into, checkpoint, progress, clock } = options;
  const { sizeBytes } = into;
  const { digest, keptBytes } = await begin(options);
  const piece = new Uint8Array(IMAGE_PIECE_BYTES);
  let last = keptBytes;
  for (let at = keptBytes; at < sizeBytes;) {
    const part = piece.subarray(0, sizeBytes - at);
    const isHole = !await readPiece(source, at, part);
    const runs = isHole
      ? [{ start: 0, end: part.length, isHole }]
      : runsOf(part);
    await writeRuns(into, { at, part, runs });
    digest.update(part);
    at += part.length;
    progress("copying", at);
    if (at - last >= FILL_CHECKPOINT_BYTES || at === sizeBytes) {
      last = at;
      await into.flush();
      checkpoint({ doneBytes: at, sha256: digest.soFar() });
    }
    // What was written before goes its way meanwhile.
    await clock.sleep(0);
  }
  return { sha256: digest.digest(), keptBytes };
}

/** How much of what was written is what the image holds now; all of that is in the digest. */
async function begin(
  { source, into, from, checkpoint, progress, sha256, clock }: ImageFillOptions,
): Promise<{ digest: Digest; keptBytes: number }> {
  if (from && from.doneBytes <= into.sizeBytes) {
    const digest = sha256();
    const piece = new Uint8Array(IMAGE_PIECE_BYTES);
    for (let at = 0; at < from.doneBytes;) {
      const part = piece.subarray(0, from.doneBytes - at);
      await readPiece(source, at, part);
      digest.update(part);
      at += part.length;
      progress("comparing", at);
      await clock.sleep(0);
    }
    if (equalBytes(digest.soFar(), from.sha256)) {
      return { digest, keptBytes: from.doneBytes };
    }
  }
  const digest = sha256();
  // Before anything is written over what the last one covers.
  checkpoint({ doneBytes: 0, sha256: digest.soFar() });
  return { digest, keptBytes: 0 };
}

/** Where zeros are to be and the store may hold something, that goes. */
async function writeRuns(
  into: ImageFillOptions["into"],
  { at, part, runs }: {
    readonly at: number;
    readonly part: Uint8Array;
    readonly runs: Iterable<Run>;
  },
): Promise<void> {
  for (const { start, end, isHole } of runs) {
    if (!isHole) {
      await into.write(at + start, part.subarray(start, end));
      continue;
    }
    const mapped = into.nextMapped(at + start);
    if (!mapped || mapped.offset >= at + end) continue;
    await into.unmap({ offset: at + start, length: end - start });
  }
}
