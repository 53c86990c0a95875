/** Objects of a volume that nobody needs any more, and their end. */

import { BucketError } from "../../bucket/bucket.ts";
import { type ChainOptions, CLAIM_BYTES } from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { SegmentReader } from "./segment_reader.ts";
import { objectBytes, type VolumeMap } from "./volume_map.ts";

/** Objects that are deleted with one request. */
const DELETED_AT_ONCE = 500;

/** Deletes what nobody needs: names of snapshots that do not count, checkpoints, segments in which nothing lives. What cannot be deleted now is the next time. */
export async function sweep(
  { map, checkpoints, bucket, keys, reader }: ChainOptions & {
    readonly map: VolumeMap;
    readonly checkpoints: Checkpoints;
    readonly reader: SegmentReader;
  },
): Promise<void> {
  try {
    await checkpoints.unname();
    await checkpoints.look(map);
    await checkpoints.sweep();
    const dead = map.dead().filter(({ number }) => !checkpoints.needs(number));
    for (let at = 0; at < dead.length; at += DELETED_AT_ONCE) {
      const some = dead.slice(at, at + DELETED_AT_ONCE);
      // A claim stays for good: it is what a writer finds that lost the volume.
      await bucket.delete(
        some.filter((segment) => objectBytes(segment) !== CLAIM_BYTES)
          .map(({ number }) => keys.nameOf("segment", number)),
      );
      for (const { number, dataBytes } of some) {
        map.forget(number);
        reader.forget(number, dataBytes);
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof BucketError)) throw thrown;
  }
}
