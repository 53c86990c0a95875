/** The hidden `vault __complete -- WORDS…`: what may stand in the place of the last word, a candidate and what it is on each line. */

import type {
  CommandUnknownOpts as Command,
  Option,
} from "@commander-js/extra-typings";
import { defaultStateDir } from "../lib/os/paths.ts";
import { command } from "./command.ts";
import { FILES, FOLDERS } from "./completions.ts";
import { attachments, withNode } from "./daemons.ts";
import { print } from "./terminal.ts";

/** A word that may come next, and what it is. */
export interface Candidate {
  readonly word: string;
  readonly what: string;
}

/** `root` is the program whose command lines are completed. */
export function completeCommand(root: () => Command) {
  return command("__complete", { summary: "what may come next" })
    .argument("[words...]", "the command line so far, without its first word")
    .action(async (words) => {
      const found = await candidates(root(), words);
      for (const { word, what } of found) {
        print(what ? `${word}\t${what}` : word);
      }
    });
}

/** Where a command line stands before its last word. */
interface Place {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly option: Option | undefined;
  /** How many arguments the command has so far. */
  readonly given: number;
  readonly stateDir: string | undefined;
}

/** All words that may stand in the place of the last of `words`. */
export async function candidates(
  root: Command,
  words: readonly string[],
): Promise<readonly Candidate[]> {
  const begun = words.at(-1) ?? "";
  const place = placeAfter(root, words.slice(0, -1));
  const all = place.option
    ? valuesOf(place.option)
    : begun.startsWith("-")
    ? optionsAt(place)
    : [...commandsAt(place), ...await argumentsAt(place)];
  return all.filter(({ word }) => word.startsWith(begun) || isDirective(word));
}

function isDirective(word: string): boolean {
  return word === FILES || word === FOLDERS;
}

function placeAfter(root: Command, words: readonly string[]): Place {
  let place: Place = {
    command: root,
    option: undefined,
    given: 0,
    stateDir: Deno.env.get("VAULT_STATE") || undefined,
  };
  for (const word of words) place = step(place, word);
  return place;
}

function step(place: Place, word: string): Place {
  const { command, option } = place;
  if (option) {
    return {
      ...place,
      option: undefined,
      ...(option.attributeName() === "state" ? { stateDir: word } : {}),
    };
  }
  if (word.startsWith("-")) {
    const known = lineage(command).flatMap((one) => one.options)
      .find((one) => one.long === word || one.short === word);
    const takesNext = known?.required || known?.optional;
    return takesNext ? { ...place, option: known } : place;
  }
  const sub = place.given === 0
    ? command.commands.find((one) => one.name() === word)
    : undefined;
  return sub
    ? { ...place, command: sub, given: 0 }
    : { ...place, given: place.given + 1 };
}

/** The command and those that it belongs to, whose options it takes as well. */
function lineage(command: Command): readonly Command[] {
  return command.parent ? [command, ...lineage(command.parent)] : [command];
}

function commandsAt({ command, given }: Place): readonly Candidate[] {
  if (given > 0) return [];
  return command.createHelp().visibleCommands(command)
    .map((one) => ({ word: one.name(), what: one.summary() }));
}

function optionsAt({ command }: Place): readonly Candidate[] {
  return lineage(command).flatMap((one) => one.createHelp().visibleOptions(one))
    .filter((one, at, all) =>
      all.findIndex(({ long }) => long === one.long) === at
    )
    .map((one) => ({ word: one.long ?? one.flags, what: one.description }));
}

function valuesOf(option: Option): readonly Candidate[] {
  const choices = option.argChoices ?? [];
  if (choices.length > 0) return choices.map((word) => ({ word, what: "" }));
  if (option.flags.includes("<file>")) return [{ word: FILES, what: "" }];
  if (option.flags.includes("<folder>")) return [{ word: FOLDERS, what: "" }];
  return [];
}

/** The choices of the argument that comes next, or the names that it can be. */
async function argumentsAt(place: Place): Promise<readonly Candidate[]> {
  const argument = place.command.registeredArguments[place.given];
  if (!argument) return [];
  if (argument.name() === "file") return [{ word: FILES, what: "" }];
  if (argument.argChoices) {
    return argument.argChoices.map((word) => ({ word, what: "" }));
  }
  const path = lineage(place.command).map((one) => one.name()).reverse()
    .slice(1).join(" ");
  const names = NAMES[`${path} ${argument.name()}`];
  try {
    return await names?.(place.stateDir ?? defaultStateDir()) ?? [];
  } catch {
    // No node here, or one that does not answer: then there is nothing to offer.
    return [];
  }
}

type Names = (stateDir: string) => Promise<readonly Candidate[]>;

/** Of whatever volume: the words before are not looked at. */
const snapshots: Names = (stateDir) =>
  withNode(
    stateDir,
    async (node) =>
      (await node.listSnapshots()).map(({ volume, name }) => ({
        word: name,
        what: `snapshot of ${volume}`,
      })),
  );

const volumes: Names = (stateDir) =>
  withNode(
    stateDir,
    async (node) =>
      (await node.listVolumes()).map(({ name }) => ({
        word: name,
        what: "volume",
      })),
  );

const devices: Names = (stateDir) =>
  withNode(
    stateDir,
    async (node) => [
      ...(await node.devices())
        .filter(({ revokedAt }) => revokedAt === undefined)
        .map(({ name }) => ({ word: name, what: "device" })),
      ...(await node.invitations())
        .map(({ name }) => ({ word: name, what: "invitation" })),
    ],
  );

const attached: Names = async (stateDir) =>
  (await attachments(stateDir)).map(({ volume, portal }) => ({
    word: volume,
    what: `attached at ${portal}`,
  }));

/** What the arguments of commands name. */
const NAMES: Readonly<Record<string, Names | undefined>> = {
  "volume show name": volumes,
  "volume resize name": volumes,
  "volume set name": volumes,
  "volume recover url": volumes,
  "volume release name": volumes,
  "volume delete name": volumes,
  "volume export name": volumes,
  "snapshot create volume": volumes,
  "snapshot list volume": volumes,
  "snapshot delete volume": volumes,
  "snapshot delete name": snapshots,
  "snapshot restore volume": volumes,
  "snapshot restore name": snapshots,
  "chap set volume": volumes,
  "chap remove volume": volumes,
  "chap list volume": volumes,
  "chap mutual volume": volumes,
  "attach volume": volumes,
  "detach volume": attached,
  "revoke name": devices,
};
