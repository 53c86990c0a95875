/** A volume that goes, with all that is of it on this machine, and in its bucket where that is asked for. */

import { expectNoClones, forgetClone } from "./bucket_cloning.ts";
import type { World } from "./bucket_disk.ts";
import { deleteFromBucket } from "./bucket_operations.ts";
import type { Catalog } from "./catalog.ts";
import type { Live } from "./node_status.ts";

/** @throws {VaultError} where something stands in the way, before anything has happened */
export async function deleteVolume(
  name: string,
  { withBucket, world, stop }: {
    readonly withBucket: boolean;
    readonly world: World & {
      readonly state: { readonly catalog: Catalog };
      readonly live?: Live;
    };
    /** Ends what is being made of the volume. */
    readonly stop: (why: string) => Promise<void>;
  },
): Promise<void> {
  const { state: { catalog }, live } = world;
  catalog.expectDeletable(name);
  const document = withBucket ? catalog.get(name) : undefined;
  const bucket = document?.bucket;
  const stored = bucket && { ...document, bucket };
  const folder = catalog.bucketFolder(name);
  if (stored) {
    const disk = live?.volumes.bucketDisk(name);
    await expectNoClones(stored, { folder, world, disk });
  }
  await stop(`Volume "${name}" was deleted`);
  // Nobody can ask for it any more when those that hold it are told.
  await live?.volumes.discard(name);
  await live?.leases.forget(name);
  // What knows its key goes last: it is done again where it was cut off.
  if (bucket) await deleteFromBucket(bucket, { folder, world });
  catalog.delete(name);
  if (!stored) return;
  const names = catalog.survey().keys();
  await forgetClone(stored, { volumes: live?.volumes, names });
}
