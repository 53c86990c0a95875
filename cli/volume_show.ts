/** `vault volume show` */

import type { SnapshotInfo, VolumeInfo } from "../lib/control/operations.ts";
import { bucketFacts } from "./bucket_words.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { holderWords } from "./holders.ts";
import { formatSize } from "./size.ts";
import { printFacts, printJson } from "./terminal.ts";
import { isKnown } from "./volume_columns.ts";

export function volumeShowCommand() {
  return command("show", {
    summary: "show all that is known of a volume",
    examples: [["vault volume show photos", "its names, size and CHAP users"]],
  })
    .argument("<name>", "the volume")
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const { volume, snapshots } = await withNode(
        stateDirOf(self),
        async (node) => ({
          volume: await node.showVolume(name),
          // What is known of the volume is shown, whatever its snapshots are like.
          snapshots: await node.listSnapshots(name).catch(() => []),
        }),
      );
      if (options.json) return printJson(volume);
      printFacts([...factsOf(volume), ["snapshots", kept(snapshots)]]);
    });
}

/** Their names, or undefined where there are none. */
function kept(snapshots: readonly SnapshotInfo[]): string | undefined {
  return snapshots.length === 0
    ? undefined
    : snapshots.map(({ name }) => name).join(", ");
}

/** Undefined where nobody holds it. */
function heldBy({ holders }: VolumeInfo): string | undefined {
  return holders.length === 0 ? undefined : holders.map(holderWords).join("; ");
}

function factsOf(
  volume: VolumeInfo,
): readonly (readonly [string, string | undefined])[] {
  if (!isKnown(volume)) {
    return [
      ["volume", volume.name],
      ["used", formatSize(volume.allocatedBytes)],
      ["health", volume.health],
    ];
  }
  return [
    ["volume", volume.name],
    ["size", `${formatSize(volume.sizeBytes)} (${volume.sizeBytes} bytes)`],
    ["used", formatSize(volume.allocatedBytes)],
    ["block size", String(volume.blockSizeBytes)],
    ["access", volume.readOnly ? "read-only" : "read-write"],
    ["medium", volume.removable ? "removable" : undefined],
    ["health", volume.health],
    ["held by", heldBy(volume)],
    ...bucketFacts(volume.bucket),
    ["made", volume.createdAt],
    ["target", volume.iqn],
    [
      "LUN",
      volume.target === volume.name
        ? String(volume.lun)
        : `${volume.lun}, behind the target of "${volume.target}"`,
    ],
    ["serial", volume.serial],
    ["NAA", volume.naa],
    [
      "CHAP users",
      volume.chapUsers.length === 0
        ? "none: no CHAP is asked"
        : volume.chapUsers.join(", "),
    ],
    ["CHAP target user", volume.chapMutualUser],
  ];
}
