/** What `vault attach` does on this machine before another device takes its volume over: `--on-handover COMMAND`. */

import { VaultError } from "../lib/base/errors.ts";
import type { Handover } from "../lib/daemon/handover.ts";

/** So much of what the command complains of is told at both ends. */
const MAX_COMPLAINT = 120;

/** Undefined where nothing is to be done. */
export function handoverOf(
  options: { readonly onHandover?: string },
): Handover | undefined {
  const { onHandover } = options;
  return onHandover === undefined ? undefined : commandHandover(onHandover);
}

/** Runs a command of the person's own, which gets the disk out of use. */
function commandHandover(line: string): Handover {
  return {
    async run({ by, boundMs, volume, device }, tell, signal) {
      tell("running its --on-handover command");
      const windows = Deno.build.os === "windows";
      const output = await new Deno.Command(windows ? "cmd" : "sh", {
        args: [windows ? "/c" : "-c", line],
        env: {
          VAULT_VOLUME: volume,
          VAULT_BY: by,
          VAULT_DISK: device ?? "",
          VAULT_WITHIN_SECONDS: String(Math.floor(boundMs / 1000)),
        },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
        signal,
      }).output();
      signal.throwIfAborted();
      if (output.success) return;
      const said = new TextDecoder().decode(output.stderr).trim();
      const last = said.split("\n").at(-1)?.slice(0, MAX_COMPLAINT) ?? "";
      throw new VaultError(
        `its --on-handover command ended with ${output.code}${
          last === "" ? "" : `: ${last}`
        }`,
      );
    },
  };
}
