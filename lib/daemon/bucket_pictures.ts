/** Volumes in buckets to look at: as they were when a snapshot was made, or as they are when all that was written is uploaded. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Store } from "../store/store.ts";
import type { BucketDisk } from "./bucket_disk.ts";
import { namedOf } from "./bucket_snapshots.ts";
import type { VolumeDocument } from "./documents.ts";
import type { ServedVolumes } from "./served_volumes.ts";

/** How long a device waits for what was written to be uploaded. */
const UPLOAD_MS = 10_000;

/** Bytes of one of a target's volumes, at one moment. */
export interface Picture {
  readonly volume: VolumeDocument;
  readonly store: Store;
  readonly blockSizeBytes: 512 | 4096;
  release(): Promise<void> | void;
}

interface Node {
  readonly volumes: ServedVolumes;
  readonly clock: Clock;
}

/** @throws {VaultError} `refused` where it takes too long until the bucket has what was written */
export async function bucketPictureOfNow(
  volume: VolumeDocument,
  { volumes, clock }: Node,
): Promise<Picture> {
  const disk = diskOf(volume, volumes);
  const late = new AbortController();
  const inTime = clock.after(
    UPLOAD_MS,
    () => late.abort(notUploaded(volume, disk)),
  );
  try {
    return pictureOf(volume, await disk.snapshots.viewNow(late.signal));
  } finally {
    inTime();
  }
}

/** As it was then, and when that was. @throws {VaultError} `not-found` where there is none of that name */
export async function bucketPicture(
  volume: VolumeDocument,
  snapshot: string,
  { volumes }: Node,
): Promise<Picture & { readonly atMs: number }> {
  const { snapshots } = diskOf(volume, volumes);
  const found = namedOf(volume.name, await snapshots.list(), snapshot);
  const store = await snapshots.view(found.number);
  return { ...pictureOf(volume, store), atMs: found.timeMs };
}

function diskOf({ name }: VolumeDocument, volumes: ServedVolumes): BucketDisk {
  const disk = volumes.bucketDisk(name);
  if (disk) return disk;
  throw new VaultError(`Volume "${name}" is not open`);
}

function pictureOf(volume: VolumeDocument, store: Store): Picture {
  const { blockSizeBytes } = volume;
  return { volume, store, blockSizeBytes, release: () => store.close() };
}

function notUploaded({ name }: VolumeDocument, disk: BucketDisk): VaultError {
  const { undrainedBytes } = disk.store;
  return new VaultError(
    `The node cannot show volume "${name}" as it is at one moment: ${undrainedBytes} bytes are not uploaded yet`,
    {
      kind: "refused",
      hint:
        `Try again later, or look at a snapshot: vault snapshot list ${name} on the node, and attach with --snapshot NAME.`,
    },
  );
}
