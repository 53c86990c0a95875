/** `vault snapshot restore` */

import { VaultError } from "../lib/base/errors.ts";
import type { SnapshotInfo } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf, yesOption } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { finished } from "./snapshot_work.ts";
import { confirm, note, print, printJson } from "./terminal.ts";

export function snapshotRestoreCommand() {
  return command("restore", {
    summary: "give a volume the bytes that it had",
    description:
      "Gives a volume the bytes and the size that it had when the snapshot was made; what it holds now is lost, unless another snapshot has it. It asks first, and is refused while somebody is logged in to the volume. The snapshot stays.",
    examples: [
      ["vault snapshot restore photos before-upgrade", "after a question"],
      [
        "vault snapshot create photos now && vault snapshot restore photos before-upgrade --yes",
        "without one, and with a way back",
      ],
    ],
  })
    .argument("<volume>", "the volume")
    .argument("<name>", "the snapshot")
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async (volume, name, options, self) => {
      const stateDir = stateDirOf(self);
      const snapshots = await withNode(
        stateDir,
        (node) => node.listSnapshots(volume),
      );
      const snapshot = snapshots.find((one) => one.name === name);
      if (!snapshot) throw none(volume, name);
      if (!options.yes && !await mayRestore(snapshot)) {
        return note("Nothing was changed.");
      }
      const restored = await withNode(stateDir, async (node) => {
        await finished(node, await node.restoreSnapshot(volume, name));
        return await node.showVolume(volume);
      });
      if (options.json) return printJson(restored);
      print(
        `Volume "${volume}" is again what it was at ${snapshot.createdAt}: ${
          formatSize(restored.sizeBytes)
        }.`,
      );
    });
}

function none(volume: string, name: string): VaultError {
  return new VaultError(
    `There is no snapshot "${name}" of volume "${volume}"`,
    {
      kind: "not-found",
      hint: `vault snapshot list ${volume} shows those that there are.`,
    },
  );
}

function mayRestore(
  { volume, name, createdAt }: SnapshotInfo,
): Promise<boolean> {
  return confirm(
    `Give volume "${volume}" the bytes of snapshot "${name}" (${createdAt})? What it holds now is lost.`,
    {
      what: `Restoring snapshot "${name}" loses what volume "${volume}" holds`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
