/** A small volume in a bucket that two nodes have had, one after the other, with all that a bucket can hold of one; and what it has been. */

import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import type { VolumeKeys } from "../../../segments/keys.ts";
import type { SegmentExtent } from "../../../segments/segment.ts";
import type { BucketVolume } from "../bucket_volume.ts";
import type { Pin } from "../segment_row.ts";
import {
  copyOf,
  keys as ownKeys,
  type Machine,
  makeVolume,
  openOn,
  SECTOR_BYTES,
} from "./volumes.ts";

export const SECTORS = 512;

/** What is in a bucket, by name. */
export type Objects = ReadonlyMap<string, Uint8Array>;

/** A state of the bucket, and of the volume. */
export interface State {
  readonly objects: Objects;
  readonly pin: Pin;
}

export interface LivedVolume {
  /** In the middle of its life, by another node. */
  readonly yesterday: State;
  readonly today: State;
  /** All bytes after each segment, the last ones last. */
  readonly states: readonly Uint8Array[];
}

type Step = (volume: BucketVolume) => Promise<void>;

/** The same each time, but for salts and the volume's id. */
export async function livedVolume(
  keys: VolumeKeys = ownKeys,
): Promise<LivedVolume> {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SECTORS * SECTOR_BYTES, keys });
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  const states = [bytes.slice()];
  let value = 1;
  const write = (
    ...extents: readonly Omit<SegmentExtent, "from">[]
  ): Step =>
  async ({ row }) => {
    const data: Uint8Array[] = [];
    for (const { kind, sector, sectors } of extents) {
      const piece = new Uint8Array(sectors * SECTOR_BYTES);
      if (kind === "data") {
        // No two sectors are the same.
        piece.forEach((_, n) => piece[n] = value + n / SECTOR_BYTES + n % 7);
        value += 3;
        data.push(piece);
      }
      bytes.set(piece, sector * SECTOR_BYTES);
    }
    await row.append({ extents: extents as SegmentExtent[], data });
    states.push(bytes.slice());
  };
  /** As the cleaner does: nothing of the volume changes. */
  const move = (sector: number, sectors: number): Step => async (volume) => {
    const [run] = volume.map.lookup({ sector, length: sectors });
    if (run?.holder === undefined) throw new Error("Nothing is there to move");
    const from = { segment: run.holder, sector: run.at };
    const at = sector * SECTOR_BYTES;
    await volume.row.append({
      extents: [{ kind: "moved", sector, sectors, from }],
      data: [bytes.slice(at, at + sectors * SECTOR_BYTES)],
    });
    states.push(bytes.slice());
  };
  const live = async (machine: Machine, steps: readonly Step[]) => {
    const volume = await openOn(machine, bucket, {
      keys,
      checkpointEvery: 1000,
    });
    for (const step of steps) await step(volume);
    return volume;
  };
  const data = (sector: number, sectors: number) =>
    ({ kind: "data", sector, sectors }) as const;
  const zero = (sector: number, sectors: number) =>
    ({ kind: "zero", sector, sectors }) as const;

  const first: Machine = { pin: undefined };
  await live(first, [
    // Two chunks.
    write(data(0, 200)),
    write(data(300, 2), zero(10, 5), data(400, 1)),
    move(20, 2),
    (volume) => volume.row.checkpoint(),
    write(data(301, 2)),
    write(zero(400, 1), data(500, 1)),
  ]);
  const yesterday = { objects: await copyOf(bucket), pin: first.pin! };
  const second: Machine = { pin: undefined };
  await live(second, [
    write(data(410, 1)),
    // Nothing of the one before lives any more.
    write(data(410, 1), zero(150, 3)),
    move(302, 1),
    write(data(511, 1)),
  ]);
  const today = { objects: await copyOf(bucket), pin: second.pin! };
  return { yesterday, today, states };
}

/** A bucket that holds that. */
export async function bucketOf(objects: Objects): Promise<MemoryBucket> {
  const bucket = new MemoryBucket();
  await Promise.all(
    [...objects].map(([name, bytes]) => bucket.create(name, bytes)),
  );
  return bucket;
}
