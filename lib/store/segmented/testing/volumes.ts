/** Volumes in buckets in memory, as several machines open them, for tests. */

import {
  type Bucket,
  BucketError,
  type Created,
  listAll,
} from "../../../bucket/bucket.ts";
import { FaultBucket, type Schedule } from "../../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import { CrashDisk } from "../../../journal/testing/crash_disk.ts";
import { systemPrimitives as primitives } from "../../../os/primitives.ts";
import { VolumeKeys } from "../../../segments/keys.ts";
import { Dice } from "../../../../tests/fuzz/dice.ts";
import { noTime, openJournal } from "../../testing/journaled.ts";
import {
  type BucketVolume,
  createBucketVolume,
  openBucketVolume,
  type OpenVolumeOptions,
  takeBucketVolume,
} from "../bucket_volume.ts";
import type { Pin } from "../segment_row.ts";

export const keys: VolumeKeys = new VolumeKeys(
  primitives,
  new Uint8Array(32).fill(7),
);

export const SECTOR_BYTES = 512;

export async function makeVolume(
  bucket: Bucket,
  options: {
    readonly sizeBytes: number;
    readonly segmentBytes?: number;
    readonly keys?: VolumeKeys;
  },
): Promise<void> {
  await createBucketVolume({
    ...{ bucket, keys, primitives, clock: noTime, blockSizeBytes: 512 },
    ...options,
  });
}

/** A bucket that holds an empty volume and nothing else. */
export async function bucketOf(sizeBytes: number): Promise<MemoryBucket> {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes });
  return bucket;
}

/** What a machine remembers. */
export interface Machine {
  pin: Pin | undefined;
}

/** Opens the volume on a machine, with a journal that is empty. */
export async function openOn(
  machine: Machine,
  bucket: Bucket,
  options: Partial<OpenVolumeOptions> = {},
): Promise<BucketVolume> {
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  return await openBucketVolume({
    ...{ bucket, keys, journal, clock: noTime, cache: undefined },
    pin: machine.pin,
    keepPin: (pin) => machine.pin = pin,
    ...options,
  });
}

/** Takes what is whole of the volume, as its owner may, and remembers that. Gives why it is not all, where it is not. */
export async function takeOn(
  machine: Machine,
  bucket: Bucket,
): Promise<string | undefined> {
  let cut: string | undefined;
  const taken = await takeBucketVolume({
    ...{ bucket, keys, clock: noTime },
    keepPin: (pin) => machine.pin = pin,
    acceptance: { pin: machine.pin, about: (shown) => cut = shown.cut },
  });
  taken.letGo();
  return cut;
}

/** With one bit changed. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
}

/** Appends a segment that writes `sectors` sectors of `value`. */
export function put(
  { row }: BucketVolume,
  { sector, sectors = 1, value }: {
    readonly sector: number;
    readonly sectors?: number;
    readonly value: number;
  },
): Promise<void> {
  return row.append({
    extents: [{ kind: "data", sector, sectors }],
    data: [new Uint8Array(sectors * SECTOR_BYTES).fill(value)],
  });
}

/** The first bytes of so many sectors. */
export async function values(
  { store }: BucketVolume,
  sectors: number,
): Promise<number[]> {
  const bytes = new Uint8Array(sectors * SECTOR_BYTES);
  await store.read(0, bytes);
  return Array.from({ length: sectors }, (_, n) => bytes[n * SECTOR_BYTES]!);
}

/** Lets no checkpoint through while `on`. */
export function withoutCheckpoints(
  bucket: Bucket,
  state: { on: boolean } = { on: true },
): Bucket {
  const schedule: Schedule = ({ kind, name }) =>
    state.on && kind === "create" && name.startsWith("m/")
      ? { before: new BucketError("uncertain", "no answer") }
      : undefined;
  return new FaultBucket(bucket, schedule);
}

/** The names of all objects of a bucket. */
export async function namesIn(bucket: Bucket): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of listAll(bucket, "")) names.push(name);
  return names;
}

/** A copy of a bucket, as a provider has one. */
export async function copyOf(bucket: Bucket): Promise<Map<string, Uint8Array>> {
  const copy = new Map<string, Uint8Array>();
  for (const name of await namesIn(bucket)) {
    copy.set(name, (await bucket.get(name))!);
  }
  return copy;
}

/** Makes the bucket hold that and nothing else, as a provider may. */
export async function putBack(
  bucket: Bucket,
  copy: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await bucket.delete(await namesIn(bucket));
  for (const [name, bytes] of copy) await bucket.create(name, bytes);
}

/** A bucket in memory that knows what all its objects take. */
export class CountedBucket extends MemoryBucket {
  readonly #sizes = new Map<string, number>();
  #storedBytes = 0;

  get storedBytes(): number {
    return this.#storedBytes;
  }

  override async create(name: string, bytes: Uint8Array): Promise<Created> {
    const answer = await super.create(name, bytes);
    if (answer === "created") {
      this.#sizes.set(name, bytes.length);
      this.#storedBytes += bytes.length;
    }
    return answer;
  }

  override async delete(names: readonly string[]): Promise<void> {
    await super.delete(names);
    for (const name of names) {
      this.#storedBytes -= this.#sizes.get(name) ?? 0;
      this.#sizes.delete(name);
    }
  }
}
