/** A volume of a family, the process that has it, and what was written to it. */

import { VaultError } from "../../../base/errors.ts";
import type { Bucket } from "../../../bucket/bucket.ts";
import { BucketLayer } from "../../../bucket/bucket_layer.ts";
import type { BucketVolume } from "../bucket_volume.ts";
import type { Home } from "./clones.ts";
import { SECTOR_BYTES } from "./volumes.ts";

export const SECTORS = 24;
const MAX_TRIES = 8;

/** What is in each sector: the number of the write that was there last. */
export type Cells = readonly number[];

/** One life of a process. After so many requests it is dead, and asks nothing more. */
export class Process extends BucketLayer {
  dies: number | undefined;
  dead = false;

  protected async ask<T>(act: () => Promise<T>): Promise<T> {
    this.#turn();
    if (this.dies !== undefined && this.dies-- === 0) this.dead = true;
    const answer = await act();
    this.#turn();
    return answer;
  }

  #turn(): void {
    if (this.dead) throw new VaultError("The process is dead");
  }
}

export interface Kept {
  readonly cells: Cells;
  readonly clones: Set<Member>;
}

export interface Life {
  readonly process: Process;
  readonly bucket: Bucket;
  readonly volume: BucketVolume;
}

/** What a step that was cut off may have left, or not. */
export interface Half {
  readonly cells?: Cells;
  readonly makes?: boolean;
  readonly releases?: number;
}

export class Member {
  readonly home: Home;
  readonly from: Kept | undefined;
  cells: Cells;
  readonly snapshots = new Map<number, Kept>();
  life: Life | undefined;

  constructor(home: Home, cells: Cells, from?: Kept) {
    this.home = home;
    this.cells = cells;
    this.from = from;
  }

  /** The snapshots that there are, where something was cut off. */
  takeUp(list: readonly number[], half: Half): void {
    for (const number of list) {
      if (this.snapshots.has(number)) continue;
      if (!half.makes) throw new Error(`There is a snapshot ${number}`);
      this.snapshots.set(number, kept(this.cells));
    }
    for (const [number, { clones }] of this.snapshots) {
      if (list.includes(number)) continue;
      if (half.releases !== number || clones.size > 0) {
        throw new Error(`Snapshot ${number} is lost`);
      }
      this.snapshots.delete(number);
    }
  }
}

export function kept(cells: Cells): Kept {
  return { cells, clones: new Set() };
}

export function bytesOf(value: number, sectors: number): Uint8Array {
  const words = new Uint32Array(sectors * SECTOR_BYTES / 4).fill(value);
  return new Uint8Array(words.buffer);
}

export async function cellsOf(
  store: Pick<BucketVolume["store"], "read">,
): Promise<Cells> {
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  await store.read(0, bytes);
  const words = new Uint32Array(bytes.buffer);
  return Array.from({ length: SECTORS }, (_, n) => {
    const from = n * SECTOR_BYTES / 4;
    const sector = words.subarray(from, from + SECTOR_BYTES / 4);
    if (sector.some((word) => word !== sector[0])) {
      throw new Error(`Sector ${n} is torn`);
    }
    return sector[0]!;
  });
}

export function same(a: Cells, b: Cells): boolean {
  return a.every((cell, n) => cell === b[n]);
}

export function expectSame(
  { home }: Member,
  found: Cells,
  wanted: Cells,
): void {
  if (same(found, wanted)) return;
  throw new Error(`"${home.prefix}" holds ${found} in place of ${wanted}`);
}

/** Opens a volume. */
export async function opened(
  home: Home,
  bucket: Bucket,
  options: { readonly checkpointEvery: number },
): Promise<BucketVolume> {
  for (let tries = 1;; tries++) {
    const { pin } = home.machine;
    try {
      return await home.open(bucket, options);
    } catch (thrown) {
      // Who comes with the key alone may be shown a listing in which the last checkpoint is not yet, finds that out, and tries again.
      if (pin || tries === MAX_TRIES) throw thrown;
      if (!(thrown instanceof VaultError)) throw thrown;
      home.machine = { pin };
    }
  }
}
