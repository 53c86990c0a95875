import { expect } from "expect";
import { pattern } from "./conformance.ts";
import { FaultBucket } from "./fault_bucket.ts";
import { LimitedBucket, type LimitOptions } from "./limited_bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";
import { RECHECK_MS } from "./pace.ts";
import { parseRateSchedule, type RateSchedule } from "./rate_schedule.ts";
import { HurriedClock, uncertain } from "./testing/faults.ts";

const K = 1024;
const BYTES = pattern(100 * K, 1);

function limited(options: Omit<LimitOptions, "clock">) {
  const clock = new HurriedClock();
  const memory = new MemoryBucket();
  return {
    clock,
    memory,
    bucket: new LimitedBucket(memory, { clock, ...options }),
  };
}

Deno.test("uploads keep to the rate on the whole, and one after the other", async () => {
  const { bucket, clock } = limited({ upload: parseRateSchedule("50k") });
  await Promise.all(
    Array.from({ length: 10 }, (_, i) => bucket.create(`d/${i}`, BYTES)),
  );
  // The first nine are paid for before the tenth goes: 900 KiB at 50 KiB a second.
  expect(clock.sleptMs).toBe(18_000);
  // Downloads have a rate of their own.
  await bucket.get("d/1");
  expect(clock.sleptMs).toBe(18_000);
});

Deno.test("nothing is saved up while nothing is sent", async () => {
  const { bucket, clock } = limited({ upload: parseRateSchedule("50k") });
  clock.ms += 3_600_000;
  await bucket.create("d/1", BYTES);
  await bucket.create("d/2", BYTES);
  expect(clock.sleptMs).toBe(2000);
});

Deno.test("downloads pay for what came, with a range and without", async () => {
  const { bucket, clock, memory } = limited({
    download: parseRateSchedule("50k"),
  });
  await memory.create("d/1", BYTES);
  await bucket.get("d/1");
  await bucket.get("d/1", { offset: 0, length: 50 * K });
  expect(clock.sleptMs).toBe(2000);
  // Of this range only 10 KiB are there.
  await bucket.get("d/1", { offset: 90 * K, length: 100 * K });
  expect(clock.sleptMs).toBe(3000);
  await bucket.get("d/none", { offset: 0, length: 100 * K });
  expect(clock.sleptMs).toBe(3200);
  await bucket.get("d/1");
  expect(clock.sleptMs).toBe(3200);
});

Deno.test("a new rate is noticed by those who wait", async () => {
  let rate: number | undefined = 1;
  const upload: RateSchedule = { bytesPerSecondAt: () => rate };
  const { bucket, clock } = limited({ upload });
  await bucket.create("d/1", BYTES);
  const second = bucket.create("d/2", BYTES);
  await Promise.resolve();
  expect(bucket.counters.waiting).toBe(1);
  rate = undefined;
  await second;
  expect(clock.sleptMs).toBeLessThanOrEqual(RECHECK_MS);
  expect(bucket.counters.waiting).toBe(0);
});

Deno.test("limits that are set later hold, for those who wait, too", async () => {
  const { bucket, clock } = limited({ upload: parseRateSchedule("1k") });
  await bucket.create("d/1", BYTES);
  const second = bucket.create("d/2", BYTES);
  await Promise.resolve();
  bucket.limit({ download: parseRateSchedule("50k") });
  await second;
  expect(clock.sleptMs).toBeLessThanOrEqual(RECHECK_MS);
  await bucket.create("d/3", BYTES);
  const before = clock.sleptMs;
  await bucket.get("d/1");
  await bucket.get("d/1");
  expect(clock.sleptMs - before).toBe(2000);
  bucket.limit({ upload: parseRateSchedule("50k") });
  await bucket.create("d/4", BYTES);
  await bucket.create("d/5", BYTES);
  expect(clock.sleptMs - before).toBe(4000);
});

Deno.test("so many go at once, and no more", async () => {
  const gate = Promise.withResolvers<void>();
  let [now, most] = [0, 0];
  const inner = new FaultBucket(new MemoryBucket(), () => {
    most = Math.max(most, ++now);
    return { delay: gate.promise.then(() => void now--) };
  });
  const bucket = new LimitedBucket(inner, {
    clock: new HurriedClock(),
    maxTransfers: 3,
  });
  const all = [
    ...Array.from({ length: 5 }, (_, i) => bucket.create(`d/${i}`, BYTES)),
    ...Array.from({ length: 5 }, () => bucket.get("d/1")),
  ];
  for (let i = 0; i < 50; i++) await Promise.resolve();
  expect(bucket.counters).toMatchObject({ inFlight: 3, waiting: 7 });
  gate.resolve();
  await Promise.all(all);
  expect(most).toBe(3);
  expect(bucket.counters).toMatchObject({ inFlight: 0, waiting: 0 });
  expect(() => limited({ maxTransfers: 0 })).toThrow(RangeError);
});

Deno.test("it counts bytes, requests and errors", async () => {
  const inner = new FaultBucket(
    new MemoryBucket(),
    ({ kind }) => kind === "list" ? { before: uncertain("lost") } : undefined,
  );
  const bucket = new LimitedBucket(inner, {
    clock: new HurriedClock(),
    upload: parseRateSchedule("1M"),
  });
  await bucket.create("d/1", BYTES);
  await bucket.get("d/1", { offset: 0, length: 10 });
  await expect(bucket.list("")).rejects.toThrow("lost");
  await bucket.delete(["d/1"]);
  expect(bucket.counters).toEqual({
    uploadedBytes: BYTES.length,
    downloadedBytes: 10,
    requests: 4,
    errors: 1,
    inFlight: 0,
    waiting: 0,
    uploadLimit: K * K,
    downloadLimit: undefined,
  });
});

Deno.test("what is beside it is held to the same rates and number, counted with it and closed with it", async () => {
  const { bucket, clock, memory } = limited({
    ...{ upload: parseRateSchedule("50k"), maxTransfers: 1 },
  });
  const gate = Promise.withResolvers<void>();
  const other = new MemoryBucket();
  const beside = bucket.beside(
    new FaultBucket(
      other,
      ({ kind }) => kind === "list" ? { delay: gate.promise } : undefined,
    ),
  );
  await bucket.create("d/1", BYTES);
  await beside.create("d/2", BYTES);
  expect(clock.sleptMs).toBe(2000);
  expect([memory.size, other.size]).toEqual([1, 1]);
  expect(await beside.get("d/2")).toEqual(BYTES);
  expect(await beside.get("d/1")).toBeUndefined();
  expect(bucket.counters).toMatchObject({
    ...{ uploadedBytes: 2 * BYTES.length, downloadedBytes: BYTES.length },
    requests: 4,
  });
  const listing = beside.list("");
  const waiting = bucket.delete(["d/1"]);
  await Promise.resolve();
  expect(bucket.counters).toMatchObject({ inFlight: 1, waiting: 1 });
  gate.resolve();
  expect((await listing).objects).toHaveLength(1);
  await waiting;
  await beside.delete(["d/2"]);
  expect(other.size).toBe(0);
  await beside.close();
  await bucket.list("");
  await bucket.close();
  await expect(beside.list("")).rejects.toThrow("closed");
});

Deno.test("closing ends those who wait", async () => {
  const gate = Promise.withResolvers<void>();
  const inner = new FaultBucket(
    new MemoryBucket(),
    () => ({ delay: gate.promise }),
  );
  const bucket = new LimitedBucket(inner, {
    clock: new HurriedClock(),
    maxTransfers: 1,
  });
  const first = bucket.get("d/1");
  const others = [bucket.get("d/2"), bucket.get("d/3")];
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await bucket.close();
  for (const other of others) await expect(other).rejects.toThrow("closed");
  gate.resolve();
  await first;
  await expect(bucket.create("d/4", BYTES)).rejects.toThrow("closed");
  expect(bucket.counters).toMatchObject({ inFlight: 0, waiting: 0 });
});
