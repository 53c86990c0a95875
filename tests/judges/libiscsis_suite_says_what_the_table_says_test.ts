/**
 * libiscsi's suite says of every test what CONFORMANCE.md says: who makes a test fail or skip finds it here. Every test is judged in the run
 * that it needs; `deno task conformance` also judges each in all others that hold it.
 */
import { expect } from "expect";
import { vault } from "../conformance/contenders.ts";
import { lanesOf, type Result, split, walkAll } from "../conformance/lane.ts";
import { rowsOf } from "../conformance/merge.ts";
import { neededRun } from "../conformance/runs.ts";
import { listTests } from "../conformance/suite.ts";
import { expectedOutcomes } from "../conformance/table.ts";
import { scenario } from "../harness/scenario.ts";

const TABLE = new URL("../../CONFORMANCE.md", import.meta.url);
/** Disks that are judged side by side. Most tests wait more than they work. */
const WIDTH = 4;

scenario("libiscsi's suite says what the table says", {
  peers: ["iscsi-test-cu", "iscsi-ls"],
  timeoutMs: 240_000,
}, async () => {
  const expected = expectedOutcomes(Deno.readTextFileSync(TABLE));
  const tests = await listTests();
  expect([...expected.keys()]).toEqual(tests);
  const results: Result[] = [];
  const lanes = lanesOf([vault], tests)
    .map((lane) => ({
      ...lane,
      tests: lane.tests.filter((test) => neededRun(test) === lane.run),
    }))
    .flatMap((lane) => split(lane, lane.run === "ordinary" ? 3 : 1));
  await walkAll(lanes, {
    width: WIDTH,
    heed: (result) => results.push(result),
  });
  const said = rowsOf(tests, results).map(({ test, outcomes: { vault } }) =>
    vault?.outcome === expected.get(test)
      ? `${test}: ${vault?.outcome}`
      : `${test}: ${vault?.outcome} ${vault?.why}`
  );
  expect(said).toEqual(
    tests.map((test) => `${test}: ${expected.get(test)}`),
  );
});
