/**
 * `deno task conformance`: libiscsi's whole suite against the tunnel and against tgt, over every run that its tests need, and
 * CONFORMANCE.md of it. Ends with 1 where a test fails the tunnel. Every disk is made for it and destroyed.
 *
 *     --match REGEX      only tests whose name (`Suite.Test`) matches; CONFORMANCE.md stays as it is
 *     --only vault       one contender: vault or tgt; CONFORMANCE.md stays as it is
 *     --runs ordinary,…  only these runs; CONFORMANCE.md stays as it is
 *     --width 3          how many disks are judged side by side
 *     --resume           goes on where the last run was ended: what it had found out stands in dist/conformance.jsonl
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { run, runOk, stopLeftOvers } from "../harness/process.ts";
import { type Contender, tgt, vault } from "./contenders.ts";
import { type Lane, lanesOf, type Result, walkAll } from "./lane.ts";
import { rowsOf, totalsOf } from "./merge.ts";
import { listTests } from "./suite.ts";
import { render } from "./table.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const TABLE = `${root}CONFORMANCE.md`;
const FOUND = `${root}dist/conformance.jsonl`;

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    match: { type: "string", default: "" },
    only: { type: "string" },
    runs: { type: "string" },
    width: { type: "string", default: "3" },
    resume: { type: "boolean", default: false },
  },
});

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

const contenders: readonly Contender[] = [vault, tgt].filter(({ name }) =>
  options.only === undefined || options.only === name
);
const tests = (await listTests()).filter((test) =>
  new RegExp(options.match).test(test)
);
const whole = options.match === "" && options.only === undefined &&
  options.runs === undefined;

const results: Result[] = options.resume ? foundBefore() : [];
Deno.mkdirSync(`${root}dist`, { recursive: true });
if (!options.resume) Deno.writeTextFileSync(FOUND, "");
const lanes = lanesOf(contenders, tests)
  .filter(({ run }) => options.runs?.split(",").includes(run) ?? true)
  .map(withoutFound);
const wanted = lanes.reduce((sum, { tests }) => sum + tests.length, 0);
let done = 0;

try {
  await walkAll(lanes, { width: Number(options.width), heed });
} finally {
  await stopLeftOvers();
}
const rows = rowsOf(tests, results);
for (const { name } of contenders) {
  const { pass, skip, fail, void: wrong } = totalsOf(rows, name);
  say(
    `${name}: ${pass} pass, ${skip} skip, ${fail} fail, ${wrong} void of ${tests.length}`,
  );
}
if (whole) await writeTable();
if (totalsOf(rows, "vault").fail > 0) Deno.exit(1);

function heed(result: Result): void {
  results.push(result);
  Deno.writeTextFileSync(FOUND, `${JSON.stringify(result)}\n`, {
    append: true,
  });
  const { contender, run, test, verdict, why, ms } = result;
  const at = `${++done}/${wanted}`.padStart(9);
  say(
    `${at}  ${contender.padEnd(5)}  ${run.padEnd(11)}  ${verdict}  ${test}` +
      `  ${(ms / 1000).toFixed(1)} s  ${why}`.trimEnd(),
  );
}

/** What an earlier run wrote down; a last line that was cut short is passed over. */
function foundBefore(): Result[] {
  const lines = Deno.readTextFileSync(FOUND).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Result);
}

function withoutFound(lane: Lane): Lane {
  const found = new Set(
    results
      .filter(({ contender, run }) =>
        contender === lane.contender.name && run === lane.run
      )
      .map(({ test }) => test),
  );
  return { ...lane, tests: lane.tests.filter((test) => !found.has(test)) };
}

async function writeTable(): Promise<void> {
  const versions = {
    suite: await versionOf("libiscsi-bin"),
    tgt: await versionOf("tgt"),
  };
  Deno.writeTextFileSync(TABLE, render({ rows, results, versions }));
  await runOk({ command: Deno.execPath(), args: ["fmt", "--quiet", TABLE] });
}

/** The version of a Debian package, without epoch and revision; nothing where it came otherwise. */
async function versionOf(name: string): Promise<string> {
  const { code, stdout } = await run({
    command: "dpkg-query",
    args: ["-W", "-f", "${Version}", name],
  });
  return code === 0 ? stdout.replace(/^\d+:/, "").replace(/-.*$/, "") : "";
}
