/** `vault chap set` */

import { command, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { readSecret } from "./secret.ts";
import { print } from "./terminal.ts";

export function chapSetCommand() {
  return command("set", {
    summary: "add a CHAP user, or change its secret",
    description:
      "From then on the volume's target lets in only initiators that prove the secret of one of its users. A secret has 12 to 16 bytes, and comes from a file or a prompt.",
    examples: [
      ["vault chap set photos laptop", "asks for the secret, twice"],
      [
        "vault chap set photos laptop --secret-file laptop.secret",
        "takes it from a file",
      ],
      [
        "head -c 12 /dev/urandom | base64 | tee laptop.secret | vault chap set photos laptop --secret-file -",
        "makes one",
      ],
    ],
  })
    .argument("<volume>", "the volume")
    .argument("<user>", "the initiator's CHAP name")
    .option("--secret-file <file>", "where the secret stands; - is the input")
    .action(async (volume, user, options, self) => {
      const secret = await readSecret({
        file: options.secretFile,
        what: `The secret of ${user}`,
      });
      await withNode(
        stateDirOf(self),
        (node) => node.setChap(volume, { user, secret }),
      );
      print(`Volume "${volume}" lets in "${user}" with that secret.`);
    });
}
