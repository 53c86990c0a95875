/** How a volume in a bucket is put into words. */
import { expect } from "expect";
import type { BucketInfo } from "../lib/control/operations.ts";
import { bucketFacts, storedWords } from "./bucket_words.ts";

const MiB = 2 ** 20;
const INFO: BucketInfo = {
  url: "s3://backup/photos",
  cacheBytes: 64 * MiB,
  journalBytes: 64 * MiB,
};

Deno.test("what a volume takes in its bucket stands beside what is in it", () => {
  const served = {
    ...INFO,
    objectBytes: 130 * MiB,
    liveBytes: 100 * MiB,
    movedBytes: 50 * MiB,
  };
  expect(storedWords(served)).toBe("130 MiB for 100 MiB (1.30 times)");
  const facts = new Map(bucketFacts(served));
  expect(facts.get("in the bucket")).toBe("130 MiB for 100 MiB (1.30 times)");
  expect(facts.get("rewritten")).toBe("50 MiB, to give room back");
});

Deno.test("a clone takes what is its own, and says whose the rest is", () => {
  const clone = {
    ...{ ...INFO, objectBytes: 26 * MiB, liveBytes: 100 * MiB },
    ...{ clonedFrom: "s3://backup/photos", inheritedBytes: 80 * MiB },
  };
  const facts = new Map(bucketFacts(clone));
  expect(facts.get("in the bucket")).toBe("26 MiB for 20 MiB (1.30 times)");
  expect(facts.get("clone of"))
    .toBe("s3://backup/photos, which has 80 MiB of 100 MiB");
  expect(new Map(bucketFacts(INFO)).get("clone of")).toBeUndefined();
});

Deno.test("how much of a volume is on this disk is said where that was asked for, and why it is not all", () => {
  const served = { ...INFO, liveBytes: 100 * MiB };
  const words = (more: Partial<BucketInfo>) =>
    new Map(bucketFacts({ ...served, ...more })).get("on this disk");
  expect(words({})).toBeUndefined();
  expect(words({ prefetchedBytes: 40 * MiB })).toBe("40 MiB of 100 MiB");
  expect(
    words({ prefetchedBytes: MiB, notPrefetched: "the cache is full" }),
  ).toBe("1 MiB of 100 MiB, not all: the cache is full");
});

Deno.test("it is said what keeps a second writer off where the store does not", () => {
  expect(new Map(bucketFacts(INFO)).get("fence")).toBeUndefined();
  expect(new Map(bucketFacts({ ...INFO, unconditional: true })).get("fence"))
    .toBe("a lease object (--unsafe-no-conditional-put)");
});

Deno.test("of a volume that is not served nothing is said that is not known, and of an empty one no factor", () => {
  const facts = new Map(bucketFacts(INFO));
  expect(facts.get("in the bucket")).toBeUndefined();
  expect(facts.get("rewritten")).toBeUndefined();
  expect(storedWords({ ...INFO, objectBytes: MiB, liveBytes: 0 }))
    .toBe("1 MiB for 0 B");
});
