/** A long object is read in parts, and is all that its head says, no less and no more. */
import { expect } from "expect";
import { equalBytes } from "../../base/bytes.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { systemPrimitives as primitives } from "../../os/primitives.ts";
import { VolumeKeys } from "../../segments/keys.ts";
import { SealError } from "../../segments/seal_error.ts";
import { seal } from "../../segments/sealed.ts";
import { readData } from "./whole_data.ts";

const keys = new VolumeKeys(primitives, primitives.random(32));
const identity = {
  ...{ kind: "checkpoint", number: 1 } as const,
  volumeId: primitives.random(16),
};
const name = "m/object";
const MIB = 2 ** 20;

function sealed(dataBytes: number) {
  const data = primitives.random(dataBytes);
  const said = { epoch: 1, timeMs: 0, previous: new Uint8Array(32) };
  const table = new Uint8Array(9);
  return { ...seal(keys, { identity, table, data: [data], ...said }), data };
}

async function holding(bytes: Uint8Array): Promise<Bucket> {
  const bucket = new MemoryBucket();
  await bucket.create(name, bytes);
  return bucket;
}

Deno.test("a long object is read in parts, some of them at once", async () => {
  for (const length of [0, 512, 2 * MIB, 11 * MIB + 512]) {
    const { bytes, head, data } = sealed(length);
    const inner = await holding(bytes);
    const lengths: number[] = [];
    let [open, most] = [0, 0];
    const bucket: Bucket = {
      create: (name, bytes) => inner.create(name, bytes),
      list: (prefix) => inner.list(prefix),
      delete: (names) => inner.delete(names),
      close: () => inner.close(),
      get: async (name, range) => {
        lengths.push(range!.length);
        most = Math.max(most, ++open);
        const part = await inner.get(name, range);
        open--;
        return part;
      },
    };
    const found = await readData({ bucket, keys }, { name, head });
    expect(equalBytes(found!, data)).toBe(true);
    expect(Math.max(...lengths)).toBeLessThan(2.1 * MIB);
    expect(most).toBe(Math.min(4, lengths.length));
  }
});

Deno.test("one that is longer, shorter or changed is refused, one that is gone is told", async () => {
  const { bytes, head } = sealed(5 * MIB);
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  for (
    const other of [
      longer,
      bytes.subarray(0, -1),
      bytes.subarray(0, 3 * MIB),
      bytes.with(4 * MIB, bytes[4 * MIB]! ^ 1),
    ]
  ) {
    const bucket = await holding(other);
    await expect(readData({ bucket, keys }, { name, head })).rejects
      .toThrow(SealError);
  }
  const bucket = new MemoryBucket();
  expect(await readData({ bucket, keys }, { name, head })).toBeUndefined();
});
