/** From what each run said to one verdict a test and contender. */
import type { Contender } from "./contenders.ts";
import type { Result } from "./lane.ts";
import { neededRun } from "./runs.ts";
import type { Judgement, Verdict } from "./suite.ts";

/** One line of the table. */
export interface Row {
  readonly test: string;
  readonly verdicts: Readonly<
    Partial<Record<Contender["name"], Judgement>>
  >;
}

/**
 * One judgement of many: a fail in any run is a fail, whatever the others say; a pass is one in the run that the test needs.
 * Undefined where that run has not judged it.
 */
export function merge(
  test: string,
  results: readonly Result[],
): Judgement | undefined {
  const failed = results.find(({ verdict }) => verdict === "fail");
  if (failed !== undefined) {
    return { verdict: "fail", why: `${failed.run}: ${failed.why}` };
  }
  const needed = results.find(({ run }) => run === neededRun(test));
  if (needed === undefined) return undefined;
  return { verdict: needed.verdict, why: needed.why };
}

/** A row for each test that was judged, in the order of `tests`. */
export function rowsOf(
  tests: readonly string[],
  results: readonly Result[],
): readonly Row[] {
  return tests.map((test) => {
    const verdicts: Partial<Record<Contender["name"], Judgement>> = {};
    for (const name of ["vault", "tgt"] as const) {
      const own = results.filter((result) =>
        result.contender === name && result.test === test
      );
      const merged = merge(test, own);
      if (merged !== undefined) verdicts[name] = merged;
    }
    return { test, verdicts };
  });
}

export type Totals = Readonly<Record<Verdict, number>>;

export function totalsOf(
  rows: readonly Row[],
  name: Contender["name"],
): Totals {
  const totals = { pass: 0, skip: 0, fail: 0 };
  for (const { verdicts } of rows) {
    const verdict = verdicts[name]?.verdict;
    if (verdict !== undefined) totals[verdict]++;
  }
  return totals;
}
