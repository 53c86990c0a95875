/** libiscsi's suite says of every test what CONFORMANCE.md says: who makes a test fail or skip finds it here. */
import { expect } from "expect";
import { vault } from "../conformance/contenders.ts";
import { lanesOf, type Result, split, walkAll } from "../conformance/lane.ts";
import { rowsOf } from "../conformance/merge.ts";
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
  const lanes = lanesOf([vault], tests).flatMap((lane) => split(lane, 2));
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
