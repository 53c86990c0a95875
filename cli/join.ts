/** `vault join` */

import { VaultError } from "../lib/base/errors.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { logFrom } from "./log.ts";
import {
  askLine,
  canAsk,
  note,
  print,
  printJson,
  readStdin,
} from "./terminal.ts";

/** Codes are some hundred characters long. */
const MAX_CODE_BYTES = 4096;

export function joinCommand() {
  return command("join", {
    summary: "make this machine a device of a node, with a code from it",
    description:
      "Makes a key for this machine and has the node enrol it. The code comes from `vault invite` on the node; without one here, it is asked for or read from the standard input.",
    examples: [
      ["vault join CODE", "join the node that made the code"],
      ["vault join", "the same, but the code stands in no shell history"],
      [
        "vault join CODE --address 192.0.2.7:9443",
        "reach the node elsewhere than the code says",
      ],
    ],
  })
    .argument("[code]", "what `vault invite` printed")
    .option("--address <host:port>", "where the node is reached from here")
    .addOption(jsonOption())
    .action(async (code, options, self) => {
      const { joinNode } = await import("../lib/daemon/join_node.ts");
      const { address } = options;
      const joined = await joinNode({
        stateDir: stateDirOf(self),
        code: code ?? await readCode(),
        log: logFrom("warn"),
        ...(address === undefined ? {} : { address }),
      });
      if (options.json) return printJson(joined);
      print(
        `Joined the node ${joined.node} at ${joined.address} as "${joined.device}".`,
      );
      note("Next: vault attach VOLUME");
    });
}

async function readCode(): Promise<string> {
  const hint = "vault join CODE";
  const code = canAsk()
    ? await askLine("The code", { what: "No code was given", hint })
    : await readStdin(MAX_CODE_BYTES);
  if (code.trim() !== "") return code.trim();
  throw new VaultError("No code was given", { hint, kind: "usage" });
}
