/** `vault snapshot`: the commands on snapshots of volumes. */

import { command } from "./command.ts";
import { snapshotCreateCommand } from "./snapshot_create.ts";
import { snapshotDeleteCommand } from "./snapshot_delete.ts";
import { snapshotListCommand } from "./snapshot_list.ts";
import { snapshotRestoreCommand } from "./snapshot_restore.ts";

export function snapshotCommand() {
  return command("snapshot", {
    summary: "keep volumes as they are, and put them back",
    description:
      "Snapshots of this node's volumes, in use or not, while `vault serve` runs or does not. On btrfs and XFS they take no time, and room only for what changes; elsewhere each is a copy.",
    examples: [
      ["vault snapshot create photos", "keep photos as it is now"],
      ["vault snapshot list", "all that there are"],
    ],
  })
    .addCommand(snapshotCreateCommand())
    .addCommand(snapshotListCommand())
    .addCommand(snapshotDeleteCommand())
    .addCommand(snapshotRestoreCommand());
}
