/** `vault invite` */

import { parseDuration } from "./duration.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { formatDuration } from "./duration.ts";
import { note, print, printJson } from "./terminal.ts";

const DEFAULT_EXPIRY = "15m";

export function inviteCommand() {
  return command("invite", {
    summary: "let a device join this node: prints a code for it",
    description:
      "Prints a code with which one device can join this node, once, until it expires. Hand it over on a way that you trust: who has it first is the device.",
    examples: [
      ["vault invite laptop", "a code that is good for 15 minutes"],
      [
        "vault invite laptop --expires 1d --advertise vm.example.org:9443",
        "one for a day, for a node that is reached under that name",
      ],
    ],
  })
    .argument("<name>", "what the device shall be called here")
    .option("--expires <duration>", "how long the code is good", DEFAULT_EXPIRY)
    .option(
      "--advertise <host:port>",
      "where the device reaches this node, if not at this machine's first address",
    )
    .addOption(jsonOption())
    .action(async (name, options, self) => {
      const expiresMs = parseDuration(options.expires);
      const { advertise } = options;
      if (advertise !== undefined) {
        const { parseAddress } = await import("../lib/os/tcp.ts");
        parseAddress(advertise);
      }
      const invitation = await withNode(
        stateDirOf(self),
        (node) =>
          node.invite({
            name,
            expiresMs,
            ...(advertise === undefined ? {} : { advertise }),
          }),
      );
      if (options.json) return printJson(invitation);
      print(invitation.code);
      note(
        `Good once, for ${
          formatDuration(expiresMs)
        }; the device will dial ${invitation.address}.`,
      );
      note(`On ${name}: vault join CODE`);
    });
}
