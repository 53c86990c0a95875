/** From what each run said to one verdict a test and contender. */
import type { Contender } from "./contenders.ts";
import type { Result } from "./lane.ts";
import { faultOf } from "./remarks.ts";
import { neededRun } from "./runs.ts";
import type { Verdict } from "./suite.ts";

/** A test is void where the suite itself is wrong in every run that would have judged it. */
export type Outcome = Verdict | "void";

export interface Merged {
  readonly outcome: Outcome;
  /** What the suite said where it is no pass. */
  readonly why: string;
}

/** One line of the table. A contender that was not judged has no outcome. */
export interface Row {
  readonly test: string;
  readonly outcomes: Readonly<Partial<Record<Contender["name"], Merged>>>;
}

/**
 * One outcome of a test's results: a fail in any run is a fail, whatever the others say; a pass is one in the run that the test
 * needs. What the suite says where it is known to be wrong counts for nothing. Undefined where the needed run has not been.
 */
export function merge(
  test: string,
  results: readonly Result[],
): Merged | undefined {
  const sound = results.filter((result) => faultOf(result) === undefined);
  const failed = sound.find(({ verdict }) => verdict === "fail");
  if (failed !== undefined) {
    return { outcome: "fail", why: `${failed.run}: ${failed.why}` };
  }
  const isNeeded = ({ run }: Result) => run === neededRun(test);
  const needed = sound.find(isNeeded);
  if (needed !== undefined) {
    return { outcome: needed.verdict, why: needed.why };
  }
  const fault = results.filter(isNeeded).map(faultOf)[0];
  return fault === undefined ? undefined : { outcome: "void", why: fault.why };
}

/** A row for each test, in the order of `tests`. */
export function rowsOf(
  tests: readonly string[],
  results: readonly Result[],
): readonly Row[] {
  return tests.map((test) => {
    const outcomes: Partial<Record<Contender["name"], Merged>> = {};
    for (const name of ["vault", "tgt"] as const) {
      const own = results.filter((result) =>
        result.contender === name && result.test === test
      );
      const merged = merge(test, own);
      if (merged !== undefined) outcomes[name] = merged;
    }
    return { test, outcomes };
  });
}

export type Totals = Readonly<Record<Outcome, number>>;

/** How many of `outcomes` are of each kind. */
export function count(outcomes: Iterable<Outcome | undefined>): Totals {
  const totals = { pass: 0, skip: 0, fail: 0, void: 0 };
  for (const outcome of outcomes) {
    if (outcome !== undefined) totals[outcome]++;
  }
  return totals;
}

/** A contender's totals over all rows. */
export function totalsOf(
  rows: readonly Row[],
  name: Contender["name"],
): Totals {
  return count(rows.map(({ outcomes }) => outcomes[name]?.outcome));
}
