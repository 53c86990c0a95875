/**
 * Makes a volume of an image, in a file or in a bucket (`bucket_import.ts`). What it has copied so far lies in the node's folder for imports
 * (`imports.ts`): the same import, begun again after it was cut off, goes on there.
 */

import { toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { File } from "../base/file.ts";
import type {
  KeySpec,
  NodeOperations,
  VolumeInfo,
  VolumeSpec,
} from "../control/operations.ts";
import { sha256 } from "../os/digest.ts";
import { exists, lockFile, openFile } from "../os/file.ts";
import { join } from "../os/paths.ts";
import { copyImage, type CopyPhase, dataBytes } from "../store/image_copy.ts";
import {
  begunOtherwise,
  forgetHalf,
  type ImportBucket,
  importIntoBucket,
} from "./bucket_import.ts";
import { expectFitForBucket } from "./bucket_operations.ts";
import {
  expectFree,
  type ImageFormat,
  type OpenImage,
  openImage,
} from "./images.ts";
import { keepImport, readImport } from "./imports.ts";

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
  /** In a file of the node unless given. */
  readonly bucket?: ImportBucket;
  /** Zeros may follow an image that does not end with a block. */
  readonly pad: boolean;
  readonly askNode: AskNode;
}

export interface ImportedVolume extends VolumeInfo {
  /** Of all its bytes, in hexadecimal digits. */
  readonly sha256: string;
  /** Of one in a bucket: as it is kept here. */
  readonly key?: KeySpec;
}

/** @throws {VaultError} whatever goes wrong; what was copied stays for the next time */
export async function importVolume(
  options: VolumeImportOptions,
): Promise<ImportedVolume> {
  const { file, format, volume, askNode, bucket } = options;
  const scratch = join(file, "..", `.${volume.name}.${crypto.randomUUID()}`);
  const sized = await openImage(file, { ...(format && { format }), scratch });
  let spec: VolumeSpec;
  try {
    spec = { ...volume, sizeBytes: sizeFor(sized, options) };
  } finally {
    sized.close();
  }
  if (bucket) expectFitForBucket(spec);
  const folder = await askNode((node) => node.stageVolume(spec));
  const lock = lockFile(join(folder, "lock"));
  if (!lock) throw alreadyRuns(volume.name);
  try {
    const filled = await fill(folder, spec, options);
    const made = await askNode((node) => node.adoptVolume(spec));
    return { ...made, ...filled };
  } finally {
    lock.release();
  }
}

async function fill(
  folder: string,
  volume: VolumeSpec,
  options: VolumeImportOptions,
): Promise<Pick<ImportedVolume, "sha256" | "key">> {
  const { file, format, bucket: into, say } = options;
  const source = await openImage(file, {
    ...(format && { format }),
    scratch: join(folder, "window"),
  });
  try {
    say(`${file} is taken as ${source.format}.`);
    if (!into) {
      return { sha256: await copyToFile(folder, { source, volume, options }) };
    }
    const filling = { ...options, folder, volume, into, source };
    const { sha256, key } = await importIntoBucket(filling);
    return { sha256: toHex(sha256), key };
  } finally {
    source.close();
  }
}

async function copyToFile(
  folder: string,
  { source, volume: { name, sizeBytes }, options }: {
    readonly source: OpenImage;
    readonly volume: VolumeSpec;
    readonly options: VolumeImportOptions;
  },
): Promise<string> {
  const { say, progress } = options;
  const checkpoint = (doneBytes: number, sha256?: string) =>
    keepImport(folder, {
      version: 1,
      sizeBytes,
      doneBytes,
      ...(sha256 === undefined ? {} : { sha256 }),
    });
  forgetHalf(folder);
  const note = readImport(folder);
  if (note?.bucket) {
    throw begunOtherwise(name, { was: `into ${note.bucket.url}`, folder });
  }
  const path = join(folder, "data");
  const there = exists(path) ? note : undefined;
  const doneBytes = there?.sizeBytes === sizeBytes ? there.doneBytes : 0;
  let into: File | undefined;
  try {
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
