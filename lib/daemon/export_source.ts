/** What an export reads: a snapshot in a file of this machine, or in a bucket, which is asked from here with the store's keys. */

import type { SnapshotInfo } from "../control/operations.ts";
import { systemClock as clock } from "../os/clock.ts";
import { openFile } from "../os/file.ts";
import { join } from "../os/paths.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { type ImageSource, rawImage } from "../store/image_copy.ts";
import { readSnapshot } from "../store/segmented/snapshot_reading.ts";
import { reachOf } from "./bucket_address.ts";
import { reachBucket } from "./bucket_disk.ts";
import { Catalog } from "./catalog.ts";
import type { BucketDocument } from "./documents.ts";
import { SnapshotFolder } from "./snapshot_folder.ts";
import { StateFolder } from "./state_folder.ts";

export interface ExportSource extends ImageSource {
  /** Where it lies as a raw image; undefined where that is no file. */
  readonly path: string | undefined;
  close(): Promise<void>;
}

/** @throws {VaultError} where it is not there, not reached, or not what was written */
export async function openExportSource(
  stateDir: string,
  snapshot: SnapshotInfo,
): Promise<ExportSource> {
  const { volumes } = new StateFolder(stateDir);
  const { volume, name } = snapshot;
  const catalog = new Catalog(volumes, { primitives, clock });
  const { bucket } = catalog.get(volume);
  if (bucket) return await inBucket(bucket, { catalog, snapshot });
  const path = new SnapshotFolder(volume, join(volumes, volume)).dataPath(name);
  const file = openFile(path, { readOnly: true });
  return {
    ...rawImage(file),
    path,
    close: () => Promise.resolve(file.close()),
  };
}

async function inBucket(
  spec: BucketDocument,
  { catalog, snapshot }: {
    readonly catalog: Catalog;
    readonly snapshot: SnapshotInfo;
  },
): Promise<ExportSource> {
  const { volume, name, createdAt } = snapshot;
  const keys = catalog.bucketFolder(volume).keys();
  const reach = reachOf(spec);
  const { bucket, elsewhere } = await reachBucket({ reach, clock, primitives });
  try {
    const timeMs = Date.parse(createdAt);
    const reading = { bucket, elsewhere, keys, clock };
    const store = await readSnapshot(reading, { name, timeMs });
    return {
      sizeBytes: store.sizeBytes,
      nextData: (offset) => store.nextMapped(offset),
      read: (offset, into) => store.read(offset, into),
      path: undefined,
      close: () => store.close(),
    };
  } catch (thrown) {
    await bucket.close();
    throw thrown;
  }
}
