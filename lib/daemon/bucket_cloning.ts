/**
 * Clones of volumes in buckets: made of a snapshot of a volume that is served here, in the same bucket; and what stands in the way of deleting a
 * volume that has some.
 */

import { messageOf, VaultError } from "../base/errors.ts";
import type { CloneSpec, NewBucket } from "../control/operations.ts";
import type { Clone } from "../segments/clone.ts";
import type { VolumeKeys } from "../segments/keys.ts";
import { SealError } from "../segments/seal_error.ts";
import { SUPERBLOCK_NUMBER } from "../segments/superblock.ts";
import { ancestryOf } from "../store/segmented/ancestry.ts";
import { readSuperblock } from "../store/segmented/bucket_volume.ts";
import { cloneVolume } from "../store/segmented/cloning.ts";
import { readPast } from "../store/segmented/past.ts";
import { clonesThatAre, hasClones } from "../store/segmented/volume_clones.ts";
import { checkBucketSpec, reachOf } from "./bucket_address.ts";
import type { BucketDisk, World } from "./bucket_disk.ts";
import { BucketFolder } from "./bucket_folder.ts";
import {
  bucketDocument,
  expectEmpty,
  type Here,
  withBucket,
} from "./bucket_operations.ts";
import { namedOf } from "./bucket_snapshots.ts";
import type { BucketDocument, VolumeDocument } from "./documents.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import type { Made } from "./volume_making.ts";

/** Makes one. The bucket has it before this node knows of it. @throws {VaultError} */
export async function cloneInBucket(
  world: Here,
  asked: CloneSpec,
  spec: NewBucket,
): Promise<Made> {
  const { catalog } = world.state;
  const source = catalog.get(asked.source);
  const bucket = besides(source, spec);
  checkBucketSpec(bucket);
  const disk = diskOf(source, world.live?.volumes);
  const { snapshots } = disk;
  const { number, volumeBytes } = namedOf(
    ...[source.name, await snapshots.list(), asked.snapshot] as const,
  );
  const { blockSizeBytes } = source;
  const document = await catalog.install({
    ...{ name: asked.name, sizeBytes: volumeBytes, blockSizeBytes },
    readOnly: false,
  }, async (half) => {
    const folder = new BucketFolder(half, world.primitives);
    folder.begin(bucket.key);
    const how = { ...world, claiming: "new" } as const;
    await withBucket(bucket, how, async (place) => {
      await expectEmpty(place, bucket);
      const { begin } = await cloneVolume({
        ...{ source: disk.volume, snapshot: number, name: asked.name },
        from: {
          prefix: prefixOf(source.bucket!),
          keys: catalog.bucketFolder(source.name).keys(),
        },
        ...{ prefix: prefixOf(bucket), bucket: place, keys: folder.keys() },
        ...world,
      });
      folder.keepPin(begin);
    });
    return { bucket: bucketDocument(bucket) };
  });
  await world.live?.volumes.openBucket(document);
  const how =
    `a clone of "${asked.source}" at "${asked.snapshot}", in ${bucket.url}`;
  return { document, how };
}

/** @throws {VaultError} `conflict` where a volume reads from that one, which is in a bucket and is to be deleted there */
export async function expectNoClones(
  { name, bucket: spec }: VolumeDocument & { readonly bucket: BucketDocument },
  { folder, world, disk }: {
    readonly folder: BucketFolder;
    readonly world: World;
    /** Where it is open. */
    readonly disk: BucketDisk | undefined;
  },
): Promise<void> {
  const left = disk
    ? (await disk.snapshots.clones.look()).map(({ clone }) => clone)
    : await clonesOf(spec, { keys: folder.keys(), folder, world });
  if (left.length > 0) throw hasClones(`Volume "${name}"`, left);
}

/** A volume was deleted with what was in its bucket. What it was made of, where that is served here, stays for it no more. */
export async function forgetClone(
  { bucket }: VolumeDocument & { readonly bucket: BucketDocument },
  { volumes, names }: {
    readonly volumes: ServedVolumes | undefined;
    /** Of the volumes that there are. */
    readonly names: Iterable<string>;
  },
): Promise<void> {
  const prefix = prefixOf(bucket);
  for (const name of names) {
    const clones = volumes?.bucketDisk(name)?.snapshots.clones;
    if (!clones?.list.some(({ clone }) => clone.prefix === prefix)) continue;
    // Whoever releases the snapshot looks again.
    await clones.look().catch(() => {});
  }
}

/** Of a volume that is not open, as the row in its bucket tells. */
async function clonesOf(
  spec: BucketDocument,
  { keys, folder, world: { clock, primitives } }: {
    readonly keys: VolumeKeys;
    readonly folder: BucketFolder;
    readonly world: World;
  },
): Promise<readonly Clone[]> {
  const world = { clock, primitives };
  return await withBucket(spec, world, async (bucket, { elsewhere }) => {
    // It was begun to be deleted, and it was looked then.
    const superblock = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
    if (!await bucket.get(superblock)) return [];
    try {
      const found = await readSuperblock(bucket, keys);
      const { volumeId, volumeBytes } = found;
      const ancestry = ancestryOf(found, { elsewhere, keys });
      const chain = { bucket, keys, volumeId, ancestry };
      const pin = folder.pin();
      const past = await readPast({ ...chain, volumeBytes, pin, clock });
      const { clones } = past.checkpoints.kept;
      return await clonesThatAre(clones, elsewhere);
    } catch (thrown) {
      if (!(thrown instanceof SealError)) throw thrown;
      throw new VaultError(
        `Cannot find out whether there are clones of it: ${messageOf(thrown)}`,
        {
          kind: "refused",
          hint: "Delete it only here: without --with-bucket.",
        },
      );
    }
  });
}

/** Where the clone shall lie, as it is reached: as its source is. @throws {VaultError} `usage` where that is elsewhere */
function besides(source: VolumeDocument, spec: NewBucket): NewBucket {
  const { name, bucket: its } = source;
  if (!its) {
    throw new VaultError(`Volume "${name}" is not in a bucket`, {
      kind: "usage",
      hint:
        "One in a file is copied: vault volume export, then vault volume import.",
    });
  }
  const wanted = reachOf(spec).s3.bucket;
  const there = reachOf(its).s3.bucket;
  if (wanted !== there) {
    throw new VaultError(
      `A clone of "${name}" cannot lie in the bucket "${wanted}": it shares what is in "${there}"`,
      { kind: "usage", hint: `Choose a prefix there: --store s3://${there}/…` },
    );
  }
  const { endpoint, region, unconditional } = its;
  const { endpoint: _e, region: _r, unconditional: _u, ...rest } = spec;
  return {
    ...rest,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(unconditional && { unconditional }),
  };
}

function diskOf(
  { name }: VolumeDocument,
  served: ServedVolumes | undefined,
): BucketDisk {
  if (!served) {
    throw new VaultError(
      `A clone of volume "${name}" is made only while the node runs`,
      { kind: "refused", hint: "Start it: vault serve" },
    );
  }
  // Where it is not open, that says why.
  served.unit(name);
  const disk = served.bucketDisk(name);
  if (disk) return disk;
  throw new VaultError(`Volume "${name}" is not open`);
}

function prefixOf(spec: BucketDocument): string {
  return reachOf(spec).s3.prefix ?? "";
}
