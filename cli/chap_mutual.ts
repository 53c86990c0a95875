/** `vault chap mutual` */

import { VaultError } from "../lib/base/errors.ts";
import { command, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { readSecret } from "./secret.ts";
import { print } from "./terminal.ts";

export function chapMutualCommand() {
  return command("mutual", {
    summary: "set what the target itself proves to initiators that ask",
    description:
      "Mutual CHAP: gives the target a name and a secret of its own, which it proves to initiators that ask for it. It must be another secret than the initiators'.",
    examples: [
      ["vault chap mutual photos vault", "asks for the secret, twice"],
      ["vault chap mutual photos --off", "ends it"],
    ],
  })
    .argument("<volume>", "the volume")
    .argument("[user]", "the target's CHAP name")
    .option("--secret-file <file>", "where the secret stands; - is the input")
    .option("--off", "end mutual CHAP")
    .action(async (volume, user, options, self) => {
      if (options.off) {
        await withNode(
          stateDirOf(self),
          (node) => node.setMutualChap(volume, undefined),
        );
        return print(
          `The target of volume "${volume}" proves nothing any more.`,
        );
      }
      if (user === undefined) {
        throw new VaultError("No name was given for the target", {
          hint: `vault chap mutual ${volume} NAME, or --off to end it.`,
          kind: "usage",
        });
      }
      const secret = await readSecret({
        file: options.secretFile,
        what: `The secret of the target`,
      });
      await withNode(
        stateDirOf(self),
        (node) => node.setMutualChap(volume, { user, secret }),
      );
      print(`The target of volume "${volume}" proves itself as "${user}".`);
    });
}
