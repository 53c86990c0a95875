/** libiscsi's own conformance suite, one test at a time: each runs alone, so that a hang or a crash costs one test. */
import { run, runOk, type RunResult } from "../harness/process.ts";

/**
 * What became of a test: it ran and nothing failed; the suite says that the target lacks what it needs; an assertion failed,
 * the program crashed, or its time was over.
 */
export type Verdict = "pass" | "skip" | "fail";

export interface Judgement {
  readonly verdict: Verdict;
  /** The suite's words where it is not a pass. */
  readonly why: string;
}

/** A test that takes longer has failed. One of them sleeps for a minute. */
const TEST_TIMEOUT_MS = 120_000;
/** More of what the suite says of one test is not kept. */
const MAX_WHY_CHARACTERS = 160;
/** What the harness gives for a program that it killed because its time was over. */
const TIMED_OUT = 124;
/** An exit status above this names the signal that ended the program. */
const SIGNALLED = 128;

/** Names of all tests, `Suite.Test`, in the suite's order. */
export async function listTests(): Promise<readonly string[]> {
  const output = await runOk({ command: "iscsi-test-cu", args: ["-l"] });
  return [...output.matchAll(/^ALL\.([^.\s]+\.[^.\s]+)$/gm)]
    .map((match) => match[1]!);
}

/**
 * Runs one test against a disk that may be destroyed. A second URL is another way to the same disk.
 * `--dataloss` and `--allow-sanitize` are the suite's own safety catches: nothing is written without them.
 */
export async function judge(
  test: string,
  urls: readonly string[],
): Promise<Judgement> {
  return judgementOf(
    await run({
      command: "iscsi-test-cu",
      args: [
        ...["--dataloss", "--allow-sanitize", "--fail", "--normal"],
        ...["-t", `ALL.${test}`, ...urls],
      ],
      timeoutMs: TEST_TIMEOUT_MS,
    }),
  );
}

/** Reads the suite's verdict on one test out of what it printed. */
export function judgementOf(
  { code, stdout, stderr }: RunResult,
): Judgement {
  const escape = String.fromCharCode(27);
  const text = `${stdout}${stderr}`.replaceAll(
    new RegExp(`${escape}\\[[0-9;]*m`, "g"),
    "",
  );
  const saying = (mark: RegExp) =>
    text.split("\n").find((line) => mark.test(line))?.trim()
      .slice(0, MAX_WHY_CHARACTERS);
  if (code === TIMED_OUT) {
    return { verdict: "fail", why: `not within ${TEST_TIMEOUT_MS / 1000} s` };
  }
  // CUnit's summary: total, ran, passed, failed.
  const asserts = /^\s*asserts\s+\d+\s+\d+\s+\d+\s+(\d+)/m.exec(text);
  if (
    code !== 0 || asserts === null || Number(asserts[1]) > 0 ||
    text.includes("had failures")
  ) {
    const end = code > SIGNALLED
      ? `the suite got signal ${code - SIGNALLED}`
      : `the suite ended with ${code}`;
    const why = saying(/\[FAILED\]/) ?? saying(/CU_/) ?? saying(/failed/i);
    return { verdict: "fail", why: why ?? end };
  }
  const skipped = saying(/\[SKIPPED\]/);
  return skipped === undefined
    ? { verdict: "pass", why: "" }
    : { verdict: "skip", why: skipped.replace("[SKIPPED] ", "") };
}
