/** A daemon in the foreground: until it ends by itself, or is told to. */

import { messageOf, VaultError } from "../lib/base/errors.ts";
import { onStopSignals } from "../lib/os/signals.ts";
import { Ended, EXIT } from "./exit_status.ts";
import { complain, note } from "./terminal.ts";

export interface Daemon {
  stop(): Promise<void>;
  readonly closed: Promise<void>;
}

/**
 * Resolves when the daemon has ended. The first signal stops it, a second one ends the process at once.
 *
 * @param listen where signals come from
 * @throws {Ended} with `interrupted` at the second signal, with `failed` where stopping failed
 */
export async function runDaemon(
  daemon: Daemon,
  listen: typeof onStopSignals = onStopSignals,
): Promise<void> {
  let failed = false;
  const secondSignal = Promise.withResolvers<never>();
  const forget = listen({
    first: (signal) => {
      note(`${signal}: finishing what is under way. Again ends at once.`);
      daemon.stop().catch((thrown) => {
        const error = thrown instanceof VaultError ? thrown : undefined;
        complain(messageOf(thrown), error?.hint);
        // A disk that is in use is no failure: the daemon goes on, and may be told again.
        failed = error?.kind !== "conflict";
      });
    },
    again: () => secondSignal.reject(new Ended(EXIT.interrupted)),
  });
  try {
    await Promise.race([daemon.closed, secondSignal.promise]);
  } finally {
    forget();
  }
  if (failed) throw new Ended(EXIT.failed);
}
