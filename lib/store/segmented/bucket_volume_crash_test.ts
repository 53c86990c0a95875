/**
 * Power cuts and kills under a volume in a bucket, with a bucket that fails in every way in which one may: after any of them the volume is what
 * some prefix of its operations makes, each whole, and no older than the last flush that was answered; and where all that is on the local disk
 * is lost, some older one. CRASH_SEEDS=20000 tries so many lives in place of some hundreds, CRASH_SEED=n one of them again.
 */
import { expect } from "expect";
import { crashRuns } from "../testing/crash_run.ts";
import { bucketVolume, Seen, type Variant } from "./testing/crash_volume.ts";

const SEEDS = 100;
/** What is damaged takes its time: it is looked for again and again. */
const DAMAGED_SEEDS = 40;

const VARIANTS: readonly (Variant & {
  readonly name: string;
  /** So many objects that no life knew of are found in so many seeds; where segments are large there are few of either. */
  readonly strays: number;
})[] = [
  {
    name: "small segments",
    segmentBytes: 2048,
    checkpointEvery: 3,
    loses: false,
    strays: 1 / 20,
  },
  {
    name: "large segments",
    segmentBytes: 65536,
    checkpointEvery: 20,
    loses: false,
    strays: 0,
  },
  {
    name: "the local disk lost each time",
    segmentBytes: 2048,
    checkpointEvery: 4,
    loses: true,
    strays: 1 / 50,
  },
];

const DAMAGED: Variant = {
  segmentBytes: 2048,
  checkpointEvery: 12,
  loses: true,
  damages: true,
};

const TITLE =
  "a volume in a bucket is a prefix of its operations after any crash";

async function run(
  variant: Variant,
  { snapshots = false, seeds: most = SEEDS } = {},
) {
  const seen = new Seen();
  const runs = await crashRuns(
    most,
    (seed) => bucketVolume(seed, { ...variant, snapshots, seen }),
  );
  if (!runs) return undefined;
  const { seeds, tally } = runs;
  // It has not gone blind.
  expect(tally.cuts).toBeGreaterThan(seeds);
  expect(tally.kills).toBeGreaterThan(seeds / 2);
  // What they met was the crash, and nothing that is wrong in the bucket.
  expect(seen.troubles)
    .toEqual(new Set([undefined, "Could not clean up: There was a crash"]));
  return { seeds, tally, seen };
}

Deno.test(`${TITLE}, and where objects are missing or damaged besides, when what is whole was taken`, async () => {
  const done = await run(DAMAGED, { seeds: DAMAGED_SEEDS });
  if (!done) return;
  const { seeds, tally, seen: { cuts, rollbacks } } = done;
  expect(tally.operations).toBeGreaterThan(5 * seeds);
  expect(cuts).toBeGreaterThan(seeds / 4);
  expect(rollbacks).toBeGreaterThan(seeds / 4);
});

for (const { name, ...variant } of VARIANTS) {
  Deno.test(`${TITLE}: ${name}`, async () => {
    const done = await run(variant);
    if (!done) return;
    const { seeds, tally, seen: { moves, strays, left } } = done;
    expect(tally.operations).toBeGreaterThan(10 * seeds);
    expect(moves).toBeGreaterThan(seeds);
    expect(left).toBeGreaterThan(seeds / 2);
    expect(strays).toBeGreaterThanOrEqual(variant.strays * seeds);
  });

  Deno.test(`${TITLE}, and so are its snapshots: ${name}`, async () => {
    const done = await run(variant, { snapshots: true });
    if (!done) return;
    const { seeds, tally, seen: { moves, left } } = done;
    expect(tally.operations).toBeGreaterThan(5 * seeds);
    expect(tally.snapshots).toBeGreaterThan(seeds / 2);
    expect(tally.restores).toBeGreaterThan(seeds / 10);
    expect(tally.releases).toBeGreaterThan(seeds / 10);
    expect(moves).toBeGreaterThan(seeds / 4);
    expect(left).toBeGreaterThan(seeds / 2);
  });
}
