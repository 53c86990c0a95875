import { expect } from "expect";
import { LimitedBucket } from "../bucket/limited_bucket.ts";
import { MemoryBucket } from "../bucket/memory_bucket.ts";
import { noTime } from "../store/testing/journaled.ts";
import {
  makeVolume,
  openOn,
  put,
  withoutCheckpoints,
} from "../store/segmented/testing/volumes.ts";
import { BucketDisk } from "./bucket_disk.ts";

const SIZE_BYTES = 16 * 512;

Deno.test("a checkpoint that cannot be written is told of, although all is uploaded", async () => {
  const memory = new MemoryBucket();
  await makeVolume(memory, { sizeBytes: SIZE_BYTES });
  const state = { on: false };
  const bucket = withoutCheckpoints(memory, state);
  const volume = await openOn({ pin: undefined }, bucket, {
    checkpointEvery: 1,
  });
  const limited = new LimitedBucket(bucket, { clock: noTime });
  const disk = new BucketDisk({
    clock: noTime,
    document: {
      ...{ name: "disk", sizeBytes: SIZE_BYTES },
      bucket: { url: "s3://b", cacheBytes: 0, journalBytes: 0 },
    },
  }, {
    volume,
    reach: { bucket: limited, counters: () => limited.counters },
    cache: undefined,
    tries: { why: () => undefined },
  });
  expect(disk.info().trouble).toBeUndefined();
  state.on = true;
  await put(volume, { sector: 0, value: 1 });
  await volume.row.settled();
  expect(disk.info()).toMatchObject({
    pendingBytes: 0,
    trouble: "Could not write a checkpoint: no answer",
  });
  state.on = false;
  await put(volume, { sector: 0, value: 2 });
  await volume.row.settled();
  expect(disk.info().trouble).toBeUndefined();
  await disk.close();
});
