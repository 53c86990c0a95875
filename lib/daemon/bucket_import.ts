/**
 * An import into a bucket. Until it is over, what becomes the volume's folder lies in that of the import (`imports.ts`):
 *
 *     key ──▶ superblock in the bucket ──▶ import.json ──▶ the image, through journal and cache as of any volume, with checkpoints
 *         ──▶ all of it is uploaded ──▶ import.json says so: it can become the volume
 *
 * Cut off anywhere, it goes on there: before `import.json` with the same key, behind it with the journal. This process asks the store itself,
 * so a node that is stopped or started meanwhile is in nobody's way.
 */

import { fromHex, toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import type { BucketSpec, KeySpec, VolumeSpec } from "../control/operations.ts";
import { systemClock as clock } from "../os/clock.ts";
import { sha256 } from "../os/digest.ts";
import { makeFolder, remove } from "../os/file.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { openSuperblock, SUPERBLOCK_NUMBER } from "../segments/superblock.ts";
import { type FillCheckpoint, fillFromImage } from "../store/image_fill.ts";
import type { ImageSource } from "../store/image_copy.ts";
import { readSuperblock } from "../store/segmented/bucket_volume.ts";
import { checkBucketSize, checkBucketSpec, reachOf } from "./bucket_address.ts";
import { type BucketDisk, openBucketDisk, troubleOf } from "./bucket_disk.ts";
import { BucketFolder } from "./bucket_folder.ts";
import { makeInBucket, withBucket } from "./bucket_operations.ts";
import {
  type ImportDocument,
  keepImport,
  readImport,
  volumeFolder,
} from "./imports.ts";
import type { TransferWords } from "./volume_import.ts";

/** How often it is looked how much is not uploaded, and whether something is in the way of that. */
const LOOK_MS = 500;

/** Where it goes, and with which key. */
export interface ImportBucket {
  readonly spec: BucketSpec;
  /** Whether the person names a key; else one is made, and that is taken with which the import was begun. */
  readonly namesKey: boolean;
  /** For a volume that is not there yet. */
  readonly newKey: () => Promise<KeySpec>;
  /** The one that is named, of a volume that is there. */
  readonly knownKey: () => Promise<KeySpec>;
}

export interface BucketImportOptions extends TransferWords {
  /** That of the import; nobody else uses it. */
  readonly folder: string;
  readonly volume: VolumeSpec;
  readonly into: ImportBucket;
  readonly source: ImageSource;
}

export interface FilledVolume {
  /** Of all its bytes. */
  readonly sha256: Uint8Array;
  readonly key: KeySpec;
}

const world = { clock, primitives };

/** Resolves once all of the image is in the bucket. @throws {VaultError} whatever goes wrong; what is there stays for the next time */
export async function importIntoBucket(
  options: BucketImportOptions,
): Promise<FilledVolume> {
  const { folder, volume, source, say, progress } = options;
  const half = new BucketFolder(volumeFolder(folder), primitives);
  const note = await begin(options, half);
  if (note.doneBytes > 0) {
    say(
      "It was begun before: the image is compared with what was uploaded of it, and the rest goes on.",
    );
  }
  const { sizeBytes, bucket } = note;
  const disk = await openBucketDisk({
    ...{ folder: half, clock, primitives },
    // Nobody reads it yet.
    document: { name: volume.name, sizeBytes, bucket: sparing(bucket) },
    signal: new AbortController().signal,
    onRetry: (error) => say(`The store does not answer: ${error.message}`),
  });
  try {
    const { sha256: digest } = await watched(disk, say, async () => {
      const filled = await fillFromImage({
        ...{ source, into: disk.store, clock, sha256 },
        from: checkpointOf(note),
        checkpoint: ({ doneBytes, sha256 }) =>
          keepImport(folder, { ...note, doneBytes, soFar: toHex(sha256) }),
        progress: (phase, done) => progress(phase, done, sizeBytes),
      });
      await uploaded(disk, progress);
      return filled;
    });
    const sum = toHex(digest);
    const done = { doneBytes: sizeBytes, soFar: sum, sha256: sum };
    keepImport(folder, { ...note, ...done });
    return { sha256: digest, key: half.key()! };
  } finally {
    await disk.close();
  }
}

type BegunImport = ImportDocument & {
  readonly bucket: NonNullable<ImportDocument["bucket"]>;
};

/** What there is of it, with the limits of now; it is begun where there is nothing. */
async function begin(
  { folder, volume, into }: BucketImportOptions,
  half: BucketFolder,
): Promise<BegunImport> {
  const { spec } = into;
  checkBucketSpec(spec);
  checkBucketSize(volume.sizeBytes);
  const before = readImport(folder);
  if (before) {
    const was = otherwise(before, { volume, spec });
    if (was !== undefined) throw begunOtherwise(volume.name, { was, folder });
    if (into.namesKey) await takeKey(half, into);
    const { sha256: _, ...note } = before;
    return { ...note, bucket: spec };
  }
  makeFolder(volumeFolder(folder));
  await make(half, { volume, into });
  const { sizeBytes, blockSizeBytes } = volume;
  const note = { sizeBytes, blockSizeBytes, doneBytes: 0, bucket: spec };
  keepImport(folder, { version: 1, ...note });
  return { version: 1, ...note };
}

/** The empty volume in the bucket. One that was cut off may have come so far. */
async function make(
  half: BucketFolder,
  { volume, into }: Pick<BucketImportOptions, "volume" | "into">,
): Promise<void> {
  const { spec, namesKey, newKey } = into;
  const kept = half.key();
  const key = kept && !namesKey ? kept : await newKey();
  if (kept && await isMade(half, { key, volume, spec })) {
    return half.begin(key);
  }
  await makeInBucket(volume, { folder: half, spec: { ...spec, key }, world });
}

function isMade(
  half: BucketFolder,
  { key, volume, spec }: {
    readonly key: KeySpec;
    readonly volume: VolumeSpec;
    readonly spec: BucketSpec;
  },
): Promise<boolean> {
  const keys = half.keysOf(key);
  return withBucket(spec, world, async (bucket) => {
    const bytes = await bucket.get(
      keys.nameOf("superblock", SUPERBLOCK_NUMBER),
    );
    if (!bytes) return false;
    const { volumeBytes, blockSizeBytes } = openSuperblock(keys, bytes);
    return volumeBytes === volume.sizeBytes &&
      blockSizeBytes === volume.blockSizeBytes;
  });
}

/** The key that is named, once it is known to be the volume's. */
async function takeKey(
  half: BucketFolder,
  { spec, knownKey }: ImportBucket,
): Promise<void> {
  const key = await knownKey();
  const keys = half.keysOf(key);
  await withBucket(spec, world, (bucket) => readSuperblock(bucket, keys));
  half.keepKey(key);
}

/** How what was begun is not what is asked for; undefined where it is. */
function otherwise(
  { bucket, sizeBytes, blockSizeBytes }: ImportDocument,
  { volume, spec }: { readonly volume: VolumeSpec; readonly spec: BucketSpec },
): string | undefined {
  if (!bucket) return "into a file of the node";
  if (placeOf(bucket) !== placeOf(spec)) return `into ${bucket.url}`;
  if ((bucket.unconditional ?? false) !== (spec.unconditional ?? false)) {
    const how = bucket.unconditional ? "with" : "without";
    return `${how} --unsafe-no-conditional-put`;
  }
  if (sizeBytes !== volume.sizeBytes) return `with ${sizeBytes} bytes`;
  if (blockSizeBytes === volume.blockSizeBytes) return undefined;
  return `with blocks of ${blockSizeBytes} bytes`;
}

/** What was begun is not what is asked for. */
export function begunOtherwise(
  name: string,
  { was, folder }: { readonly was: string; readonly folder: string },
): VaultError {
  return new VaultError(`An import of "${name}" was begun ${was}`, {
    kind: "conflict",
    hint:
      `Go on with that one; or give it up: remove ${folder}, and what is of it in a bucket with the store's own tools.`,
  });
}

/** Forgets what was kept for a volume in a bucket that never was there. */
export function forgetHalf(folder: string): void {
  if (!readImport(folder)) remove(volumeFolder(folder));
}

function placeOf(spec: BucketSpec): string {
  const { s3: { bucket, prefix = "" } } = reachOf(spec);
  return `${bucket}/${prefix}`;
}

function sparing({ prefetch: _, ...bucket }: BucketSpec): BucketSpec {
  return bucket;
}

function checkpointOf(
  { doneBytes, soFar }: ImportDocument,
): FillCheckpoint | undefined {
  const digest = soFar === undefined ? undefined : fromHex(soFar);
  return digest && { doneBytes, sha256: digest };
}

/** Says meanwhile what keeps anything from being uploaded. That the journal is full does not: the image is read as fast as it is uploaded. */
async function watched<T>(
  disk: BucketDisk,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const watch = async () => {
    let told: string | undefined;
    while (!over.signal.aborted) {
      const { paused } = disk.store;
      if (paused !== undefined && paused !== told) say(troubleOf(paused));
      told = paused;
      await clock.sleep(LOOK_MS, over.signal).catch(() => {});
    }
  };
  const watching = watch();
  try {
    return await work();
  } finally {
    over.abort();
    await watching;
  }
}

/** Resolves when nothing is on this machine alone. */
async function uploaded(
  { store }: BucketDisk,
  progress: TransferWords["progress"],
): Promise<void> {
  const over = new AbortController();
  const done = store.drained().finally(() => over.abort());
  // It is looked at in the end.
  done.catch(() => {});
  const totalBytes = store.undrainedBytes;
  while (!over.signal.aborted) {
    progress("uploading", totalBytes - store.undrainedBytes, totalBytes);
    await clock.sleep(LOOK_MS, over.signal).catch(() => {});
  }
  await done;
}
