import { conformance, type MakeBucket } from "./conformance.ts";
import { FaultBucket } from "./fault_bucket.ts";
import { LimitedBucket } from "./limited_bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";
import { parseRateSchedule } from "./rate_schedule.ts";
import { RetryingBucket } from "./retrying_bucket.ts";
import {
  endurable,
  HurriedClock,
  seededRandom,
  troubled,
} from "./testing/faults.ts";

let seed = 1;
const clock = new HurriedClock();

const buckets: Record<string, MakeBucket> = {
  "a bucket in memory": () => new MemoryBucket(),
  "a bucket in memory that lists two at a time": () =>
    new MemoryBucket({ pageObjects: 2 }),
  "a fault bucket without faults": () =>
    new FaultBucket(new MemoryBucket(), () => undefined),
  "a bucket with limits": () =>
    new LimitedBucket(new MemoryBucket(), {
      clock,
      maxTransfers: 2,
      upload: parseRateSchedule("64k"),
      download: parseRateSchedule("1M"),
    }),
  "a bucket that asks again, where every tenth answer is trouble": () =>
    new RetryingBucket(
      new FaultBucket(new MemoryBucket(), endurable(troubled(seed++, 0.1))),
      { clock, primitives: seededRandom(1) },
    ),
};

for (const [what, make] of Object.entries(buckets)) {
  const options = { histories: 60, largestBytes: 100_000 };
  for (const { name, check } of conformance(make, options)) {
    Deno.test(`${what}: ${name}`, check);
  }
}
