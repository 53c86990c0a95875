/** `vault volume release` */

import type { HolderInfo } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf, yesOption } from "./command.ts";
import { withNode } from "./daemons.ts";
import { holderWords } from "./holders.ts";
import { confirm, note, print, printJson } from "./terminal.ts";

export function volumeReleaseCommand() {
  return command("release", {
    summary: "take a volume from whoever holds it",
    description:
      "Ends the lease of the device that holds the volume, whether it is connected or not: its sessions end, nothing that it sends changes the volume any more, and its `vault attach` says so and ends. What it has not flushed is lost to it. It asks first.",
    examples: [
      ["vault volume release photos", "after a question"],
      ["vault volume release photos --yes", "without one"],
    ],
  })
    .argument("<name>", "the volume, or the iSCSI name of a forwarded target")
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const stateDir = stateDirOf(self);
      const holders = await withNode(
        stateDir,
        async (node) => {
          const { forwarded = [] } = await node.status();
          return forwarded.find(({ iqn }) => iqn === name)?.holders ??
            (await node.showVolume(name)).holders;
        },
      );
      if (holders.length > 0 && !options.yes) {
        if (!await mayRelease(name, holders)) return note("Nobody lost it.");
      }
      const held = await withNode(
        stateDir,
        (node) => node.releaseVolume(name),
      );
      if (options.json) return printJson(held);
      if (held.length === 0) return print(`Nobody holds volume "${name}".`);
      for (const holder of held) {
        print(`Volume "${name}" was held by ${holderWords(holder)}.`);
      }
      print("It is free.");
    });
}

function mayRelease(
  name: string,
  holders: readonly HolderInfo[],
): Promise<boolean> {
  const who = holders.map(holderWords).join("; ");
  return confirm(
    `Take volume "${name}" from ${who}? What is not flushed there is lost.`,
    {
      what: `Taking volume "${name}" from ${who} may lose what is not flushed`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
