/** Volumes that lie beside each other in one bucket, and clones of them, for tests. */

import type { Extent } from "../../../base/extent.ts";
import type { Bucket, Created, ObjectPage } from "../../../bucket/bucket.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import { systemPrimitives as primitives } from "../../../os/primitives.ts";
import { VolumeKeys } from "../../../segments/keys.ts";
import { noTime } from "../../testing/journaled.ts";
import type { Elsewhere } from "../ancestry.ts";
import type { BucketVolume, OpenVolumeOptions } from "../bucket_volume.ts";
import { cloneVolume, type MadeClone } from "../cloning.ts";
import { fill, often, SIZE_BYTES } from "./snapshots.ts";
import { type Machine, makeVolume, namesIn, openOn } from "./volumes.ts";

/** What of a bucket lies under a prefix. Closing it closes nothing. */
class Under implements Bucket {
  readonly #bucket: Bucket;
  readonly #prefix: string;

  constructor(bucket: Bucket, prefix: string) {
    this.#bucket = bucket;
    this.#prefix = prefix;
  }
  create(name: string, bytes: Uint8Array): Promise<Created> {
    return this.#bucket.create(this.#prefix + name, bytes);
  }
  get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    return this.#bucket.get(this.#prefix + name, range);
  }
  async list(prefix: string, after?: string): Promise<ObjectPage> {
    const { objects, more } = await this.#bucket.list(
      this.#prefix + prefix,
      after === undefined ? undefined : this.#prefix + after,
    );
    const length = this.#prefix.length;
    return {
      objects: objects
        .map(({ name, ...rest }) => ({ name: name.slice(length), ...rest })),
      more,
    };
  }
  delete(names: readonly string[]): Promise<void> {
    return this.#bucket.delete(names.map((name) => this.#prefix + name));
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

export const placesIn = (bucket: Bucket): Elsewhere => (prefix) =>
  new Under(bucket, prefix);

/** A volume that has a place of its own in a bucket, a key, and a machine that opens it. */
export class Home {
  readonly prefix: string;
  readonly keys: VolumeKeys;
  machine: Machine = { pin: undefined };

  constructor(name: string) {
    this.prefix = `${name}/`;
    const key = primitives.hash("sha256", new TextEncoder().encode(name));
    this.keys = new VolumeKeys(primitives, key);
  }

  place(bucket: Bucket): Bucket {
    return placesIn(bucket)(this.prefix);
  }

  async make(bucket: Bucket, sizeBytes: number): Promise<void> {
    const { keys } = this;
    await makeVolume(this.place(bucket), {
      ...{ sizeBytes, keys, segmentBytes: 2048 },
    });
  }

  open(
    bucket: Bucket,
    options: Partial<OpenVolumeOptions> = {},
  ): Promise<BucketVolume> {
    return openOn(this.machine, this.place(bucket), {
      ...{ keys: this.keys, elsewhere: placesIn(bucket), ...options },
    });
  }

  /** Makes this one a clone of a snapshot of another. */
  async cloneOf(
    source: { readonly home: Home; readonly volume: BucketVolume },
    snapshot: number,
    bucket: Bucket,
  ): Promise<MadeClone> {
    const { prefix, keys } = this;
    const made = await cloneVolume({
      ...{ source: source.volume, from: source.home, snapshot },
      ...{ name: prefix.slice(0, -1), prefix, keys, primitives },
      ...{ bucket: this.place(bucket), clock: noTime },
    });
    this.machine = { pin: made.begin };
    return made;
  }
}

interface Source {
  readonly bucket: Bucket;
  readonly home: Home;
  readonly volume: BucketVolume;
  /** Of the snapshot. */
  readonly number: number;
}

/** A volume with a snapshot of 10, 11, 12, 13, in which something else is now. */
export async function source(
  bucket: Bucket = new MemoryBucket(),
): Promise<Source> {
  const home = new Home("photos");
  await home.make(bucket, SIZE_BYTES);
  const volume = await home.open(bucket, often);
  await fill(volume, 10);
  const { number } = await volume.snapshots.create("then");
  await fill(volume, 20);
  return { bucket, home, volume, number };
}

/** And a clone of the snapshot, which is open. */
export async function cloned(): Promise<
  Source & {
    readonly clone: Home;
    readonly made: MadeClone;
    readonly copy: BucketVolume;
  }
> {
  const from = await source();
  const clone = new Home("try");
  const made = await clone.cloneOf(from, from.number, from.bucket);
  return { ...from, clone, made, copy: await clone.open(from.bucket, often) };
}

/** The names of what lies there. */
export const under = async (
  bucket: Bucket,
  prefix: string,
): Promise<string[]> =>
  (await namesIn(bucket)).filter((name) => name.startsWith(prefix));
