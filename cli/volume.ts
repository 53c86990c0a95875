/** `vault volume`: the commands on volumes. */

import { command } from "./command.ts";
import { volumeCloneCommand } from "./volume_clone.ts";
import { volumeCreateCommand } from "./volume_create.ts";
import { volumeDeleteCommand } from "./volume_delete.ts";
import { volumeExportCommand } from "./volume_export.ts";
import { volumeImportCommand } from "./volume_import.ts";
import { volumeListCommand } from "./volume_list.ts";
import { volumeRecoverCommand } from "./volume_recover.ts";
import { volumeReleaseCommand } from "./volume_release.ts";
import { volumeResizeCommand } from "./volume_resize.ts";
import { volumeSetCommand } from "./volume_set.ts";
import { volumeShowCommand } from "./volume_show.ts";
import { volumeVerifyCommand } from "./volume_verify.ts";

export function volumeCommand() {
  return command("volume", {
    summary:
      "make, clone, list, show, resize, set, verify, delete, import and export volumes",
    description:
      "Volumes of this node. All of it works while `vault serve` runs, and while it does not.",
    examples: [["vault volume create photos --size 100GiB", "make a volume"]],
  })
    .addCommand(volumeCreateCommand())
    .addCommand(volumeCloneCommand())
    .addCommand(volumeListCommand())
    .addCommand(volumeShowCommand())
    .addCommand(volumeResizeCommand())
    .addCommand(volumeSetCommand())
    .addCommand(volumeRecoverCommand())
    .addCommand(volumeVerifyCommand())
    .addCommand(volumeReleaseCommand())
    .addCommand(volumeDeleteCommand())
    .addCommand(volumeImportCommand())
    .addCommand(volumeExportCommand());
}
