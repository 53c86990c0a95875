/** A daemon in the foreground: until it ends by itself, or is told to. */

import { messageOf, VaultError } from "../lib/base/errors.ts";
import { giveMemoryBack } from "../lib/os/allocator.ts";
import { onStopSignals } from "../lib/os/signals.ts";
import { Ended, EXIT } from "./exit_status.ts";
import { complain, note } from "./terminal.ts";

export interface Daemon {
  stop(): Promise<void>;
  readonly closed: Promise<unknown>;
}

/**
 * Starts a daemon and resolves when it has ended. The first signal stops it, also where it comes while the daemon starts; a second one
 * ends the process at once.
 *
 * @param listen where signals come from
 * @throws {Ended} with `interrupted` at the second signal, with `failed` where stopping failed; and whatever `start` throws
 */
export async function runDaemon(
  start: () => Promise<Daemon>,
  listen: typeof onStopSignals = onStopSignals,
): Promise<void> {
  giveMemoryBack();
  const secondSignal = Promise.withResolvers<never>();
  secondSignal.promise.catch(() => {});
  const starting = Promise.withResolvers<Daemon>();
  starting.promise.catch(() => {});
  let failed: Promise<boolean> | undefined;
  const forget = listen({
    first: (signal) => {
      note(`${signal}: finishing what is under way. Again ends at once.`);
      failed = stop(starting.promise);
    },
    again: () => secondSignal.reject(new Ended(EXIT.interrupted)),
  });
  try {
    start().then(starting.resolve, starting.reject);
    const daemon = await Promise.race([starting.promise, secondSignal.promise]);
    await Promise.race([daemon.closed, secondSignal.promise]);
    // It may have ended and not have said yet how.
    if (await Promise.race([failed, secondSignal.promise])) {
      throw new Ended(EXIT.failed);
    }
  } finally {
    forget();
  }
}

/** Whether stopping failed. */
async function stop(starting: Promise<Daemon>): Promise<boolean> {
  let daemon: Daemon;
  try {
    daemon = await starting;
  } catch {
    // Whoever started it says why it did not come up.
    return false;
  }
  try {
    await daemon.stop();
    return false;
  } catch (thrown) {
    const error = thrown instanceof VaultError ? thrown : undefined;
    complain(messageOf(thrown), error?.hint);
    // A disk that is in use is no failure: the daemon goes on, and may be told again.
    return error?.kind !== "conflict";
  }
}
