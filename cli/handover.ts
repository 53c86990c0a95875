/** What `vault attach` does on this machine before another device takes its volume over: `--on-handover COMMAND`. */

import { VaultError } from "../lib/base/errors.ts";
import type { Handover } from "../lib/daemon/handover.ts";
import { runShell } from "../lib/os/process.ts";

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
      let last = "";
      const code = await runShell(line, {
        env: {
          VAULT_VOLUME: volume,
          VAULT_BY: by,
          VAULT_DISK: device ?? "",
          VAULT_WITHIN_SECONDS: String(Math.floor(boundMs / 1000)),
        },
        signal,
        tell: (said) => last = said.slice(0, MAX_COMPLAINT) || last,
      });
      if (code === 0) return;
      throw new VaultError(
        `its --on-handover command ended with ${code ?? "a signal"}${
          last === "" ? "" : `: ${last}`
        }`,
      );
    },
  };
}
