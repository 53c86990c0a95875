/** Volumes whose uploads arrive when a test lets them. */

import type { Created } from "../../../bucket/bucket.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import type { OpenVolumeOptions } from "../bucket_volume.ts";
import { keys, type Machine, makeVolume, openOn, put } from "./volumes.ts";

/** Of the volume. */
export const SECTORS = 64;

/** A bucket that answers to segments when it is told to. */
export class HeldBucket extends MemoryBucket {
  /** Those that are under way, in the order in which they came. */
  readonly held = new Map<number, PromiseWithResolvers<void>>();
  /** What they lie in. */
  readonly sent = new Map<number, Uint8Array>();
  holds = false;
  /** What checkpoints wait for, or fail with. */
  checkpoints: Promise<void> | undefined;

  override async create(name: string, bytes: Uint8Array): Promise<Created> {
    const parsed = keys.parseName(name);
    if (parsed?.kind === "checkpoint") await this.checkpoints;
    if (!this.holds || parsed?.kind !== "segment") {
      return await super.create(name, bytes);
    }
    const answer = Promise.withResolvers<void>();
    this.held.set(parsed.number, answer);
    this.sent.set(parsed.number, bytes);
    try {
      await answer.promise;
    } finally {
      this.held.delete(parsed.number);
    }
    // It is read as long as it takes.
    return await super.create(name, bytes);
  }

  /** One that is under way is there now, and nobody hears of it yet. */
  async arrive(number: number): Promise<void> {
    await super.create(keys.nameOf("segment", number), this.sent.get(number)!);
  }

  get underWay(): number[] {
    return [...this.held.keys()];
  }
}

/** One that is open, with no segment let through from now on. */
export async function heldVolume(
  { segmentBytes, ...options }: Partial<OpenVolumeOptions> & {
    readonly segmentBytes?: number;
  } = {},
) {
  const bucket = new HeldBucket();
  await makeVolume(bucket, {
    sizeBytes: SECTORS * 512,
    ...(segmentBytes !== undefined && { segmentBytes }),
  });
  const machine: Machine = { pin: undefined };
  const volume = await openOn(machine, bucket, {
    cleans: false,
    ...options,
  });
  bucket.holds = true;
  const { next: first } = volume.row.end;
  const done: number[] = [];
  const write = (sector: number) =>
    put(volume, { sector, value: sector + 1 })
      .then(() => void done.push(sector));
  return { bucket, machine, volume, first, done, write };
}

/** Long enough for whatever waits for nothing. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 500; n++) await undefined;
}
