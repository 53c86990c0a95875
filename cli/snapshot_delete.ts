/** `vault snapshot delete` */

import { command, stateDirOf, yesOption } from "./command.ts";
import { withNode } from "./daemons.ts";
import { confirm, note, print } from "./terminal.ts";

export function snapshotDeleteCommand() {
  return command("delete", {
    summary: "delete a snapshot",
    description:
      "Deletes a snapshot with its bytes. The volume and other snapshots stay as they are. It asks first. One that is being made is made no more. One of which there is a clone stays until the clone is gone.",
    examples: [
      ["vault snapshot delete photos before-upgrade", "after a question"],
    ],
  })
    .argument("<volume>", "the volume")
    .argument("<name>", "the snapshot")
    .addOption(yesOption())
    .action(async (volume, name, options, self) => {
      const stateDir = stateDirOf(self);
      if (!options.yes && !await mayDelete(volume, name)) {
        return note("Nothing was deleted.");
      }
      await withNode(stateDir, (node) => node.deleteSnapshot(volume, name));
      print(`Deleted snapshot "${name}" of volume "${volume}".`);
    });
}

function mayDelete(volume: string, name: string): Promise<boolean> {
  return confirm(
    `Delete snapshot "${name}" of volume "${volume}"? Nothing brings its bytes back.`,
    {
      what:
        `Deleting snapshot "${name}" of volume "${volume}" cannot be undone`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
