import { expect } from "expect";
import { planOperation, planRound, type Victims } from "./plan.ts";

const ALL: readonly Victims[] = ["serve", "attach", "both"];
const BLOCKS = 6144;

Deno.test("a seed repeats the plan, and another one makes another", () => {
  const planned = (seed: number) =>
    Array.from({ length: 20 }, (_none, round) => {
      const { choreDice: _dice, ...plan } = planRound({
        ...{ seed, round, victims: ALL },
      });
      const operations = Array.from(
        { length: 20 },
        (_, index) =>
          planOperation({ seed, round, index }, {
            blocks: BLOCKS,
            hotAt: plan.hotAt,
          }),
      );
      return { plan, operations };
    });
  expect(planned(5)).toEqual(planned(5));
  expect(planned(5)).not.toEqual(planned(6));
});

Deno.test("every operation is inside of the volume, and every kind comes", () => {
  const kinds = new Set<string>();
  for (let index = 0; index < 5000; index++) {
    const at = { seed: 1, round: index % 50, index };
    const hotAt = index * 977;
    const { kind, lba, count } = planOperation(at, { blocks: BLOCKS, hotAt });
    expect(count >= 1 && lba >= 0 && lba + count <= BLOCKS).toBe(true);
    if (kind === "compare") expect(count).toBeLessThanOrEqual(32);
    kinds.add(kind);
  }
  expect(kinds.size).toBe(8);
});

Deno.test("every kind of kill and of chore comes", () => {
  const seen = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const plan = planRound({ seed: 1, round, victims: ALL });
    seen.add(plan.victims);
    if (plan.chore) {
      seen.add(plan.chore + (plan.choreKillMs === undefined ? "" : ", killed"));
    }
    if (plan.stumbleMs !== undefined) seen.add("stumble");
    if (plan.bucket.loses) seen.add("lost");
    if (plan.bucket.lingerMs > 0) seen.add("lingers");
  }
  expect([...seen].sort()).toEqual([
    ...["attach", "both", "lingers", "lost"],
    ...["resize", "resize, killed", "restore"],
    ...["restore, killed", "serve", "snapshot", "snapshot, killed", "stumble"],
  ]);
});
