/** `vault snapshot list` */

import type { SnapshotInfo } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { note, printJson, printTable } from "./terminal.ts";

export function snapshotListCommand() {
  return command("list", {
    summary: "list snapshots",
    description:
      "Lists the snapshots of one volume or of all, the oldest first. USED counts what a snapshot shares with its volume or with other snapshots in each of them. CLONES names what was made of one in a bucket, which keeps it. Those of a volume in a bucket are known while it is served, and found again with it on another machine.",
    examples: [
      ["vault snapshot list", "those of all volumes"],
      ["vault snapshot list photos --json", "those of one, for programs"],
    ],
  })
    .argument("[volume]", "the volume (default: all)")
    .addOption(jsonOption())
    .action(async (volume, options, self) => {
      const snapshots = await withNode(
        stateDirOf(self),
        (node) => node.listSnapshots(volume),
      );
      if (options.json) return printJson(snapshots);
      if (snapshots.length === 0) {
        return note(
          "There are no snapshots. vault snapshot create VOLUME makes one.",
        );
      }
      await printTable(snapshots, [
        { head: "VOLUME", cell: (one) => one.volume },
        { head: "SNAPSHOT", cell: (one) => one.name },
        { head: "TAKEN", cell: (one) => one.createdAt },
        {
          head: "SIZE",
          cell: (one) => formatSize(one.sizeBytes),
          align: "right",
        },
        {
          head: "USED",
          cell: (one) => formatSize(one.allocatedBytes),
          align: "right",
        },
        ...(snapshots.some(({ clones }) => clones)
          ? [{
            head: "CLONES",
            cell: (one: SnapshotInfo) => one.clones?.join(", ") ?? "",
          }]
          : []),
      ]);
    });
}
