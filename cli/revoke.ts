/** `vault revoke` */

import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { print, printJson } from "./terminal.ts";

export function revokeCommand() {
  return command("revoke", {
    summary: "shut a device out, or withdraw its invitation, at once",
    description:
      "Shuts a device out for good: its links end within a second, and its key is never admitted again. An invitation for the name that is still open is withdrawn. To let the machine in again, invite it anew.",
    examples: [
      ["vault revoke laptop", "the laptop was stolen, or its code leaked"],
    ],
  })
    .argument(
      "<name>",
      "the device or the invitation, as `vault devices` calls it",
    )
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const revoked = await withNode(
        stateDirOf(self),
        (node) => node.revoke(name),
      );
      if (options.json) return printJson(revoked);
      const { device, invitation } = revoked;
      if (device) print(`Revoked "${device.name}".`);
      if (invitation) print(`Withdrew the invitation for "${name}".`);
    });
}
