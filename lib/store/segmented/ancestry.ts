/**
 * Whose segments a volume reads: its own, and, where it is a clone, those of the volumes that it was made of. A segment's number alone says it
 * (FORMAT.md section 8). What is not its own a volume reads, and neither writes nor deletes.
 */

import type { Primitives } from "../../base/primitives.ts";
import { VaultError } from "../../base/errors.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import type { Ancestor } from "../../segments/ancestor.ts";
import { VolumeKeys } from "../../segments/keys.ts";
import { SECTOR_BYTES } from "../../segments/segment.ts";
import { objectBytes } from "./ledger.ts";
import type { VolumeMap } from "./volume_map.ts";

/** The number of the checkpoint that a clone begins with. */
export const FIRST_CHECKPOINT = 1;

/** Other places in the bucket that a volume lies in: what is under another prefix. Each is closed with the volume's own. */
export type Elsewhere = (prefix: string) => Bucket;

/** Whose a segment is, and how it is read. */
export interface SegmentOwner {
  readonly bucket: Bucket;
  readonly keys: VolumeKeys;
  readonly volumeId: Uint8Array;
  /** Where in the bucket; undefined: where the volume itself lies. */
  readonly prefix?: string;
}

export class Ancestry {
  /** The segments below are ancestors'. */
  readonly base: number;
  readonly ancestors: readonly Ancestor[];
  readonly #owners: readonly (SegmentOwner & { readonly base: number })[];

  /** At least one, the farthest first. */
  constructor(
    ancestors: readonly Ancestor[],
    { elsewhere, primitives }: {
      readonly elsewhere: Elsewhere | undefined;
      readonly primitives: Primitives;
    },
  ) {
    this.ancestors = ancestors;
    this.base = ancestors.at(-1)!.base;
    this.#owners = ancestors.map(({ prefix, volumeId, keys, base }) => {
      if (!elsewhere) {
        throw new VaultError(
          `This volume is a clone, and what it was made of in "${prefix}" is out of reach`,
        );
      }
      const its = new VolumeKeys(primitives, keys);
      return { bucket: elsewhere(prefix), keys: its, volumeId, prefix, base };
    });
  }

  /** Undefined where it is the volume's own. */
  of(segment: number): SegmentOwner | undefined {
    return this.#owners.find(({ base }) => segment < base);
  }
}

/** Of a superblock; undefined where the volume is no clone. @throws {VaultError} where it is one, and its ancestors are out of reach */
export function ancestryOf(
  { ancestors }: { readonly ancestors?: readonly Ancestor[] },
  { elsewhere, keys }: {
    readonly elsewhere: Elsewhere | undefined;
    readonly keys: VolumeKeys;
  },
): Ancestry | undefined {
  const { primitives } = keys;
  return ancestors && new Ancestry(ancestors, { elsewhere, primitives });
}

/** Whose a segment is. */
export function ownerOf(
  volume: SegmentOwner & { readonly ancestry?: Ancestry | undefined },
  segment: number,
): SegmentOwner {
  return volume.ancestry?.of(segment) ?? volume;
}

/** What of a volume lies in its ancestors' segments, and what those take. */
export function inherited(
  map: VolumeMap,
  ancestry: Ancestry | undefined,
): { readonly liveBytes: number; readonly objectBytes: number } {
  const sum = { liveBytes: 0, objectBytes: 0 };
  if (!ancestry) return sum;
  for (const segment of map.segments()) {
    if (segment.number >= ancestry.base) continue;
    sum.liveBytes += segment.liveSectors * SECTOR_BYTES;
    sum.objectBytes += objectBytes(segment);
  }
  return sum;
}
