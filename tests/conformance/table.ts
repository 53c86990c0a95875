/** CONFORMANCE.md: written from what the suite said, and read again for what each test is expected to say. */
import type { Result } from "./lane.ts";
import {
  count,
  type Outcome,
  type Row,
  type Totals,
  totalsOf,
} from "./merge.ts";
import { SKIPS, SUITE_FAULTS } from "./remarks.ts";
import { RUNS } from "./runs.ts";

const CONTENDERS = ["vault", "tgt"] as const;

/** What each program is, as its package says. */
export interface Versions {
  readonly suite: string;
  readonly tgt: string;
}

/** The page; `deno fmt` sets its columns and breaks its lines. */
export function render(
  page: {
    readonly rows: readonly Row[];
    readonly results: readonly Result[];
    readonly versions: Versions;
  },
): string {
  const { rows, results, versions } = page;
  return [
    "# Conformance",
    "",
    `libiscsi's conformance suite (libiscsi ${versions.suite}), all ${rows.length} tests, against a volume through the ` +
    `tunnel (\`vault serve\`, \`vault attach\`) and against tgt ${versions.tgt} as it comes, in one run. ` +
    "`deno task conformance` makes this page.",
    "",
    line(["", ...HEAD]),
    RULE,
    ...CONTENDERS.map((name) =>
      line([`**${name}**`, ...cells(totalsOf(rows, name))])
    ),
    "",
    "A test passes where it ran and nothing failed, is skipped where the suite says that the target lacks what it needs, and " +
    "is void where the suite itself is wrong, for both alike. No disk is ordinary, write-protected and removable at once, so " +
    "there are several runs: a fail in any of them is a fail, and a pass counts in the run that the test needs.",
    "",
    line(["run", ...HEAD]),
    RULE,
    ...RUNS.flatMap(({ name: run }) =>
      CONTENDERS.map((name) =>
        line([
          `${run}, ${name}`,
          ...cells(count(
            results.filter((result) =>
              result.run === run && result.contender === name
            ).map(({ verdict }) => verdict),
          )),
        ])
      )
    ),
    "",
    "The read-only run holds only the tests that write nothing or want to be refused. These figures are the suite's own: what " +
    "is void counts as it came.",
    "",
    "## Where the suite is wrong",
    "",
    ...SUITE_FAULTS.map(({ test, why }) => `- \`${test}\`: ${why}`),
    "",
    "## All tests",
    "",
    line(["test", "vault", "tgt", "why vault does not pass"]),
    line(["---", "---", "---", "---"]),
    ...rows.map(rowLine),
    "",
  ].join("\n");
}

const HEAD = ["pass", "skip", "fail", "void"];
const RULE = line(["---", "--:", "--:", "--:", "--:"]);

function cells(totals: Totals): readonly string[] {
  return [totals.pass, totals.skip, totals.fail, totals.void].map(String);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function rowLine({ test, outcomes }: Row): string {
  const { vault, tgt } = outcomes;
  return line([
    `\`${test}\``,
    vault?.outcome ?? "",
    tgt?.outcome ?? "",
    vault === undefined || vault.outcome === "pass"
      ? ""
      : vault.outcome === "void"
      ? "the suite is wrong, see above"
      : (SKIPS[test] ?? vault.why).replaceAll("|", "\\|"),
  ]);
}

/** What the page says of the tunnel, test by test. */
export function expectedOutcomes(page: string): ReadonlyMap<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (
    const [, test, outcome] of page.matchAll(
      /^\| `(\w+\.[^`]+)` *\| (pass|skip|fail|void) *\|/gm,
    )
  ) {
    outcomes.set(test!, outcome as Outcome);
  }
  return outcomes;
}
