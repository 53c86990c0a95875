/** `vault doctor` */

import fs from "node:fs";
import { messageOf } from "../lib/base/errors.ts";
import type { Check, Finding } from "./checks/finding.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { Ended, EXIT } from "./exit_status.ts";
import { colours, print, printJson } from "./terminal.ts";

export function doctorCommand() {
  return command("doctor", {
    summary:
      "check clock, keys, reachability and initiator, and say what to do",
    description:
      "Looks at all that vault needs on this machine, and says what to do about what is amiss. Ends with 1 where a check fails.",
    examples: [
      ["vault doctor", "what is amiss?"],
      ["vault doctor --json", "the same for programs"],
    ],
  })
    .addOption(jsonOption())
    .action(async (options, self) => {
      const findings = await examine(stateDirOf(self));
      if (options.json) printJson(findings);
      else show(findings);
      if (findings.some(({ state }) => state === "failed")) {
        throw new Ended(EXIT.failed);
      }
    });
}

async function examine(stateDir: string): Promise<readonly Finding[]> {
  const checks: readonly (readonly [string, () => Promise<Check>])[] = [
    [
      "state folder",
      async () => (await import("./checks/state_folder.ts")).checkStateFolder,
    ],
    ["keys", async () => (await import("./checks/keys.ts")).checkKeys],
    ["nodes", async () => (await import("./checks/nodes.ts")).checkNodes],
    ["volumes", async () => (await import("./checks/volumes.ts")).checkVolumes],
    [
      "initiator",
      async () => (await import("./checks/initiator.ts")).checkInitiator,
    ],
    ["portal", async () => (await import("./checks/portal.ts")).checkPortal],
  ];
  const findings: Finding[] = [];
  // Looking does not make a state folder where there is none.
  const isNew = !fs.existsSync(stateDir);
  const due = isNew
    ? checks.filter(([name]) => name === "state folder" || name === "portal")
    : checks;
  for (const [name, load] of due) {
    try {
      findings.push(...await (await load())(stateDir));
    } catch (thrown) {
      // A check that cannot be made is a finding, and the others are made all the same.
      const found = `cannot be checked: ${messageOf(thrown)}`;
      findings.push({ check: name, state: "failed", found });
    }
  }
  return findings;
}

function show(findings: readonly Finding[]): void {
  const { green, yellow, red, dim } = colours("stdout");
  const marks = {
    ok: green("ok     "),
    warning: yellow("warning"),
    failed: red("FAILED "),
    skipped: dim("-      "),
  };
  for (const { check, state, found, advice } of findings) {
    print(`  ${check}: ${found}`, (line) => marks[state] + line);
    if (advice !== undefined) print(`           ${advice}`);
  }
}
