/** `vault`: the entry, and the one place where the program ends. */

import { CommanderError } from "@commander-js/extra-typings";
import { messageOf, VaultError } from "../lib/base/errors.ts";
import { exit } from "../lib/os/process.ts";
import { Ended, EXIT, type ExitStatus, exitStatusOf } from "./exit_status.ts";
import { program } from "./program.ts";
import { complain, note } from "./terminal.ts";

/** Runs one command line to its end. */
async function run(args: readonly string[]): Promise<ExitStatus> {
  try {
    await program().parseAsync(args, { from: "user" });
    return EXIT.ok;
  } catch (thrown) {
    return report(thrown);
  }
}

/** Says what went wrong, and what to end with. */
function report(thrown: unknown): ExitStatus {
  if (thrown instanceof Ended) return thrown.status;
  if (thrown instanceof CommanderError) return reportUsage(thrown);
  if (Deno.env.get("VAULT_DEBUG") && thrown instanceof Error) {
    note(thrown.stack ?? thrown.message);
  }
  if (thrown instanceof VaultError) {
    complain(thrown.message, thrown.hint);
    return exitStatusOf(thrown.kind);
  }
  complain(
    messageOf(thrown),
    thrown instanceof TypeError || thrown instanceof RangeError
      ? "That is a defect of vault. VAULT_DEBUG=1 shows where."
      : undefined,
  );
  return EXIT.failed;
}

/** Help that was asked for is an answer; help instead of what was asked for, and all else, is a mistake in the command line. */
function reportUsage(error: CommanderError): ExitStatus {
  if (error.exitCode === 0) return EXIT.ok;
  if (error.code === "commander.help") return EXIT.usage;
  const [message = "", ...more] = error.message.replace(/^error: /, "")
    .split("\n");
  const suggestion = /^\((.*)\)$/.exec(more.join(" "))?.[1];
  complain(
    message,
    suggestion ??
      "vault --help shows the commands, and vault COMMAND --help the options of one.",
  );
  return EXIT.usage;
}

if (import.meta.main) {
  // A promise that nobody waited for: the state of a daemon is unknown then, so it ends and says why.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    exit(report(event.reason) || EXIT.failed);
  });
  exit(await run(Deno.args));
}
