/** The data of a long object, read in parts: a checkpoint of a large volume is some ten MiB, and is held once. */

import type { Bucket } from "../../bucket/bucket.ts";
import type { VolumeKeys } from "../../segments/keys.ts";
import {
  DataReader,
  type Head,
  SEALED_CHUNK_BYTES,
} from "../../segments/sealed.ts";

/** A part is whole chunks, 2 MiB of them. */
const PART_BYTES = 32 * SEALED_CHUNK_BYTES;
/** Parts that are fetched at once. */
const PARTS = 4;

/**
 * All data of the object of that head, every chunk of it proved. One byte more is asked for, so that a longer object is seen. Undefined where it
 * is gone.
 *
 * @throws {SealError} where it is not what was written
 */
export async function readData(
  { bucket, keys }: { readonly bucket: Bucket; readonly keys: VolumeKeys },
  { name, head }: { readonly name: string; readonly head: Head },
): Promise<Uint8Array | undefined> {
  const reader = new DataReader(keys, head);
  const underWay: Promise<Uint8Array | undefined>[] = [];
  for (
    let offset = head.dataStart;
    offset <= head.objectBytes || underWay.length > 0;
  ) {
    while (underWay.length < PARTS && offset <= head.objectBytes) {
      const length = Math.min(PART_BYTES, head.objectBytes + 1 - offset);
      const part = bucket.get(name, { offset, length });
      // It is heard of below, unless one before it has failed.
      part.catch(() => {});
      underWay.push(part);
      offset += length;
    }
    const part = await underWay.shift();
    if (!part) return undefined;
    reader.take(part);
  }
  return reader.end();
}
