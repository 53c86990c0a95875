/**
 * The one file that writes to the terminal. Its rules:
 *
 * - What was asked for goes to the standard output and nothing else does; sentences about it, questions and errors go to standard error.
 * - Colours, progress that moves and questions are for terminals. NO_COLOR is honoured.
 * - What others have named is shown without its control characters: nobody's name moves a cursor.
 * - Errors are `vault: …`, with a `vault: hint: …` below where there is something to do.
 */

import process from "node:process";
import pc from "picocolors";
import { VaultError } from "../lib/base/errors.ts";
import {
  columns,
  isTerminal,
  type Output,
  readInput,
  wantsNoColor,
  writeOut,
} from "../lib/os/terminal.ts";
import { Ended, EXIT } from "./exit_status.ts";

/** Colours for one of the outputs, which do nothing where it is no terminal. */
export function colours(output: Output): ReturnType<typeof pc.createColors> {
  return pc.createColors(isTerminal(output) && !wantsNoColor());
}

/** `text` with every control character but newline and tab shown as a replacement character. */
export function harmless(text: string): string {
  return [...text].map((char) => {
    const code = char.codePointAt(0) ?? 0;
    const control = (code < 0x20 && char !== "\n" && char !== "\t") ||
      (code >= 0x7f && code < 0xa0) ||
      // Overrides of the writing direction show one name as another.
      (code >= 0x202a && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069);
    return control ? "\ufffd" : char;
  }).join("");
}

/** Whether a person can be asked: they see the question and can answer. */
export function canAsk(): boolean {
  return isTerminal("stdin") && isTerminal("stderr");
}

/** Puts this program's own colours and marks to a line, after the line was made harmless. */
export type Dress = (line: string) => string;

const plainly: Dress = (line) => line;

/** A line of what was asked for. */
export function print(line = "", dress: Dress = plainly): void {
  // Who closed the output has seen enough.
  const text = dress(harmless(line));
  if (!writeOut("stdout", text + "\n")) throw new Ended(EXIT.ok);
}

/** Text of this program's own, written as it is: help, completion scripts. */
export function printRaw(output: Output, text: string): void {
  writeOut(output, text);
}

/** What was asked for, for programs. */
export function printJson(value: unknown): void {
  printText(JSON.stringify(value, undefined, 2));
}

/** One of many, each on a line of its own. */
export function printJsonLine(value: unknown): void {
  printText(JSON.stringify(value));
}

/** JSON escapes control characters below 20h; those above are escaped here. */
function printText(json: string): void {
  const text = json.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  if (!writeOut("stdout", text + "\n")) throw new Ended(EXIT.ok);
}

/** A sentence about what happens. */
export function note(line: string, dress: Dress = plainly): void {
  writeOut("stderr", dress(harmless(line)) + "\n");
}

/** Something that the person should look at although all goes on. */
export function warn(line: string, hint?: string): void {
  const { yellow } = colours("stderr");
  writeOut("stderr", `${yellow("vault: warning:")} ${harmless(line)}\n`);
  if (hint !== undefined) giveHint(hint);
}

/** An error and what to do about it. */
export function complain(message: string, hint?: string): void {
  writeOut(
    "stderr",
    `${colours("stderr").red("vault:")} ${harmless(message)}\n`,
  );
  if (hint !== undefined) giveHint(hint);
}

function giveHint(hint: string): void {
  const { cyan } = colours("stderr");
  writeOut("stderr", `${cyan("vault: hint:")} ${harmless(hint)}\n`);
}

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string;
  readonly align?: "left" | "right";
}

/** Rows below their heads, aligned; the heads alone where there are none. */
export async function printTable<T>(
  rows: readonly T[],
  table: readonly Column<T>[],
): Promise<void> {
  const { default: Table } = await import("cli-table3");
  const { bold } = colours("stdout");
  const bare = [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
  ];
  const lines = new Table({
    head: table.map(({ head }) => bold(head)),
    colAligns: table.map(({ align }) => align ?? "left"),
    chars: {
      ...Object.fromEntries(bare.map((name) => [name, ""])),
      middle: "  ",
    },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  for (const row of rows) {
    lines.push(table.map(({ cell }) => harmless(cell(row))));
  }
  const text = lines.toString().split("\n").map((line) => line.trimEnd());
  if (!writeOut("stdout", text.join("\n") + "\n")) throw new Ended(EXIT.ok);
}

/** Names and what they are, one below the other. */
export function printFacts(
  facts: readonly (readonly [name: string, value: string | undefined])[],
): void {
  const known = facts.filter((fact): fact is readonly [string, string] =>
    fact[1] !== undefined
  );
  const width = Math.max(...known.map(([name]) => name.length));
  const { dim } = colours("stdout");
  for (const [name, value] of known) {
    const line = `${dim(name.padEnd(width))}  ${harmless(value)}\n`;
    if (!writeOut("stdout", line)) throw new Ended(EXIT.ok);
  }
}

/** One line that tells how far something is: rewritten in place on a terminal, a line a step elsewhere. */
export class Progress {
  readonly #moves = isTerminal("stderr") && !wantsNoColor();
  #shown = false;

  /** Whether steps follow each other in place. */
  get moves(): boolean {
    return this.#moves;
  }

  step(line: string): void {
    const text = harmless(line);
    if (!this.#moves) {
      writeOut("stderr", `${text}\n`);
      return;
    }
    writeOut("stderr", `\r\x1b[K${text.slice(0, columns() - 1)}`);
    this.#shown = true;
  }

  /** Makes room for other lines. */
  clear(): void {
    if (this.#shown) writeOut("stderr", "\r\x1b[K");
    this.#shown = false;
  }
}

/** @throws {VaultError} where nobody can be asked; `hint` says how to go without */
function expectPerson(what: string, hint: string): void {
  if (canAsk()) return;
  throw new VaultError(what, { hint, kind: "usage" });
}

/** Asks, with No as the default. @throws {VaultError} where nobody can be asked, {Ended} at Ctrl-C */
export async function confirm(
  question: string,
  off: { readonly what: string; readonly hint: string },
): Promise<boolean> {
  expectPerson(off.what, off.hint);
  const { confirm: ask, isCancel } = await import("@clack/prompts");
  const answer = await ask({
    message: harmless(question),
    initialValue: false,
    output: process.stderr,
  });
  if (isCancel(answer)) throw new Ended(EXIT.interrupted);
  return answer;
}

/** Asks for a secret without showing it. @throws {VaultError} where nobody can be asked, {Ended} at Ctrl-C */
export async function askSecret(
  question: string,
  off: { readonly what: string; readonly hint: string },
): Promise<string> {
  expectPerson(off.what, off.hint);
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({
    message: harmless(question),
    mask: "*",
    output: process.stderr,
  });
  if (isCancel(answer)) throw new Ended(EXIT.interrupted);
  return answer ?? "";
}

/** Asks for a line. @throws {VaultError} where nobody can be asked, {Ended} at Ctrl-C */
export async function askLine(
  question: string,
  off: { readonly what: string; readonly hint: string },
): Promise<string> {
  expectPerson(off.what, off.hint);
  const { text, isCancel } = await import("@clack/prompts");
  const answer = await text({
    message: harmless(question),
    output: process.stderr,
  });
  if (isCancel(answer)) throw new Ended(EXIT.interrupted);
  return answer ?? "";
}

/** The whole standard input as text, at most `maxBytes` of it. @throws {VaultError} */
export async function readStdin(maxBytes: number): Promise<string> {
  const bytes = await readInput(maxBytes);
  if (bytes) return new TextDecoder().decode(bytes);
  throw new VaultError(`The standard input is longer than ${maxBytes} bytes`, {
    kind: "usage",
  });
}
