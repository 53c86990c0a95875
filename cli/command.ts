/** What all commands have in common. */

import { resolve } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { defaultStateDir } from "../lib/os/paths.ts";
import { printRaw } from "./terminal.ts";

/** A worked example: the line that is typed, and what it does. */
export type Example = readonly [line: string, what: string];

/** What a command says of itself. */
export interface Words {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs for its own help; the summary where there is no more to say. */
  readonly description?: string;
  readonly examples?: readonly Example[];
}

/** An empty command that speaks as all others do. */
export function command<Name extends string>(name: Name, words: Words) {
  return new Command(name)
    .summary(words.summary)
    .description(words.description ?? sentence(words.summary))
    .addHelpText("after", () => renderExamples(words.examples ?? []))
    // What goes wrong is thrown, and said and counted in one place.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => printRaw("stdout", text),
      writeErr: (text) => printRaw("stderr", text),
      outputError: () => {},
    })
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: () => [stateOption()],
    })
    .helpCommand(false);
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function renderExamples(examples: readonly Example[]): string {
  if (examples.length === 0) return "";
  const lines = examples.map(([line, what]) => `  $ ${line}\n      ${what}`);
  return `\nExamples:\n${lines.join("\n")}`;
}

/** `--state`, which the whole program takes. */
export function stateOption() {
  return new Option(
    "--state <folder>",
    "keep keys and volumes there instead of in this user's usual place",
  ).env("VAULT_STATE");
}

/** `--json`, wherever something is listed or shown. */
export function jsonOption() {
  return new Option("--json", "print JSON for programs");
}

/** `--yes`, wherever something is asked. */
export function yesOption() {
  return new Option("-y, --yes", "do not ask");
}

/** The state folder that a command is given, absolute. */
export function stateDirOf(
  given: { optsWithGlobals(): object },
): string {
  const options = given.optsWithGlobals();
  return "state" in options && typeof options.state === "string"
    ? resolve(options.state)
    : defaultStateDir();
}
