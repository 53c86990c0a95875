/**
 * Makes a volume of an image. What it has copied so far lies in the node's folder for imports (`imports.ts`): the same import, begun again
 * after it was cut off, goes on there.
 */

import { toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { File } from "../base/file.ts";
import type {
  NodeOperations,
  VolumeInfo,
  VolumeSpec,
} from "../control/operations.ts";
import { sha256 } from "../os/digest.ts";
import { exists, lockFile, openFile } from "../os/file.ts";
import { join } from "../os/paths.ts";
import { copyImage, type CopyPhase, dataBytes } from "../store/image_copy.ts";
import { readDocument, writeDocument } from "./documents.ts";
import {
  expectFree,
  type ImageFormat,
  type OpenImage,
  openImage,
} from "./images.ts";
import { ImportDocument } from "./imports.ts";

/** What both ways of a transfer tell meanwhile. */
export interface TransferWords {
  /** A sentence. */
  readonly say: (line: string) => void;
  readonly progress: (
    phase: CopyPhase,
    doneBytes: number,
    totalBytes: number,
  ) => void;
}

/** Asks the node, running or not. */
export type AskNode = <T>(
  ask: (node: NodeOperations) => Promise<T>,
) => Promise<T>;

export interface VolumeImportOptions extends TransferWords {
  /** The image, absolute. */
  readonly file: string;
  /** What its first bytes say unless given. */
  readonly format?: ImageFormat;
  /** The image says how large it is. */
  readonly volume: Omit<VolumeSpec, "sizeBytes">;
  /** Zeros may follow an image that does not end with a block. */
  readonly pad: boolean;
  readonly askNode: AskNode;
}

export interface ImportedVolume extends VolumeInfo {
  /** Of all its bytes, in hexadecimal digits. */
  readonly sha256: string;
}

/** @throws {VaultError} whatever goes wrong; what was copied stays for the next time */
export async function importVolume(
  options: VolumeImportOptions,
): Promise<ImportedVolume> {
  const { file, format, volume, askNode } = options;
  const scratch = join(file, "..", `.${volume.name}.${crypto.randomUUID()}`);
  const sized = await openImage(file, { ...(format && { format }), scratch });
  let spec: VolumeSpec;
  try {
    spec = { ...volume, sizeBytes: sizeFor(sized, options) };
  } finally {
    sized.close();
  }
  const folder = await askNode((node) => node.stageVolume(spec));
  const lock = lockFile(join(folder, "lock"));
  if (!lock) throw alreadyRuns(volume.name);
  let digest: string;
  try {
    digest = await gather(folder, spec, options);
    const made = await askNode((node) => node.adoptVolume(spec));
    return { ...made, sha256: digest };
  } finally {
    lock.release();
  }
}

async function gather(
  folder: string,
  spec: VolumeSpec,
  options: VolumeImportOptions,
): Promise<string> {
  const { file, format, say, progress } = options;
  const { sizeBytes } = spec;
  const note = join(folder, "import.json");
  const checkpoint = (doneBytes: number, sha256?: string) =>
    writeDocument(note, {
      version: 1,
      sizeBytes,
      doneBytes,
      ...(sha256 === undefined ? {} : { sha256 }),
    });
  const path = join(folder, "data");
  const there = exists(path) ? readDocument(note, ImportDocument) : undefined;
  const doneBytes = there?.sizeBytes === sizeBytes ? there.doneBytes : 0;
  const source = await openImage(file, {
    ...(format && { format }),
    scratch: join(folder, "window"),
  });
  let into: File | undefined;
  try {
    say(`${file} is taken as ${source.format}.`);
    expectFree(folder, dataBytes(source, doneBytes));
    if (doneBytes > 0) {
      say(
        "It was begun before: what is there already is compared, and the rest copied.",
      );
    }
    // It is not whole while it is written to.
    checkpoint(doneBytes);
    into = openFile(path, { create: !exists(path) });
    const copied = await copyImage({
      source,
      into,
      sizeBytes,
      doneBytes,
      checkpoint,
      progress: (phase, done) => progress(phase, done, sizeBytes),
      sha256,
    });
    const digest = toHex(copied.sha256);
    checkpoint(sizeBytes, digest);
    return digest;
  } finally {
    into?.close();
    source.close();
  }
}

/** @throws {VaultError} where the image does not end with a block, and zeros are not wanted */
function sizeFor(image: OpenImage, options: VolumeImportOptions): number {
  const { file, pad, volume: { blockSizeBytes }, say } = options;
  const { sizeBytes } = image;
  const missing = (blockSizeBytes - sizeBytes % blockSizeBytes) %
    blockSizeBytes;
  if (missing === 0) return sizeBytes;
  if (pad) {
    say(`${missing} bytes of zeros follow the image, to the end of a block.`);
    return sizeBytes + missing;
  }
  throw new VaultError(
    `${file} has ${sizeBytes} bytes, which is no multiple of the block size, ${blockSizeBytes}`,
    {
      kind: "usage",
      hint: `--pad lets ${missing} bytes of zeros follow it.`,
    },
  );
}

function alreadyRuns(name: string): VaultError {
  return new VaultError(`Another import makes volume "${name}" just now`, {
    kind: "conflict",
    hint: "Wait for it to end, or end it.",
  });
}
