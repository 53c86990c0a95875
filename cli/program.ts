/** The whole command line. */

import { VERSION } from "../lib/daemon/version.ts";
import { attachCommand } from "./attach.ts";
import { auditCommand } from "./audit.ts";
import { chapCommand } from "./chap.ts";
import { command, stateOption } from "./command.ts";
import { completeCommand } from "./complete.ts";
import { completionsCommand } from "./completions.ts";
import { demoCommand } from "./demo.ts";
import { detachCommand } from "./detach.ts";
import { devicesCommand } from "./devices.ts";
import { doctorCommand } from "./doctor.ts";
import { EXIT_MEANINGS } from "./exit_status.ts";
import { initCommand } from "./init.ts";
import { inviteCommand } from "./invite.ts";
import { joinCommand } from "./join.ts";
import { revokeCommand } from "./revoke.ts";
import { serveCommand } from "./serve.ts";
import { snapshotCommand } from "./snapshot.ts";
import { statusCommand } from "./status.ts";
import { versionCommand } from "./version.ts";
import { volumeCommand } from "./volume.ts";

export function program() {
  const vault = command("vault", {
    summary: "a disk that you can trust, on a machine that you do not",
    description:
      "Turns another machine into a disk that you can trust, although you trust neither it nor the network.",
    examples: [
      ["vault serve --background", "on the other machine: run a node"],
      ["vault volume create photos --size 100GiB", "there: make a volume"],
      ["vault invite laptop", "there: print a code for this machine"],
      ["vault join CODE", "here: join the node"],
      ["sudo vault attach photos --login", "here: a disk to put LUKS on"],
      ["vault demo", "see all of it at work on one machine, in half a minute"],
    ],
  })
    .version(`vault ${VERSION}`, "--version", "print the version")
    .addOption(stateOption())
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", renderExitStatuses);
  vault.commandsGroup("Node:");
  vault.addCommand(initCommand())
    .addCommand(serveCommand())
    .addCommand(volumeCommand())
    .addCommand(snapshotCommand())
    .addCommand(chapCommand())
    .addCommand(inviteCommand())
    .addCommand(devicesCommand())
    .addCommand(revokeCommand());
  vault.commandsGroup("Device:");
  vault.addCommand(joinCommand())
    .addCommand(attachCommand())
    .addCommand(detachCommand());
  vault.commandsGroup("Both:");
  vault.addCommand(statusCommand())
    .addCommand(auditCommand())
    .addCommand(doctorCommand())
    .addCommand(demoCommand())
    .addCommand(completionsCommand())
    .addCommand(versionCommand())
    .addCommand(completeCommand(() => vault), { hidden: true });
  return vault;
}

function renderExitStatuses(): string {
  const lines = EXIT_MEANINGS.map(([status, meaning]) =>
    `  ${String(status).padStart(3)}  ${meaning}`
  );
  return `\nExit status:\n${lines.join("\n")}`;
}
