import { expect } from "expect";
import { type Bucket, BucketError } from "../../bucket/bucket.ts";
import { FaultBucket, type Schedule } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { Fenced } from "./fenced.ts";
import { Marks, MAX_MARK_TRIES } from "./marks.ts";
import {
  keys,
  type Machine,
  makeVolume,
  openOn,
  put,
  values,
} from "./testing/volumes.ts";
import { verifyVolume } from "./verify.ts";
import { noTime } from "../testing/journaled.ts";

const SIZE_BYTES = 16 * 512;
const often = { checkpointEvery: 1 };
const volumeId = new Uint8Array(16).fill(3);

const mark = (nextSegment: number) => ({
  ...{ checkpoint: nextSegment, nextSegment, epoch: 1, timeMs: 0 },
  previous: new Uint8Array(32).fill(nextSegment),
});

async function marked(count: number) {
  const bucket = new MemoryBucket();
  const chain = { bucket, keys, volumeId };
  const marks = new Marks(chain);
  for (let n = 1; n <= count; n++) await marks.make(mark(n));
  return { bucket, chain, marks };
}

Deno.test("the last mark is found by asking for numbers, however many there are, and anew when there are more", async () => {
  const { bucket, chain, marks } = await marked(0);
  const late = new Marks(chain);
  for (let count = 0; count <= 700; count++) {
    if (count > 0) await marks.make(mark(count));
    const found = await new Marks(chain).find();
    expect(found?.number).toBe(count === 0 ? undefined : count);
    expect(found?.nextSegment).toBe(count === 0 ? undefined : count);
    if (count % 50 === 0) {
      expect((await late.find())?.number).toBe(found?.number);
    }
  }
  let asked = 0;
  const get = bucket.get.bind(bucket);
  bucket.get = (name, range) => {
    asked++;
    return get(name, range);
  };
  await new Marks(chain).find();
  expect(asked).toBeLessThan(60);
  asked = 0;
  await marks.find();
  expect(asked).toBe(1);
});

Deno.test("a mark follows the last one, whoever made that, and none goes less far than the one before", async () => {
  const { chain, marks } = await marked(3);
  const second = new Marks(chain);
  await second.make(mark(3));
  expect(second.last?.number).toBe(4);
  await second.make(mark(9));
  // It has heard of none of them.
  await expect(marks.make(mark(8))).rejects.toThrow(Fenced);
  await marks.make(mark(9));
  expect((await new Marks(chain).find())?.number).toBe(6);
});

Deno.test("one that was made and nobody heard of is followed by another", async () => {
  const { bucket, chain } = await marked(3);
  const schedule: Schedule = ({ kind }) =>
    kind === "create"
      ? { after: new BucketError("uncertain", "no answer") }
      : undefined;
  const unheard = new Marks({
    ...chain,
    bucket: new FaultBucket(bucket, schedule),
  });
  await unheard.find();
  await expect(unheard.make(mark(5))).rejects.toThrow("no answer");
  const marks = new Marks(chain);
  await marks.make(mark(5));
  expect((await marks.find())?.number).toBe(5);
});

Deno.test("where others make marks again and again, it is told after so many tries", async () => {
  const { bucket, chain, marks } = await marked(1);
  const others = new Marks(chain);
  let tries = 0;
  const outrun: Bucket = {
    create: async (name, bytes) => {
      tries++;
      await others.make(mark(1));
      return await bucket.create(name, bytes);
    },
    get: (name, range) => bucket.get(name, range),
    list: (prefix, after) => bucket.list(prefix, after),
    delete: (names) => bucket.delete(names),
    close: () => Promise.resolve(),
  };
  await others.find();
  marks.reachedBy({ ...chain, bucket: outrun });
  await expect(marks.make(mark(1))).rejects.toThrow("again and again");
  expect(tries).toBe(MAX_MARK_TRIES);
});

Deno.test("a listing that hides the newest objects hides nothing from whoever has the key alone", async () => {
  const memory = new MemoryBucket();
  let lagging = 0;
  const bucket = new FaultBucket(
    memory,
    ({ kind }) => kind === "list" && lagging > 0 ? { lagging } : undefined,
  );
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const first = await openOn({ pin: undefined }, bucket, often);
  for (const value of [1, 2, 3]) {
    // All that lived in the segment before is written anew.
    await put(first, { sector: 0, value });
    await first.row.checkpoint();
  }
  await first.row.settled();
  await first.cleaner!.settled();
  // Where the row was first written to there is nothing any more.
  expect(await bucket.get(keys.nameOf("segment", 257))).toBeUndefined();
  for (lagging = 1; lagging < 12; lagging++) {
    const third = await openOn({ pin: undefined }, bucket);
    expect(await values(third, 2)).toEqual([3, 0]);
  }
});

Deno.test("a bucket that shows less than its last mark tells is not opened", async () => {
  const bucket = new MemoryBucket();
  await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
  const machine: Machine = { pin: undefined };
  const volume = await openOn(machine, bucket, { ...often, cleans: false });
  const { pin } = machine;
  for (const value of [1, 2, 3]) await put(volume, { sector: 0, value });
  await volume.row.settled();
  const { last, marked } = volume.checkpoints;
  expect(last).toBe(marked?.nextSegment);
  // All that tells of the end: the last two checkpoints, and the segment before them.
  for (const number of [marked!.checkpoint - 1, marked!.checkpoint]) {
    await bucket.delete([keys.nameOf("checkpoint", number)]);
  }
  await bucket.delete([keys.nameOf("segment", last - 1)]);
  await expect(openOn({ pin: undefined }, bucket)).rejects.toThrow(
    "Segment 257 is missing or not what was written: there are others behind it",
  );
  // Of what it remembers nothing is missing.
  await expect(openOn({ pin }, bucket)).rejects.toThrow(
    `The bucket shows less of this volume than its mark ${
      marked!.number
    } tells`,
  );
  const { damages } = await verifyVolume({ bucket, keys, clock: noTime });
  expect(damages).toMatchObject([{
    kind: "checkpoint",
    number: marked!.checkpoint,
    why: "it is missing, although it is marked and none goes further",
    closes: true,
  }]);
});
