/**
 * `deno task test`: the tests in groups, and one line at the end: `N passed, N failed, N skipped`. Ends with 1 where one failed.
 *
 *     deno task test            all groups but the judges
 *     deno task test all        all of them, as CI runs it
 *     deno task test units      one or more of them by name
 *
 * Units and examples run side by side; what starts daemons and emulators runs one after the other, so that time means something.
 * `VAULT_BIN` names the built program for the tests that drive it, else they run the sources.
 */
import { fileURLToPath } from "node:url";
import { isTest, readSources } from "./architecture/source.ts";
import { exists } from "./harness/exists.ts";

const rootUrl = new URL("../", import.meta.url);
const root = fileURLToPath(rootUrl);

interface Group {
  readonly name: string;
  /** Takes long, and is left out unless it is asked for. */
  readonly long?: true;
  readonly paths: readonly string[];
  readonly flags: readonly string[];
  /** A group that takes longer is ended, and counts as one failure more. */
  readonly timeoutMs: number;
}

const MINUTE_MS = 60_000;

const GROUPS: readonly Group[] = [
  {
    name: "units",
    paths: [
      "lib",
      "tunnel",
      "cli",
      "tools",
      "tests/architecture_test.ts",
      "tests/harness",
      "tests/bench",
      "tests/conformance",
      "tests/crash",
      "tests/simulation",
    ],
    flags: ["--parallel", "--trace-leaks"],
    timeoutMs: 12 * MINUTE_MS,
  },
  {
    name: "examples",
    paths: filesWithExamples(),
    flags: ["--doc"],
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: "faults",
    paths: ["tests/faults"],
    flags: [],
    timeoutMs: 16 * MINUTE_MS,
  },
  {
    name: "interop",
    paths: ["tests/interop"],
    flags: [],
    timeoutMs: 18 * MINUTE_MS,
  },
  {
    // Who judges from outside: libiscsi's suite, Linux with its SCSI tools and its file systems' checkers, bad networks, grammars, and the
    // oracle of crashes.
    name: "judges",
    long: true,
    paths: ["tests/judges"],
    flags: [],
    timeoutMs: 14 * MINUTE_MS,
  },
];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

const wanted = Deno.args.length === 0
  ? GROUPS.filter(({ long }) => !long).map(({ name }) => name)
  : Deno.args.join() === "all"
  ? GROUPS.map(({ name }) => name)
  : Deno.args;
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const name of wanted) {
  const group = GROUPS.find((group) => group.name === name);
  if (group === undefined) {
    const names = GROUPS.map(({ name }) => name).join(", ");
    say(`No group "${name}": ${names}, or all`);
    Deno.exit(2);
  }
  const paths = group.paths.filter((path) => exists(`${root}${path}`));
  if (paths.length === 0) continue;
  const began = performance.now();
  const counts = await runGroup({ ...group, paths });
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  say(`== ${group.name}: ${sentence(counts)} in ${seconds} s\n`);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}
say(sentence(total));
if (total.failed > 0) Deno.exit(1);

function sentence({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Those of the product whose doc comments show code. */
function filesWithExamples(): string[] {
  return readSources(rootUrl)
    .filter(({ path, text }) => !isTest(path) && /^ *\* ```ts$/m.test(text))
    .map(({ path }) => path);
}

async function runGroup(group: Group): Promise<Counts> {
  const report = Deno.makeTempFileSync({
    prefix: "vault-test-",
    suffix: ".xml",
  });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "-A", ...group.flags, `--junit-path=${report}`],
        ...group.paths,
      ],
      cwd: root,
      stdin: "null",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), group.timeoutMs);
    const { success } = await child.status;
    clearTimeout(timer);
    const counts = read(Deno.readTextFileSync(report));
    // A module that does not load or a run that was ended has no failed test to show for it.
    if (!success && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    Deno.removeSync(report);
  }
}

/** Counts of a JUnit report. */
function read(xml: string): Counts {
  const cases = xml.match(/<testcase\b[^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g) ??
    [];
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const text of cases) {
    if (/<(failure|error)\b/.test(text)) counts.failed++;
    else if (/<skipped\b/.test(text)) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}
