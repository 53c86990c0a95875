import { expect } from "expect";
import fc from "fast-check";
import { type Bucket, BucketError, MAX_READ_BYTES } from "./bucket.ts";
import { pattern } from "./conformance.ts";
import { type Fault, FaultBucket, type Schedule } from "./fault_bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";
import { MAX_TRIES, RetryingBucket } from "./retrying_bucket.ts";
import {
  HurriedClock,
  seededRandom,
  troubled,
  uncertain,
} from "./testing/faults.ts";

const OURS = pattern(500, 1);
const THEIRS = pattern(500, 2);

function retrying(schedule: Schedule, memory = new MemoryBucket()) {
  const clock = new HurriedClock();
  const faults = new FaultBucket(memory, schedule);
  const retried: string[] = [];
  const bucket = new RetryingBucket(faults, {
    clock,
    primitives: seededRandom(1),
    onRetry: (error) => retried.push(error.message),
  });
  return { memory, faults, bucket, clock, retried };
}

/** The first creates go as `faults` say, one after the other. */
const creates =
  (...faults: (Fault | undefined)[]): Schedule => ({ kind, index }) =>
    kind === "create" ? faults[index] : undefined;

const LOST = uncertain("time-out");

for (
  const [what, faults] of [
    ["nothing came of the first try", [{ before: LOST }]],
    ["the answer of the first try was lost", [{ after: LOST }]],
    ["something on the way asked twice", [{ saysExists: true }]],
    ["the first try arrives after we have looked", [{
      late: { error: LOST, operations: 1 },
    }]],
    ["the first try arrives while we ask again", [{
      late: { error: LOST, operations: 2 },
    }, { before: LOST }]],
    ["the first try arrives long after", [{
      late: { error: LOST, operations: 99 },
    }]],
    [
      "every try but the last fails",
      Array(MAX_TRIES - 1).fill({
        before: LOST,
      }),
    ],
  ] as const satisfies readonly [string, readonly Fault[]][]
) {
  Deno.test(`created, where ${what}`, async () => {
    const { bucket, memory, faults: layer } = retrying(creates(...faults));
    expect(await bucket.create("d/1", OURS)).toBe("created");
    await layer.settle();
    expect(await memory.get("d/1")).toEqual(OURS);
    expect(memory.size).toBe(1);
  });

  Deno.test(`another's is left alone, where ${what}`, async () => {
    for (const theirs of [THEIRS, OURS.subarray(1), pattern(501, 1)]) {
      const memory = new MemoryBucket();
      await memory.create("d/1", theirs);
      const { bucket, faults: layer } = retrying(creates(...faults), memory);
      expect(await bucket.create("d/1", OURS)).toBe("exists");
      await layer.settle();
      expect(await memory.get("d/1")).toEqual(theirs);
    }
  });
}

Deno.test("of two who create one object with trouble on the way, one at most has created it", async () => {
  let [created, gaveUp] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.double({ max: 0.8, min: 0.1, noNaN: true }),
      async (seed, share) => {
        const memory = new MemoryBucket();
        const ends = [OURS, THEIRS].map((bytes, i) => ({
          bytes,
          ...retrying(troubled(seed + i, share, 6), memory),
        }));
        const said = await Promise.all(
          ends.map(({ bucket, bytes }) =>
            bucket.create("d/1", bytes).catch((error) => {
              expect(error).toBeInstanceOf(BucketError);
              expect(error.kind).toBe("unreachable");
              return "gave up";
            })
          ),
        );
        for (const { faults } of ends) await faults.settle();
        const there = await memory.get("d/1");
        for (const [i, { bytes }] of ends.entries()) {
          if (said[i] === "created") expect(there).toEqual(bytes);
          if (said[i] === "exists") expect(there).toEqual(ends[1 - i]!.bytes);
          if (said[i] === "created") created++;
          if (said[i] === "gave up") gaveUp++;
        }
      },
    ),
    { numRuns: 500 },
  );
  // Both happened, so both were tried.
  expect(created).toBeGreaterThan(100);
  expect(gaveUp).toBeGreaterThan(0);
});

Deno.test("it gives up after so many tries, with growing pauses, and says why", async () => {
  const { bucket, clock, retried } = retrying(() => ({ before: LOST }));
  const acts: ((bucket: Bucket) => Promise<unknown>)[] = [
    (bucket) => bucket.create("d/1", OURS),
    (bucket) => bucket.get("d/1"),
    (bucket) => bucket.list("d/"),
    (bucket) => bucket.delete(["d/1"]),
  ];
  for (const act of acts) {
    retried.length = 0;
    const before = clock.sleptMs;
    const error = await act(bucket).then(() => undefined, (error) => error);
    expect(error).toBeInstanceOf(BucketError);
    expect(error.kind).toBe("unreachable");
    expect(error.message).toMatch(
      /^Cannot (create|read|list|delete) "d\/1?" in the bucket: time-out$/,
    );
    expect(retried).toHaveLength(MAX_TRIES - 1);
    // 300 + 600 + … + 15,000, of which chance takes up to half.
    expect(clock.sleptMs - before).toBeGreaterThan(16_000);
    expect(clock.sleptMs - before).toBeLessThan(34_000);
  }
});

Deno.test("what another try would not change is tried once", async () => {
  for (
    const fault of ["refused", "no-bucket", "unsupported", "rejected"] as const
  ) {
    const before = new BucketError(fault, "so it is", { hint: "do this" });
    const { bucket, retried } = retrying(() => ({ before }));
    const error = await bucket.create("d/1", OURS).catch((error) => error);
    expect(error.fault).toBe(fault);
    expect(error.hint).toBe("do this");
    expect(retried).toEqual([]);
  }
  const defect = new TypeError("a defect");
  const { bucket } = retrying(() => ({ before: defect }));
  expect(await bucket.get("d/1").catch((error) => error)).toBe(defect);
});

Deno.test("the kinds of errors are those of the command line", () => {
  const kind = (fault: BucketError["fault"]) => new BucketError(fault, "").kind;
  expect(kind("uncertain")).toBe("unreachable");
  expect(kind("refused")).toBe("refused");
  expect(kind("no-bucket")).toBe("not-found");
  expect(kind("unsupported")).toBeUndefined();
});

Deno.test("closing ends the waiting", async () => {
  let tries = 0;
  const { bucket } = retrying(() => {
    if (++tries === 3) void bucket.close();
    return { before: LOST };
  });
  const error = await bucket.get("d/1").catch((error) => error);
  expect(error.message).toBe("The bucket was closed");
  expect(tries).toBe(3);
  const later = await bucket.get("d/1").catch((error) => error);
  expect(later.message).toBe("The bucket was closed");
  expect(tries).toBe(3);
});

Deno.test("what is beside it tries again, too, until it is closed with it", async () => {
  const { bucket } = retrying(() => undefined);
  let tries = 0;
  const beside = bucket.beside(
    new FaultBucket(new MemoryBucket(), () => {
      if (++tries === 5) void bucket.close();
      return tries === 1 || tries > 3 ? { before: LOST } : undefined;
    }),
  );
  expect(await beside.create("d/1", OURS)).toBe("created");
  const error = await beside.get("d/1").catch((error) => error);
  expect(error.message).toBe("The bucket was closed");
  expect(tries).toBe(5);
});

Deno.test("an object that could not be looked at is not written", async () => {
  const { bucket, memory } = retrying(() => undefined);
  const long = new Uint8Array(MAX_READ_BYTES);
  const error = await bucket.create("d/1", long).catch((error) => error);
  expect(error).toBeInstanceOf(RangeError);
  expect(memory.size).toBe(0);
});
