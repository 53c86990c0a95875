import { expect } from "expect";
import type { Extent } from "../../base/extent.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import { takeBucketVolume } from "./bucket_volume.ts";
import { Fenced } from "./fenced.ts";
import type { TakenVolume } from "./taken_volume.ts";
import {
  keys,
  type Machine,
  makeVolume,
  namesIn,
  openOn,
  put,
  values,
  withoutCheckpoints,
} from "./testing/volumes.ts";

const SIZE_BYTES = 16 * 512;
const often = { checkpointEvery: 1 };

/** Tells what is read of it. */
class Read extends MemoryBucket {
  names = new Set<string>();

  override get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    // Of a checkpoint, its head says which it is: what it holds lies behind that.
    const { kind } = keys.parseName(name)!;
    const isHead = kind === "checkpoint" && range?.offset === 0;
    if (!isHead) this.names.add(name);
    return super.get(name, range);
  }
}

/** A volume that another machine had, with segments behind its checkpoint. */
async function lostVolume(): Promise<Read> {
  const bucket = new Read();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const loser = await openOn({ pin: undefined }, bucket);
  for (let n = 0; n < 8; n++) await put(loser, { sector: n, value: 1 + n });
  return bucket;
}

function take(bucket: Bucket, here: Machine): Promise<TakenVolume> {
  return takeBucketVolume({
    ...{ bucket, keys, clock: noTime },
    keepPin: (pin) => here.pin = pin,
  });
}

Deno.test("a volume that is taken is lost to whoever had it, and opened with what was kept; taking it costs a claim", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const loser = await openOn({ pin: undefined }, bucket, often);
  await put(loser, { sector: 0, value: 1 });
  await loser.row.settled();
  const before = new Set(await namesIn(bucket));
  const here: Machine = { pin: undefined };
  const taken = await take(bucket, here);
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

Deno.test("what was read of a volume that was taken is not read again where it is opened with it, and that once", async () => {
  const bucket = await lostVolume();
  const here: Machine = { pin: undefined };
  const state = { closed: false };
  const line = new FaultBucket(
    bucket,
    () => state.closed ? { before: new Error("closed") } : undefined,
  );
  const taken = await take(line, here);
  state.closed = true;
  const row = [...bucket.names];
  bucket.names.clear();
  const volume = await openOn(here, bucket, { taken, cleans: false });
  // Nothing of it but the superblock, and whether there is another mark.
  const read = row.filter((name) => bucket.names.has(name));
  expect(read.map((name) => keys.parseName(name)?.kind))
    .toEqual(["superblock", "mark"]);
  expect(await values(volume, 9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0]);
  await put(volume, { sector: 8, value: 9 });
  // What was handed over is the map that has been written to since, or one that failed: whoever comes next reads.
  const again = await openOn(here, bucket, { taken, cleans: false });
  expect(again.map).not.toBe(volume.map);
  expect((await values(again, 9))[8]).toBe(9);
});

Deno.test("what was read of a volume is of no use where another takes it before it is opened", async () => {
  const bucket = await lostVolume();
  const here: Machine = { pin: undefined };
  const taken = await take(bucket, here);
  await take(bucket, { pin: undefined });
  await expect(openOn(here, bucket, { taken })).rejects.toThrow(Fenced);
});

Deno.test("a volume that was taken is opened by reading it where what was read was let go, or the first try failed", async () => {
  const bucket = await lostVolume();
  const here: Machine = { pin: undefined };
  const taken = await take(bucket, here);
  await expect(openOn(here, withoutCheckpoints(bucket), { taken }))
    .rejects.toThrow("no answer");
  const second = await openOn(here, bucket, { taken });
  expect(await values(second, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const third: Machine = { pin: undefined };
  const left = await take(bucket, third);
  left.letGo();
  const opened = await openOn(third, bucket, { taken: left });
  expect(await values(opened, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});
