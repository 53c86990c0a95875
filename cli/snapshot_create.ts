/** `vault snapshot create` */

import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { makeSnapshot } from "./snapshot_work.ts";
import { print, printJson } from "./terminal.ts";

export function snapshotCreateCommand() {
  return command("create", {
    summary: "keep a volume as it is now",
    description:
      "Keeps a volume as it is at this moment, in use or not. All that was flushed is in it; what an initiator still holds back is not, so what is in it is like a disk after a power cut, which every file system can deal with. Where the file system below cannot share bytes between files, it is a copy, which takes time and space, and the volume stays in use meanwhile. A volume in a bucket has its snapshots there: what is not uploaded yet is uploaded first, and nothing is copied.",
    examples: [
      ["vault snapshot create photos", "named after the time"],
      ["vault snapshot create photos before-upgrade", "under a name"],
    ],
  })
    .argument("<volume>", "the volume")
    .argument("[name]", "1 to 63 of a-z, 0-9 and - (default: the time)")
    .addOption(jsonOption())
    .action(async (volume, name, options, self) => {
      const made = await withNode(
        stateDirOf(self),
        (node) => makeSnapshot(node, { volume, name }),
      );
      if (options.json) return printJson(made);
      print(
        `Made snapshot "${made.name}" of volume "${volume}": ${
          formatSize(made.sizeBytes)
        }, ${formatSize(made.allocatedBytes)} used.`,
      );
    });
}
