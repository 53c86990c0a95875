/** `vault init` */

import { command, jsonOption, stateDirOf } from "./command.ts";
import { note, print, printJson } from "./terminal.ts";

export function initCommand() {
  return command("init", {
    summary: "make this machine a node: its CA and its identity",
    description:
      "Makes the keys of a node in the state folder. The first `vault serve` does so by itself. Keys that are there stay as they are.",
    examples: [
      ["vault init", "make a node in this user's state folder"],
      ["vault --state /srv/vault init", "make one elsewhere"],
    ],
  })
    .addOption(jsonOption())
    .action(async (options, self) => {
      const { initNode } = await import("../lib/daemon/stopped_node.ts");
      const stateDir = stateDirOf(self);
      const { nodeId, isNew } = await initNode({ stateDir });
      if (options.json) return printJson({ node: nodeId, isNew, stateDir });
      print(nodeId);
      note(
        isNew
          ? `A new node in ${stateDir}. Next: vault serve`
          : `The node in ${stateDir} was there already.`,
      );
    });
}
