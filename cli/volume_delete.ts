/** `vault volume delete` */

import { VaultError } from "../lib/base/errors.ts";
import type { VolumeInfo } from "../lib/control/operations.ts";
import { command, stateDirOf, yesOption } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatSize } from "./size.ts";
import { confirm, note, print } from "./terminal.ts";

export function volumeDeleteCommand() {
  return command("delete", {
    summary: "delete a volume and all that is on it",
    description:
      "Deletes a volume with its bytes and its snapshots, and ends the sessions that use it. It asks first. A volume that others are behind the target of goes last; so does, with --with-bucket, one that has clones.",
    examples: [
      ["vault volume delete photos", "after a question"],
      ["vault volume delete photos --yes", "without one"],
      [
        "vault volume delete photos --with-bucket",
        "with what is in its bucket; cut off, it is done by doing it again",
      ],
    ],
  })
    .argument("<name>", "the volume")
    .option("--with-bucket", "delete what is in its bucket, too")
    .addOption(yesOption())
    .action(async (name, options, self) => {
      const stateDir = stateDirOf(self);
      const { volume, snapshots } = await withNode(stateDir, async (node) => ({
        volume: await node.showVolume(name),
        // Those that cannot be listed go with it all the same.
        snapshots: await node.listSnapshots(name).catch(() => []),
      }));
      const also = snapshots.length === 0
        ? ""
        : snapshots.length === 1
        ? " and its snapshot"
        : ` and its ${snapshots.length} snapshots`;
      const { withBucket = false } = options;
      if (withBucket && !volume.bucket) {
        throw new VaultError(`Volume "${name}" is in no bucket`, {
          kind: "usage",
          hint: "Leave out --with-bucket.",
        });
      }
      if (!options.yes && !await mayDelete(volume, also)) {
        return note("Nothing was deleted.");
      }
      await withNode(stateDir, (node) => node.deleteVolume(name, withBucket));
      print(`Deleted volume "${name}"${also}.`);
      if (volume.bucket && !withBucket) {
        note(
          `What is in ${volume.bucket.url} stays there, for whoever has its key.`,
        );
      }
    });
}

function mayDelete(volume: VolumeInfo, also: string): Promise<boolean> {
  return confirm(
    `Delete volume "${volume.name}" (${formatSize(volume.sizeBytes)}, ${
      formatSize(volume.allocatedBytes)
    } used)${also}? Nothing brings its bytes back.`,
    {
      what: `Deleting volume "${volume.name}"${also} cannot be undone`,
      hint: "Nobody is there to be asked: give --yes if that is meant.",
    },
  );
}
