/** `vault revoke` */

import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { print, printJson } from "./terminal.ts";

export function revokeCommand() {
  return command("revoke", {
    summary: "shut a device out, and end its links at once",
    description:
      "Shuts a device out for good: its links end within a second, and its key is never admitted again. To let the machine in again, invite it anew.",
    examples: [["vault revoke laptop", "the laptop was stolen"]],
  })
    .argument("<name>", "the device, as `vault devices` calls it")
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const device = await withNode(
        stateDirOf(self),
        (node) => node.revoke(name),
      );
      if (options.json) return printJson(device);
      print(`Revoked "${device.name}".`);
    });
}
