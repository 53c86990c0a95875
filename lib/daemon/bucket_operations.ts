/** Volumes in buckets as they come and go: made, found again on another machine, and deleted with what is in the bucket. */

import type { AuditKind } from "../base/audit.ts";
import { invariant, VaultError } from "../base/errors.ts";
import { type Bucket, listAll } from "../bucket/bucket.ts";
import type { Claiming } from "../bucket/bucket_lease.ts";
import { LEASE_NAME } from "../bucket/lease_object.ts";
import type { OpenBucket } from "../bucket/open_bucket.ts";
import { probe } from "../bucket/probe.ts";
import type {
  BucketSpec,
  NewBucket,
  Recovery,
  VolumeSpec,
} from "../control/operations.ts";
import { FOLDERS, SMALL_FOLDER } from "../segments/keys.ts";
import type { VolumeKeys } from "../segments/keys.ts";
import { SUPERBLOCK_NUMBER } from "../segments/superblock.ts";
import {
  type Acceptance,
  createBucketVolume,
  readSuperblock,
  type Shown,
  takeBucketVolume,
} from "../store/segmented/bucket_volume.ts";
import { readHead } from "../store/segmented/chain.ts";
import type { TakenVolume } from "../store/segmented/taken_volume.ts";
import { checkBucketSize, checkBucketSpec, reachOf } from "./bucket_address.ts";
import { reachBucket, type World } from "./bucket_disk.ts";
import { BucketFolder } from "./bucket_folder.ts";
import type { Catalog } from "./catalog.ts";
import type { Live } from "./node_status.ts";
import type { BucketDocument } from "./documents.ts";
import type { Made } from "./volume_making.ts";

/** Somebody waits for an answer: a store that says nothing is given up earlier. */
const SILENCE_MS = 8000;
const DELETED_AT_ONCE = 1000;

/** What goes into the volume's document: nothing that is secret. */
export function bucketDocument({ key: _, ...spec }: NewBucket): BucketDocument {
  return spec;
}

/** The volume in the bucket, and what is kept of it in the new `folder`. @throws {VaultError} where the store is not fit, or not empty */
export async function makeInBucket(
  volume: {
    readonly sizeBytes: number;
    readonly blockSizeBytes: 512 | 4096;
  },
  { folder, spec, world }: {
    readonly folder: BucketFolder;
    readonly spec: NewBucket;
    readonly world: World;
  },
): Promise<void> {
  checkBucketSize(volume.sizeBytes);
  checkBucketSpec(spec);
  folder.begin(spec.key);
  const keys = folder.keys();
  const how = { claiming: "new", probeFolder: SMALL_FOLDER } as const;
  await withBucket(spec, { ...world, ...how }, async (bucket) => {
    await expectEmpty(bucket, spec);
    await createBucketVolume({ ...volume, ...world, bucket, keys });
  });
}

/**
 * Finds a volume whose machine is lost, or given up, and takes it: nobody who had it before can write to it any more. What is kept of it goes
 * into the new `folder`.
 *
 * @throws {VaultError} where there is none of this key, or it is not what was written
 */
export async function recoverFromBucket(
  spec: NewBucket,
  { folder, world, acceptance }: {
    readonly folder: BucketFolder;
    readonly world: World;
    readonly acceptance: Acceptance | undefined;
  },
): Promise<TakenVolume> {
  checkBucketSpec(spec);
  folder.begin(spec.key);
  const keys = folder.keys();
  const how = {
    claiming: "take",
    ...(spec.unconditional && { probeFolder: SMALL_FOLDER }),
  } as const;
  return await withBucket(
    spec,
    { ...world, ...how },
    async (bucket, { elsewhere }) => {
      if (!spec.unconditional) {
        await expectNoLease(bucket, spec);
        // It need not be the store in which the volume was made.
        const { primitives } = world;
        await probe(bucket, { folder: SMALL_FOLDER, primitives });
      }
      return await takeBucketVolume({
        ...{ bucket, elsewhere, keys, clock: world.clock, acceptance },
        keepPin: (pin) => folder.keepPin(pin),
      });
    },
  );
}

/** @throws {VaultError} `usage` where others write without conditions, and whoever writes with them keeps nobody off */
async function expectNoLease(
  bucket: Bucket,
  { url }: BucketSpec,
): Promise<void> {
  if (!await bucket.get(LEASE_NAME, { offset: 0, length: 1 })) return;
  throw new VaultError(`The volume in ${url} is written under a lease`, {
    kind: "usage",
    hint:
      "It was made with --unsafe-no-conditional-put: give that here as well.",
  });
}

/**
 * Deletes the volume's objects and no others, the first of them first: from then on there is no volume. What was left when it was cut off
 * goes when it is called again.
 *
 * @throws {VaultError} `conflict` where another node has the volume
 */
export async function deleteFromBucket(
  spec: BucketSpec,
  { folder, world }: { readonly folder: BucketFolder; readonly world: World },
): Promise<void> {
  const keys = folder.keys();
  await withBucket(spec, world, async (bucket, { removeLease }) => {
    await expectOurs(bucket, { keys, folder });
    await bucket.delete([keys.nameOf("superblock", SUPERBLOCK_NUMBER)]);
    for (const prefix of FOLDERS) {
      let names: string[] = [];
      for await (const { name } of listAll(bucket, prefix)) {
        if (keys.parseName(name)) names.push(name);
        if (names.length < DELETED_AT_ONCE) continue;
        await bucket.delete(names);
        names = [];
      }
      if (names.length > 0) await bucket.delete(names);
    }
    await removeLease?.();
  });
}

async function expectOurs(
  bucket: Bucket,
  { keys, folder }: {
    readonly keys: VolumeKeys;
    readonly folder: BucketFolder;
  },
): Promise<void> {
  const name = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
  if (!await bucket.get(name)) return;
  const { volumeId } = await readSuperblock(bucket, keys);
  const { next, epoch } = folder.pin();
  const found = await readHead({ bucket, keys, volumeId }, next);
  if (!found || found.head.epoch <= epoch) return;
  throw new VaultError(
    `Another node has had this volume since ${
      new Date(found.head.timeMs).toISOString()
    }`,
    {
      kind: "conflict",
      hint: "Delete it there, or only here: without --with-bucket.",
    },
  );
}

/** @throws {VaultError} `conflict` where something is there */
export async function expectEmpty(
  bucket: Bucket,
  { url }: BucketSpec,
): Promise<void> {
  const { objects } = await bucket.list("");
  if (objects.length === 0) return;
  throw new VaultError(`There is something in ${url} already`, {
    kind: "conflict",
    hint:
      "Choose another prefix. If it is a volume of yours: vault volume recover",
  });
}

/** Runs `work` on what is open as long as it runs. */
export async function withBucket<T>(
  spec: BucketSpec,
  world: World & {
    readonly claiming?: Claiming;
    readonly probeFolder?: string;
  },
  work: (bucket: Bucket, opened: OpenBucket) => Promise<T>,
): Promise<T> {
  const reach = reachOf(spec);
  const opened = await reachBucket({
    ...world,
    reach,
    silenceTimeoutMs: SILENCE_MS,
  });
  try {
    return await work(opened.bucket, opened);
  } finally {
    await opened.bucket.close();
  }
}

/** A node that is to have the volume. */
export interface Here extends World {
  readonly state: { readonly catalog: Catalog };
  /** Where it runs. */
  readonly live?: Live;
}

/** @throws {VaultError} `usage` where there is no such volume in a bucket */
export function expectFitForBucket({ readOnly, target }: VolumeSpec): void {
  if (!readOnly && target === undefined) return;
  throw new VaultError(
    "A volume in a bucket can be written to, and has a target of its own",
    { kind: "usage", hint: "Leave out --read-only, --target and --lun." },
  );
}

/** Makes a volume in a bucket. The bucket has it before this node knows of it: a crash in between leaves nothing here. @throws {VaultError} */
export async function createInBucket(
  world: Here,
  { spec, bucket }: { readonly spec: VolumeSpec; readonly bucket: NewBucket },
): Promise<Made> {
  const { catalog } = world.state;
  expectFitForBucket(spec);
  const document = await catalog.install(spec, async (half) => {
    const folder = new BucketFolder(half, world.primitives);
    await makeInBucket(spec, { folder, spec: bucket, world });
    return { bucket: bucketDocument(bucket) };
  });
  try {
    await world.live?.volumes.openBucket(document);
  } catch (thrown) {
    await world.live?.volumes.discard(spec.name);
    catalog.delete(spec.name);
    throw thrown;
  }
  return { document, how: `${spec.sizeBytes} bytes, in ${bucket.url}` };
}

/** Makes a volume of what is found in a bucket, or of what is whole of that where it `acceptsLess`. @throws {VaultError} */
export async function recoverVolume(
  world: Here,
  { name, bucket, acceptsLess, tell }: {
    readonly name: string;
    readonly bucket: NewBucket;
    readonly acceptsLess: boolean;
    /** Told what has happened, for the audit log, whatever comes then. */
    readonly tell: (kind: AuditKind, how: string) => void;
  },
): Promise<Recovery> {
  let taken: TakenVolume | undefined;
  let cut: string | undefined;
  const acceptance = acceptsLess
    ? { pin: undefined, about: (shown: Shown) => cut = shown.cut }
    : undefined;
  // How large it is, the bucket says.
  const spec: VolumeSpec = {
    ...{ name, sizeBytes: 512, blockSizeBytes: 512, readOnly: false },
  };
  const document = await world.state.catalog.install(spec, async (half) => {
    const folder = new BucketFolder(half, world.primitives);
    taken = await recoverFromBucket(bucket, { folder, world, acceptance });
    const { sizeBytes, superblock } = taken;
    const blockSizeBytes = superblock.blockSizeBytes === 4096 ? 4096 : 512;
    return { sizeBytes, blockSizeBytes, bucket: bucketDocument(bucket) };
  });
  invariant(taken, "A volume that was found and not taken");
  tell("volume created", `recovered from ${bucket.url}`);
  if (cut !== undefined) {
    tell("rollback accepted", `what comes then is cut off: ${cut}`);
  }
  const { liveBytes, timeMs } = taken;
  try {
    await world.live?.volumes.openBucket(document, taken);
  } finally {
    taken.letGo();
  }
  return {
    liveBytes,
    ...(timeMs > 0 && { stateOf: new Date(timeMs).toISOString() }),
    ...(cut !== undefined && { cut }),
  };
}
