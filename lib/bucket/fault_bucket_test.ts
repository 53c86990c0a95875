import { expect } from "expect";
import { pattern } from "./conformance.ts";
import { type Fault, FaultBucket, type Operation } from "./fault_bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";
import { uncertain } from "./testing/faults.ts";

const BYTES = pattern(100, 1);
const LOST = uncertain("lost");

async function faulty(schedule: (operation: Operation) => Fault | undefined) {
  const memory = new MemoryBucket();
  await memory.create("d/0", BYTES);
  return { memory, bucket: new FaultBucket(memory, schedule) };
}

Deno.test("a fault before does nothing, a fault after does all", async () => {
  for (const when of ["before", "after"] as const) {
    const { memory, bucket } = await faulty(() => ({ [when]: LOST }));
    await expect(bucket.create("d/1", BYTES)).rejects.toBe(LOST);
    expect(await memory.get("d/1")).toEqual(
      when === "before" ? undefined : BYTES,
    );
    await expect(bucket.delete(["d/0"])).rejects.toBe(LOST);
    expect(await memory.get("d/0")).toEqual(
      when === "before" ? BYTES : undefined,
    );
  }
});

Deno.test("what is late comes after so many operations, with the bytes of then", async () => {
  const { memory, bucket } = await faulty(({ kind }) =>
    kind === "create" ? { late: { error: LOST, operations: 2 } } : undefined
  );
  const lent = BYTES.slice();
  await expect(bucket.create("d/1", lent)).rejects.toBe(LOST);
  lent.fill(0);
  expect(await bucket.get("d/1")).toBeUndefined();
  expect(await bucket.get("d/1")).toBeUndefined();
  expect(await bucket.get("d/1")).toEqual(BYTES);
  await expect(bucket.create("d/2", BYTES)).rejects.toBe(LOST);
  expect(await memory.get("d/2")).toBeUndefined();
  await bucket.settle();
  expect(await memory.get("d/2")).toEqual(BYTES);
});

Deno.test("an object comes short, a listing lags, a create says that it exists", async () => {
  const { bucket } = await faulty(({ kind, name }) => {
    if (kind === "get") return { shortBytes: 10 };
    if (kind === "list") return { lagging: 1 };
    return name === "d/2" ? { saysExists: true } : undefined;
  });
  await bucket.create("d/1", BYTES);
  expect(await bucket.create("d/2", BYTES)).toBe("exists");
  expect(await bucket.get("d/2")).toEqual(BYTES.subarray(0, 10));
  const { objects } = await bucket.list("");
  expect(objects.map(({ name }) => name)).toEqual(["d/0", "d/1"]);
});

Deno.test("what is delayed waits", async () => {
  const gate = Promise.withResolvers<void>();
  const { memory, bucket } = await faulty(() => ({ delay: gate.promise }));
  const pending = bucket.create("d/1", BYTES);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  expect(await memory.get("d/1")).toBeUndefined();
  gate.resolve();
  expect(await pending).toBe("created");
});
