/** The row of segments, followed with reads ahead. */
import { expect } from "expect";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import type { Extent } from "../../base/extent.ts";
import { CHAIN_START, follow } from "./chain.ts";
import { readSuperblock } from "./bucket_volume.ts";
import { keys, makeVolume, openOn, put } from "./testing/volumes.ts";

/** A bucket that counts how many reads of segments are under way. */
class SlowBucket extends MemoryBucket {
  reads = 0;
  most = 0;
  /** Reads of this number fail, so many times. */
  fails = { number: 0, times: 0 };

  override async get(
    name: string,
    range?: Extent,
  ): Promise<Uint8Array | undefined> {
    const parsed = keys.parseName(name);
    if (parsed?.kind !== "segment") return await super.get(name, range);
    this.most = Math.max(this.most, ++this.reads);
    for (let n = 0; n < 20; n++) await undefined;
    this.reads--;
    if (parsed.number === this.fails.number && this.fails.times-- > 0) {
      throw new TypeError("no answer");
    }
    return await super.get(name, range);
  }
}

/** Three lives, each of some segments. */
async function row() {
  const bucket = new SlowBucket();
  await makeVolume(bucket, { sizeBytes: 64 * 512 });
  for (let life = 1; life <= 3; life++) {
    const volume = await openOn({ pin: undefined }, bucket, {
      ...{ cleans: false, checkpointEvery: 1000 },
    });
    for (let n = 0; n < 5 * life; n++) {
      await put(volume, { sector: n, value: life });
    }
  }
  const { volumeId } = await readSuperblock(bucket, keys);
  bucket.most = 0;
  const followed = async (ahead?: number) => {
    const numbers: number[] = [];
    const options = ahead === undefined ? {} : { ahead };
    const chain = { bucket, keys, volumeId };
    for await (const { segment } of follow(chain, CHAIN_START, options)) {
      numbers.push(segment.head.identity.number);
    }
    return numbers;
  };
  return { bucket, followed };
}

Deno.test("a row that is followed with reads ahead is the same row, over claims and to its end", async () => {
  const { bucket, followed } = await row();
  const alone = await followed();
  expect(bucket.most).toBe(1);
  expect(alone.length).toBe(3 + 5 + 10 + 15);
  for (const ahead of [1, 3, 7]) {
    bucket.most = 0;
    expect(await followed(ahead)).toEqual(alone);
    expect(bucket.most).toBeGreaterThan(ahead);
    // Behind a claim those that were asked for in vain are under way yet.
    expect(bucket.most).toBeLessThanOrEqual(2 * ahead + 1);
  }
});

Deno.test("what was not found or not read ahead is asked for again when its turn comes", async () => {
  const { bucket, followed } = await row();
  const alone = await followed();
  const number = alone[4]!;
  bucket.fails = { number, times: 1 };
  expect(await followed(4)).toEqual(alone);
  expect(bucket.fails.times).toBe(-1);
  bucket.fails = { number, times: 2 };
  await expect(followed(4)).rejects.toThrow("no answer");
  // It is there a moment later: the row does not end before it.
  const late = (await bucket.get(keys.nameOf("segment", number)))!;
  await bucket.delete([keys.nameOf("segment", number)]);
  const get = bucket.get.bind(bucket);
  let asked = 0;
  bucket.get = async (name, range) => {
    const found = await get(name, range);
    if (name === keys.nameOf("segment", number) && asked++ === 0) {
      await bucket.create(name, late);
    }
    return found;
  };
  expect(await followed(4)).toEqual(alone);
});
