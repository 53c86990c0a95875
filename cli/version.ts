/** `vault version` */

import { VERSION } from "../lib/daemon/version.ts";
import { command, jsonOption } from "./command.ts";
import { printFacts, printJson } from "./terminal.ts";

export function versionCommand() {
  return command("version", {
    summary: "tell the version of this program and of what it runs on",
    examples: [["vault version --json", "for a report"]],
  })
    .addOption(jsonOption())
    .action((options) => {
      const { deno, v8 } = Deno.version;
      const facts = { vault: VERSION, deno, v8, target: Deno.build.target };
      if (options.json) printJson(facts);
      else printFacts(Object.entries(facts));
    });
}
