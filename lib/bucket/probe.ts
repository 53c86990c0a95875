/** Whether an object store keeps what everything here rests on. Asked at start, so that a store which does not is never written to. */

import { equalBytes, toHex } from "../base/bytes.ts";
import type { Primitives } from "../base/primitives.ts";
import { type Bucket, BucketError } from "./bucket.ts";

const PROBE_BYTES = 64;

/**
 * Makes an object of a fresh name twice, with different bytes: the second must be told that there is one, and the first must stay. Reads
 * part of it. Deletes it again. What a probe that was cut off leaves behind has a name that stands for nothing.
 *
 * @param folder where names of that kind lie, `m/` say
 * @throws {BucketError} `unsupported` where the store does not keep it
 */
export async function probe(
  bucket: Bucket,
  options: {
    readonly folder: string;
    readonly primitives: Pick<Primitives, "random">;
  },
): Promise<void> {
  const { random } = options.primitives;
  const name = options.folder + toHex(random(16));
  const [first, second] = [random(PROBE_BYTES), random(PROBE_BYTES)];
  if (await bucket.create(name, first) !== "created") {
    throw unfit("it says of a name nobody has used that it exists");
  }
  try {
    if (await bucket.create(name, second) !== "exists") {
      throw unfit("a second write replaced the first");
    }
    const found = await bucket.get(name);
    if (!found || !equalBytes(found, first)) {
      throw unfit("what was written first did not stay");
    }
    const part = await bucket.get(name, { offset: 10, length: 20 });
    if (!part || !equalBytes(part, first.subarray(10, 30))) {
      throw unfit("it gives other bytes than those of the range asked for");
    }
  } finally {
    await bucket.delete([name]);
  }
}

function unfit(why: string): BucketError {
  return new BucketError(
    "unsupported",
    `This object store cannot hold volumes: ${why}`,
    {
      hint:
        "use one that keeps If-None-Match and ranges: Amazon S3, Cloudflare R2, MinIO, or Ceph from 16 on",
    },
  );
}
