/**
 * Copies an image into a file, so that a copy that was cut off at any moment goes on where it was:
 *
 *     what was copied is compared ──> the rest is copied, with checkpoints ──> all of it is read back
 *
 * A checkpoint counts what is on stable storage. The next run takes nothing of it for granted: it compares the file with the image so far,
 * drops what lies behind, and goes on where they differ. Zeros become holes. The digest is over all bytes, holes too, and the copy counts
 * only once the file, read back, has the same.
 */

import { equalBytes } from "../base/bytes.ts";
import type { Digest } from "../base/digest.ts";
import { VaultError } from "../base/errors.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import type { File } from "../base/file.ts";
import type { Maybe } from "./store.ts";

/** What is read and written at a time. */
export const IMAGE_PIECE_BYTES = 1024 * 1024;
/** How much is written between checkpoints. */
export const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** Zeros of this length, at a multiple of it, become a hole. */
const HOLE_BYTES = 4096;

/** Where bytes come from. They do not change while it is open. */
export interface ImageSource {
  readonly sizeBytes: number;
  /** The first extent at or after `offset` that may hold something else than zeros. */
  nextData(offset: number): Extent | undefined;
  /** Fills `into` from `offset` on, not beyond its end. @throws {VaultError} */
  read(offset: number, into: Uint8Array): Maybe;
}

export type CopyPhase =
  | "comparing"
  | "copying"
  | "reading back"
  | "uploading";

export interface ImageCopyOptions {
  readonly source: ImageSource;
  /** It ends `sizeBytes` long. The caller closes it. */
  readonly into: File;
  /** At least as long as the source; zeros follow it. */
  readonly sizeBytes: number;
  /** The last checkpoint, 0 where there was none. */
  readonly doneBytes: number;
  /** So much is on stable storage. */
  readonly checkpoint: (doneBytes: number) => void;
  /** Called often. */
  readonly progress: (phase: CopyPhase, doneBytes: number) => void;
  readonly sha256: () => Digest;
}

export interface CopiedImage {
  /** Over all `sizeBytes`. */
  readonly sha256: Uint8Array;
  /** How much was there already, and right. */
  readonly keptBytes: number;
}

/** Resolves once all of it is on stable storage and was read back. @throws {VaultError} */
export async function copyImage(
  options: ImageCopyOptions,
): Promise<CopiedImage> {
  const { into, sizeBytes, sha256 } = options;
  const digest = sha256();
  const keptBytes = await compare(options, digest);
  // What a run that was cut off has left behind its checkpoint goes.
  into.truncate(keptBytes);
  into.truncate(sizeBytes);
  await copyFrom(keptBytes, options, digest);
  await into.sync();
  options.checkpoint(sizeBytes);
  const wanted = digest.digest();
  const whole = { sizeBytes, ...readable(into) };
  const found = await digestOf(whole, {
    sha256,
    progress: (done) => options.progress("reading back", done),
  });
  if (equalBytes(found, wanted)) return { sha256: wanted, keptBytes };
  throw new VaultError("What was written does not read back as it was", {
    hint:
      "The disk below, or its memory, is not to be trusted. Look at its log before trying again.",
  });
}

/** The SHA-256 of all bytes. */
export async function digestOf(
  source: ImageSource,
  options: {
    readonly sha256: () => Digest;
    readonly progress: (doneBytes: number) => void;
  },
): Promise<Uint8Array> {
  const digest = options.sha256();
  const piece = new Uint8Array(IMAGE_PIECE_BYTES);
  for (let at = 0; at < source.sizeBytes;) {
    const part = piece.subarray(0, source.sizeBytes - at);
    await readPiece(source, at, part);
    digest.update(part);
    at += part.length;
    options.progress(at);
  }
  return digest.digest();
}

/** Bytes that may be something else than zeros, from `offset` on. */
export function dataBytes(source: ImageSource, offset: number): number {
  let sum = 0;
  for (
    let data = source.nextData(offset);
    data;
    data = source.nextData(extentEnd(data))
  ) sum += data.length;
  return sum;
}

/** How much of what was copied is right; all of that is in the digest. */
async function compare(
  { source, into, sizeBytes, doneBytes, progress }: ImageCopyOptions,
  digest: Digest,
): Promise<number> {
  const end = Math.min(doneBytes, sizeBytes, into.size());
  const wanted = new Uint8Array(IMAGE_PIECE_BYTES);
  const found = new Uint8Array(IMAGE_PIECE_BYTES);
  const file = { sizeBytes: end, ...readable(into) };
  let at = 0;
  while (at < end) {
    const length = Math.min(IMAGE_PIECE_BYTES, end - at);
    const [want, is] = [wanted.subarray(0, length), found.subarray(0, length)];
    await readPiece(source, at, want);
    await readPiece(file, at, is);
    if (!equalBytes(want, is)) break;
    digest.update(want);
    at += length;
    progress("comparing", at);
  }
  return at;
}

async function copyFrom(
  start: number,
  options: ImageCopyOptions,
  digest: Digest,
): Promise<void> {
  const { source, into, sizeBytes, checkpoint, progress } = options;
  const piece = new Uint8Array(IMAGE_PIECE_BYTES);
  let last = start;
  for (let at = start; at < sizeBytes;) {
    const part = piece.subarray(0, sizeBytes - at);
    if (await readPiece(source, at, part)) writeSparse(into, at, part);
    digest.update(part);
    at += part.length;
    progress("copying", at);
    if (at - last < CHECKPOINT_BYTES) continue;
    last = at;
    await into.sync();
    checkpoint(at);
  }
}

/** Fills `into`, beyond the source's end with zeros. False where it is one hole. */
export async function readPiece(
  source: ImageSource,
  offset: number,
  into: Uint8Array,
): Promise<boolean> {
  const data = source.nextData(offset);
  if (!data || data.offset >= offset + into.length) {
    into.fill(0);
    return false;
  }
  const inside = into.subarray(0, source.sizeBytes - offset);
  const pending = source.read(offset, inside);
  if (pending) await pending;
  into.fill(0, inside.length);
  return true;
}

/** Writes what is not zeros, run by run. The file has a hole there. */
function writeSparse(into: File, offset: number, bytes: Uint8Array): void {
  for (const { start, end, isHole } of runsOf(bytes)) {
    if (!isHole) into.write(offset + start, bytes.subarray(start, end));
  }
}

/** A part of a piece. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly isHole: boolean;
}

/** Bytes in runs of zeros, which become holes, and of others, by turns. */
export function* runsOf(bytes: Uint8Array): Generator<Run> {
  let start = 0;
  let was: boolean | undefined;
  for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
    const isHole = isZero(bytes.subarray(at, at + HOLE_BYTES));
    if (was !== undefined && was !== isHole) {
      yield { start, end: at, isHole: was };
      start = at;
    }
    was = isHole;
  }
  if (was !== undefined) yield { start, end: bytes.length, isHole: was };
}

const ZEROS = new Uint8Array(HOLE_BYTES);

function isZero(bytes: Uint8Array): boolean {
  // The first byte tells most of the time.
  return bytes[0] === 0 && equalBytes(bytes, ZEROS.subarray(0, bytes.length));
}

function readable(file: File): Pick<ImageSource, "nextData" | "read"> {
  return {
    nextData: (offset) => file.nextData(offset),
    read: (offset, into) => file.read(offset, into),
  };
}

/** A raw image: the bytes of a file as they are. */
export function rawImage(file: File): ImageSource {
  return { sizeBytes: file.size(), ...readable(file) };
}
