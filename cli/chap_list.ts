/** `vault chap list` */

import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { note, printJson, printTable } from "./terminal.ts";

export function chapListCommand() {
  return command("list", {
    summary: "list the CHAP users, never their secrets",
    examples: [
      ["vault chap list", "of all volumes"],
      ["vault chap list photos", "of one"],
    ],
  })
    .argument("[volume]", "only this volume's")
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const volumes = await withNode(
        stateDirOf(self),
        async (node) =>
          name === undefined
            ? await node.listVolumes()
            : [await node.showVolume(name)],
      );
      const rows = volumes.flatMap((volume) => [
        ...volume.chapUsers.map((user) => ({
          volume: volume.name,
          user,
          proves: "initiator",
        })),
        ...(volume.chapMutualUser === undefined ? [] : [{
          volume: volume.name,
          user: volume.chapMutualUser,
          proves: "target",
        }]),
      ]);
      if (options.json) return printJson(rows);
      if (rows.length === 0) return note("No CHAP is asked for.");
      await printTable(rows, [
        { head: "VOLUME", cell: (row) => row.volume },
        { head: "USER", cell: (row) => row.user },
        { head: "PROVES THE", cell: (row) => row.proves },
      ]);
    });
}
