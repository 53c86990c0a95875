/** What who remembers nothing of a volume finds out of its row, while it is listed beside. */
import { expect } from "expect";
import type { Bucket } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { noTime } from "../testing/journaled.ts";
import { type Past, readPast } from "./past.ts";
import { UPLOADS } from "./row_queue.ts";
import { GatedBucket } from "./testing/gated_bucket.ts";
import { keys, makeVolume, openOn, put } from "./testing/volumes.ts";

const SIZE_BYTES = 16 * 512;
const MISSING = "is missing or not what was written";

/** A volume with so many segments that no checkpoint tells of. */
async function volumeOf(count: number) {
  const memory = new MemoryBucket();
  await makeVolume(memory, { sizeBytes: SIZE_BYTES });
  const volume = await openOn({ pin: undefined }, memory, {
    checkpointEvery: 1000,
  });
  const first = volume.row.end.next;
  for (let n = 0; n < count; n++) {
    await put(volume, { sector: n % 16, value: 1 });
  }
  const { volumeId } = volume.superblock;
  const read = (bucket: Bucket = memory): Promise<Past> =>
    readPast({
      ...{ bucket, keys, volumeId, volumeBytes: SIZE_BYTES, clock: noTime },
      pin: undefined,
    });
  const lose = (...numbers: number[]) =>
    memory.delete(numbers.map((number) => keys.nameOf("segment", number)));
  return { memory, volume, first, read, lose };
}

Deno.test("what lies behind the end of the row is noticed, whatever its name and however much is missing before it", async () => {
  const { memory, first, read } = await volumeOf(100);
  const names = Array.from(
    { length: 100 },
    (_, n) => keys.nameOf("segment", first + n),
  );
  const left = names.slice(UPLOADS);
  expect(new Set(left.map((name) => name.slice(0, 3))).size).toBe(16);
  for (const one of left) {
    const bucket = memory.copy();
    await bucket.delete(names.filter((name) => name !== one));
    await expect(read(bucket)).rejects.toThrow(`Segment ${first} ${MISSING}`);
  }
});

Deno.test("what a writer that died can have left is none of the row", async () => {
  const { read, lose, first } = await volumeOf(UPLOADS);
  await lose(first);
  expect((await read()).end.next).toBe(first);
});

Deno.test("what was written after the listing is noticed, too", async () => {
  for (const isLost of [false, true]) {
    const { memory, volume, first, read, lose } = await volumeOf(0);
    let listings = 0;
    const gated = new GatedBucket(memory);
    const bucket = new FaultBucket(gated, ({ kind, name }) => {
      if (kind === "list" && name.startsWith("d/")) listings++;
      return undefined;
    });
    const reading = gated.holdNext({
      ...{ kind: "get", prefix: keys.nameOf("segment", first) },
      side: "before",
    });
    const past = read(bucket);
    past.catch(() => {});
    await reading.arrived;
    while (listings < 16) await Promise.resolve();
    for (let n = 0; n <= UPLOADS; n++) {
      await put(volume, { sector: n, value: 2 });
    }
    if (isLost) await lose(first);
    reading.open();
    if (isLost) await expect(past).rejects.toThrow(MISSING);
    else expect((await past).end.next).toBe(first + UPLOADS + 1);
    expect(listings).toBe(16);
  }
});
