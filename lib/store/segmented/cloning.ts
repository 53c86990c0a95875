/**
 * A clone of a snapshot: a volume of its own that begins with what the snapshot has, and copies nothing of it but the map.
 *
 *     note in the row of the source: cloned ──▶ the clone's first checkpoint ──▶ its superblock ──▶ the source is still its writer's: it is made
 *
 * The superblock comes last, and with it the clone is there, whole. Before, there is nothing that anybody could open; and from before anything
 * is there of it the source keeps what it needs.
 */

import { VaultError } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import type { Primitives } from "../../base/primitives.ts";
import { type Bucket, listAll } from "../../bucket/bucket.ts";
import { type Ancestor, MAX_ANCESTORS } from "../../segments/ancestor.ts";
import type { Checkpoint } from "../../segments/checkpoint.ts";
import { VOLUME_ID_BYTES, type VolumeKeys } from "../../segments/keys.ts";
import {
  encodeSuperblock,
  SUPERBLOCK_NUMBER,
} from "../../segments/superblock.ts";
import { FIRST_CHECKPOINT } from "./ancestry.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import type { ChainEnd } from "./chain.ts";
import { Checkpoints } from "./checkpoints.ts";
import { VolumeMap } from "./volume_map.ts";

export interface CloneRequest {
  readonly source: BucketVolume;
  /** Of the source: where it lies in the bucket, and its keys. */
  readonly from: { readonly prefix: string; readonly keys: VolumeKeys };
  /** A snapshot of the source. */
  readonly snapshot: number;
  /** What the clone is called, for people. */
  readonly name: string;
  /** Where it shall lie. Nothing of its key is there yet. */
  readonly prefix: string;
  /** The same place. */
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly primitives: Primitives;
  readonly clock: Clock;
}

/** A clone that is there. */
export interface MadeClone {
  readonly sizeBytes: number;
  /** What is in it. */
  readonly liveBytes: number;
  /** Where its row begins. */
  readonly begin: ChainEnd;
}

/**
 * Makes it. Where this rejects, what was made of it is deleted again, as far as the bucket answers: the source finds out by itself whether there
 * is a clone.
 *
 * @throws {VaultError} `not-found` where there is no such snapshot, `conflict` where something is in the way
 */
export async function cloneVolume(request: CloneRequest): Promise<MadeClone> {
  const { source, snapshot: number, name, prefix, keys, primitives } = request;
  const snapshot = await source.snapshots.expect(number);
  const volumeId = primitives.random(VOLUME_ID_BYTES);
  const superblock = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
  // Names of what was made for it, the last one first.
  const made: string[] = [];
  return await source.snapshots.clones.make(snapshot, {
    clone: { volumeId, name, prefix, superblock },
    make: async () => {
      const checkpoint = await source.checkpoints
        .read(number, snapshot.checkpointDigest);
      return await begin(request, { checkpoint, volumeId, superblock, made });
    },
    withdraw: async () => {
      for (const name of made) await request.bucket.delete([name]);
    },
  });
}

async function begin(
  request: CloneRequest,
  { checkpoint, volumeId, superblock, made }: {
    readonly checkpoint: Checkpoint;
    readonly volumeId: Uint8Array;
    readonly superblock: string;
    readonly made: string[];
  },
): Promise<MadeClone> {
  const { source, bucket, keys, clock } = request;
  const { volumeBytes, nextSegment, extents } = checkpoint;
  const { epoch, previous: digest, timeMs } = checkpoint.head;
  // What is dead the snapshot does not keep.
  const segments = checkpoint.segments
    .filter(({ liveBytes }) => liveBytes > 0);
  const ancestors = ancestorsOf(request, {
    base: nextSegment,
    needed: segments.map(({ number }) => number),
  });
  const map = await VolumeMap.of({ segments, extents }, clock);
  // Where one of this key is, or the half of one, nothing is put beside it.
  if (await bucket.get(superblock)) throw taken();
  for await (const { name } of listAll(bucket, "")) {
    if (keys.parseName(name)) throw taken();
  }
  const next = nextSegment;
  // Of no journal of the clone's.
  const end: ChainEnd = { next, digest, epoch, timeMs, drained: undefined };
  const { number } = await new Checkpoints({ bucket, keys, volumeId })
    .write({ map, end, volumeBytes, clock });
  made.unshift(keys.nameOf("checkpoint", number));
  if (number !== FIRST_CHECKPOINT) throw taken();
  const { blockSizeBytes, segmentBytes } = source.superblock;
  const answer = await bucket.create(
    superblock,
    encodeSuperblock(keys, {
      ...{ volumeId, volumeBytes, blockSizeBytes, segmentBytes, ancestors },
      ...{ epoch, timeMs: clock.now() },
    }),
  );
  if (answer === "created") {
    made.unshift(superblock);
    return { sizeBytes: volumeBytes, liveBytes: map.liveBytes, begin: end };
  }
  throw taken();
}

function taken(): VaultError {
  return new VaultError(
    "There is a volume of this key in the bucket already, or the half of one",
    {
      kind: "conflict",
      hint: "Choose another prefix, or open that one: vault volume recover.",
    },
  );
}

/** Those of the source of which something is needed, and the source itself. @throws {VaultError} `conflict` where they are too many */
function ancestorsOf(
  { source, from }: CloneRequest,
  { base, needed }: {
    readonly base: number;
    readonly needed: readonly number[];
  },
): readonly Ancestor[] {
  const { volumeId, ancestors = [] } = source.superblock;
  let last = 0;
  const all = ancestors.filter((one) => {
    const isNeeded = needed.some((number) =>
      number >= last && number < one.base
    );
    last = one.base;
    return isNeeded;
  });
  if (all.length < MAX_ANCESTORS) {
    const { prefix, keys } = from;
    return [...all, { prefix, volumeId, keys: keys.ofSegments, base }];
  }
  throw new VaultError(
    `This would be a clone of a clone, ${MAX_ANCESTORS} times over: it reads from as many volumes already`,
    {
      kind: "conflict",
      hint:
        "Make a volume without a past of it: vault volume export, then import.",
    },
  );
}
