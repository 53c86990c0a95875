/** `vault chap remove` */

import { command, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { print } from "./terminal.ts";

export function chapRemoveCommand() {
  return command("remove", {
    summary: "remove a CHAP user",
    description:
      "Removes a CHAP user. With the last one, the volume asks for no CHAP any more.",
    examples: [["vault chap remove photos laptop", "laptop logs in no more"]],
  })
    .argument("<volume>", "the volume")
    .argument("<user>", "the CHAP name")
    .action(async (volume, user, _options, self) => {
      const left = await withNode(stateDirOf(self), async (node) => {
        await node.removeChap(volume, user);
        return (await node.showVolume(volume)).chapUsers.length;
      });
      print(
        `Removed "${user}" from volume "${volume}"${
          left === 0 ? "; it asks for no CHAP any more" : ""
        }.`,
      );
    });
}
