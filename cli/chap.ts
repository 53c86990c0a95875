/** `vault chap`: who may log in at a volume's target. */

import { command } from "./command.ts";
import { chapListCommand } from "./chap_list.ts";
import { chapMutualCommand } from "./chap_mutual.ts";
import { chapRemoveCommand } from "./chap_remove.ts";
import { chapSetCommand } from "./chap_set.ts";

export function chapCommand() {
  return command("chap", {
    summary: "CHAP users and secrets of volumes",
    description:
      "CHAP keeps other users of the same machine from logging in at the portal. A volume without CHAP users asks for none.",
    examples: [[
      "vault chap set photos laptop",
      "ask for a secret, and set it",
    ]],
  })
    .addCommand(chapSetCommand())
    .addCommand(chapRemoveCommand())
    .addCommand(chapListCommand())
    .addCommand(chapMutualCommand());
}
