/**
 * Transcripts: what a person types and what they see, as one text that is run and compared.
 *
 *     $ vault volume show nothing
 *     ! vault: There is no volume "nothing"
 *     [3]
 *
 * A line after `$` is run, quoted as in a shell; `<<< TEXT` at its end gives it a line of input. Then come the lines of its standard
 * output, those of standard error after `! `, and in brackets an exit status that is not 0. `…` stands for any text within a line, and
 * as a whole line for any lines. For tests.
 */

import { expect } from "expect";
import { run } from "./process.ts";
import { vaultCommand } from "./vault.ts";

interface Step {
  readonly line: string;
  readonly expected: readonly string[];
}

/** Runs the commands of `text` one after the other, each with `env`, and compares what they say. */
export async function transcript(
  text: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  for (const { line, expected } of stepsOf(text)) {
    const said = await say(line, env);
    const same = matches(said, expected);
    // The whole of both, so that a difference is seen in its place.
    if (!same) {
      expect([`$ ${line}`, ...said]).toEqual([`$ ${line}`, ...expected]);
    }
  }
}

function stepsOf(text: string): readonly Step[] {
  const steps: { line: string; expected: string[] }[] = [];
  // The text stands as deep as the code around it.
  const indent = new RegExp(`^${/^ */m.exec(text.slice(1))?.[0] ?? ""}`);
  const lines = text.split("\n").map((line) => line.replace(indent, ""));
  for (const line of lines.slice(1, -1)) {
    if (line.startsWith("$ ")) {
      steps.push({ line: line.slice(2), expected: [] });
    } else steps.at(-1)?.expected.push(line);
  }
  return steps;
}

async function say(
  line: string,
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const [typed = "", input] = line.split(" <<< ");
  const [program, ...args] = wordsOf(typed);
  if (program !== "vault") throw new Error(`Not a vault command: ${line}`);
  const { code, stdout, stderr } = await run({
    ...vaultCommand(args),
    env: { NO_COLOR: "1", ...env },
    stdin: input === undefined ? "" : `${input}\n`,
  });
  return [
    ...linesOf(stdout),
    ...linesOf(stderr).map((one) => `! ${one}`),
    ...(code === 0 ? [] : [`[${code}]`]),
  ];
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Words as a shell makes them of spaces, single and double quotes. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)]
    .map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

function matches(
  said: readonly string[],
  expected: readonly string[],
): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return said.length === 0;
  if (first === "…") {
    return said.some((_, at) => matches(said.slice(at), rest)) ||
      matches([], rest);
  }
  const [line, ...more] = said;
  if (line === undefined || !matchesLine(line, first)) return false;
  return matches(more, rest);
}

function matchesLine(line: string, pattern: string): boolean {
  const parts = pattern.trimEnd().split("…")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line.trimEnd());
}
