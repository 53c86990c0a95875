/**
 * A snapshot of a volume in a bucket, for somebody who does not have the volume and only reads it: nothing is claimed, and nothing keeps it but
 * that it counts. Whoever has the volume says which snapshots do; that it is this one, and all of it, is proven by the key.
 */

import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import { type Bucket, listAll } from "../../bucket/bucket.ts";
import { SMALL_FOLDER, type VolumeKeys } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import { openSnapshot, type Snapshot } from "../../segments/snapshot.ts";
import type { Store } from "../store.ts";
import { ancestryOf, type Elsewhere } from "./ancestry.ts";
import { readSuperblock } from "./bucket_volume.ts";
import { Checkpoints } from "./checkpoints.ts";
import { SegmentReader } from "./segment_reader.ts";
import { SegmentView } from "./segment_view.ts";
import { VolumeMap } from "./volume_map.ts";

export interface SnapshotReadingOptions {
  /** Closed with what is opened. */
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly clock: Clock;
  /** Where its ancestors lie, if it is a clone. */
  readonly elsewhere?: Elsewhere;
}

/** @throws {VaultError} `not-found` where there is none of that name and moment; {SealError} where it is not what was written */
export async function readSnapshot(
  { bucket, keys, clock, elsewhere }: SnapshotReadingOptions,
  wanted: { readonly name: string; readonly timeMs: number },
): Promise<Store> {
  const superblock = await readSuperblock(bucket, keys);
  const ancestry = ancestryOf(superblock, { elsewhere, keys });
  const { volumeId } = superblock;
  const chain = { bucket, keys, volumeId, ancestry };
  const found = await find(chain, wanted);
  const checkpoint = await new Checkpoints(chain)
    .read(found.number, found.checkpointDigest);
  return new SegmentView({
    map: await VolumeMap.of(checkpoint, clock),
    reader: new SegmentReader({ ...chain, cache: undefined }),
    sizeBytes: checkpoint.volumeBytes,
    release: () => bucket.close(),
  });
}

async function find(
  { bucket, keys, volumeId }: {
    readonly bucket: Bucket;
    readonly keys: VolumeKeys;
    readonly volumeId: Uint8Array;
  },
  { name, timeMs }: { readonly name: string; readonly timeMs: number },
): Promise<Snapshot & { readonly number: number }> {
  let damaged: SealError | undefined;
  for await (const object of listAll(bucket, SMALL_FOLDER)) {
    const parsed = keys.parseName(object.name);
    if (parsed?.kind !== "snapshot") continue;
    const { number } = parsed;
    const bytes = await bucket.get(object.name);
    // Another, which was released since.
    if (!bytes) continue;
    try {
      const snapshot = openSnapshot(keys, { volumeId, number, bytes });
      if (snapshot.name === name && snapshot.timeMs === timeMs) {
        return { ...snapshot, number };
      }
    } catch (thrown) {
      if (!(thrown instanceof SealError)) throw thrown;
      damaged = thrown;
    }
  }
  throw damaged ??
    new VaultError(`The bucket does not show the snapshot "${name}"`, {
      kind: "not-found",
      hint: "It was deleted meanwhile, or the store withholds it.",
    });
}
