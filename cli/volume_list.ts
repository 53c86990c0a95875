/** `vault volume list` */

import type { VolumeInfo } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { note, printJson, printTable } from "./terminal.ts";
import { known, VOLUME } from "./volume_columns.ts";

/** One whose store keeps no second writer off says so. */
function accessOf({ readOnly, bucket }: VolumeInfo): string {
  if (readOnly) return "read-only";
  return bucket?.unconditional ? "read-write, lease" : "read-write";
}

export function volumeListCommand() {
  return command("list", {
    summary: "list the volumes",
    examples: [
      ["vault volume list", "names, sizes and what they take on this machine"],
      ["vault volume list --json", "the same for programs"],
    ],
  })
    .addOption(jsonOption())
    .action(async (options, self) => {
      const volumes = await withNode(
        stateDirOf(self),
        (node) => node.listVolumes(),
      );
      if (options.json) return printJson(volumes);
      if (volumes.length === 0) {
        return note(
          "There are no volumes. vault volume create NAME --size SIZE makes one.",
        );
      }
      await printTable(volumes, [
        VOLUME.name,
        VOLUME.size,
        VOLUME.used,
        {
          head: "BLOCK",
          cell: known((volume) => String(volume.blockSizeBytes)),
          align: "right",
        },
        {
          head: "ACCESS",
          cell: known(accessOf),
        },
        VOLUME.target,
        VOLUME.lun,
        {
          head: "CHAP",
          cell: known((volume) => volume.chapUsers.length === 0 ? "no" : "yes"),
        },
        VOLUME.health,
      ]);
    });
}
