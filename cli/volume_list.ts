/** `vault volume list` */

import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { note, printJson, printTable } from "./terminal.ts";
import { known, VOLUME } from "./volume_columns.ts";

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
          cell: known((volume) => volume.readOnly ? "read-only" : "read-write"),
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
