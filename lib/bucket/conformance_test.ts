import { systemPrimitives as primitives } from "../os/primitives.ts";
import type { ReplaceableBucket } from "./bucket.ts";
import { conformance, type MakeBucket } from "./conformance.ts";
import { FaultBucket } from "./fault_bucket.ts";
import { LimitedBucket } from "./limited_bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";
import { parseRateSchedule } from "./rate_schedule.ts";
import { LeasedBucket } from "./leased_bucket.ts";
import { RetryingBucket } from "./retrying_bucket.ts";
import {
  endurable,
  HurriedClock,
  seededRandom,
  troubled,
} from "./testing/faults.ts";
import { PlainStore } from "./testing/plain_store.ts";

let seed = 1;
const clock = new HurriedClock();
const leased = { clock, primitives, claiming: "new" } as const;

/** A store that keeps no If-None-Match, where every tenth answer is trouble. */
function troubledPlainStore(): ReplaceableBucket {
  const line = new PlainStore(clock).line("one");
  const faulty = new FaultBucket(line, endurable(troubled(seed++, 0.1)));
  return {
    create: (name, bytes) => faulty.create(name, bytes),
    replace: async (name, bytes) => void await faulty.create(name, bytes),
    get: (name, range) => faulty.get(name, range),
    list: (prefix, startAfter) => faulty.list(prefix, startAfter),
    delete: (names) => faulty.delete(names),
    close: () => faulty.close(),
  };
}

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
  "a bucket with a lease, in a store that replaces what there is": () =>
    new LeasedBucket(new PlainStore(clock).line("one"), leased),
  "the same that asks again, where every tenth answer is trouble": () =>
    new RetryingBucket(new LeasedBucket(troubledPlainStore(), leased), leased),
};

for (const [what, make] of Object.entries(buckets)) {
  const options = { histories: 60, largestBytes: 100_000 };
  for (const { name, check } of conformance(make, options)) {
    Deno.test(`${what}: ${name}`, check);
  }
}
