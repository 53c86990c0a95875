import { expect } from "expect";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import { takeBucketVolume } from "./bucket_volume.ts";
import { Fenced } from "./fenced.ts";
import {
  keys,
  type Machine,
  makeVolume,
  namesIn,
  openOn,
  put,
  values,
} from "./testing/volumes.ts";

const SIZE_BYTES = 16 * 512;
const often = { checkpointEvery: 1 };

Deno.test("a volume that is taken is lost to whoever had it, and opened with what was kept; taking it costs a claim", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const loser = await openOn({ pin: undefined }, bucket, often);
  await put(loser, { sector: 0, value: 1 });
  await loser.row.settled();
  const before = new Set(await namesIn(bucket));
  const here: Machine = { pin: undefined };
  const taken = await takeBucketVolume({
    ...{ bucket, keys, clock: noTime },
    keepPin: (pin) => here.pin = pin,
  });
  expect(taken).toMatchObject({ sizeBytes: SIZE_BYTES, liveBytes: 512 });
  const made = (await namesIn(bucket)).filter((name) => !before.has(name));
  expect(made.map((name) => keys.parseName(name)?.kind)).toEqual(["segment"]);
  await expect(put(loser, { sector: 0, value: 99 })).rejects.toThrow(Fenced);
  const again = await openOn(here, bucket, often);
  await put(again, { sector: 1, value: 2 });
  expect(await values(again, 2)).toEqual([1, 2]);
  // What was kept is what a later one is held against.
  await openOn({ pin: undefined }, bucket, often);
  await expect(openOn(here, bucket)).rejects.toThrow("Another node");
});
