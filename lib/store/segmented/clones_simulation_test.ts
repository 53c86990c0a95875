/**
 * Volumes and clones of them, and clones of these, against what was written to each. CLONES_SEEDS=5000 tries so many families in place of some
 * hundred, CLONES_SEED=n one of them again.
 */
import { expect } from "expect";
import { Family, type FamilyTally } from "./testing/family.ts";

const SEEDS = Number(Deno.env.get("CLONES_SEEDS") ?? 120);
const ONE = Deno.env.get("CLONES_SEED");

Deno.test("volumes and their clones hold what was written to each, whoever is killed and whatever the bucket does", async () => {
  const tally: FamilyTally = {
    ...{ clones: 0, ofClones: 0, deleted: 0, kills: 0, refused: 0 },
    ...{ restores: 0, fenced: 0, moves: 0, cut: { there: 0, gone: 0 } },
  };
  const first = ONE === undefined ? 0 : Number(ONE);
  const seeds = ONE === undefined ? SEEDS : 1;
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      await new Family(seed, tally).run();
    } catch (cause) {
      throw new Error(`CLONES_SEED=${seed}`, { cause });
    }
  }
  if (ONE !== undefined) return;
  // It has not gone blind.
  expect(tally.clones).toBeGreaterThan(2 * seeds);
  expect(tally.ofClones).toBeGreaterThan(seeds / 2);
  expect(tally.kills).toBeGreaterThan(seeds);
  expect(tally.cut.there).toBeGreaterThan(seeds / 20);
  expect(tally.cut.gone).toBeGreaterThan(seeds / 5);
  expect(tally.refused).toBeGreaterThan(seeds / 3);
  expect(tally.restores).toBeGreaterThan(seeds / 2);
  expect(tally.fenced).toBeGreaterThan(seeds);
  expect(tally.moves).toBeGreaterThan(seeds / 5);
});
