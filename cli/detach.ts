/** `vault detach` */

import { command, stateDirOf } from "./command.ts";
import { withAttachment } from "./daemons.ts";
import { print } from "./terminal.ts";

export function detachCommand() {
  return command("detach", {
    summary: "end an attachment, and log its initiator out",
    description:
      "Ends what `vault attach` began: logs the system's initiator out where --login logged it in, and ends the link. A disk that is in use stays attached.",
    examples: [["vault detach photos", "the disk goes away"]],
  })
    .argument("<volume>", "the volume, as `vault status` calls it")
    .action(async (volume, _options, self) => {
      const at = { stateDir: stateDirOf(self), volume };
      await withAttachment(at, (attachment) => attachment.detach());
      print(`Detached "${volume}".`);
    });
}
