/** `vault detach` */

import { command, stateDirOf } from "./command.ts";
import { withAttachment } from "./daemons.ts";
import { note, print } from "./terminal.ts";

/** The node keeps a volume for a device that does not say that it lets go. */
export function notReleased(volume: string): string {
  return `The node could not be told, and keeps "${volume}" for this machine: attach it again here, or take it elsewhere with --take-over.`;
}

export function detachCommand() {
  return command("detach", {
    summary: "end an attachment, and log its initiator out",
    description:
      "Ends what `vault attach` began: logs the system's initiator out where --login logged it in, gives the volume back, and ends the link. A disk that is in use stays attached.",
    examples: [["vault detach photos", "the disk goes away"]],
  })
    .argument("<volume>", "the volume, as `vault status` calls it")
    .action(async (volume, _options, self) => {
      const at = { stateDir: stateDirOf(self), volume };
      const { released } = await withAttachment(
        at,
        (attachment) => attachment.detach(),
      );
      print(`Detached "${volume}".`);
      if (!released) note(notReleased(volume));
    });
}
