/** `--background`: the same command once more, detached, and waited for until it is ready. */

import fs from "node:fs";
import { join } from "node:path";
import { fromUtf8 } from "../lib/base/bytes.ts";
import { VaultError } from "../lib/base/errors.ts";
import { systemClock } from "../lib/os/clock.ts";
import { connectLocal } from "../lib/os/local_socket.ts";
import { privateFolder, runDir } from "../lib/os/paths.ts";
import {
  type Detached,
  selfCommand,
  startDetached,
} from "../lib/os/process.ts";
import { Ended, EXIT, type ExitStatus } from "./exit_status.ts";
import { note } from "./terminal.ts";

/** Long enough for a slow link, a login and a disk to come. */
const READY_TIMEOUT_MS = 90_000;
const READY_POLL_MS = 50;

export interface BackgroundAsk {
  readonly stateDir: string;
  /** For people: "vault serve". */
  readonly what: string;
  /** The name of the daemon's control socket, and of its log. */
  readonly name: string;
  /** What goes to its standard input. */
  readonly input?: string;
  /** Options that it gets besides those of this command line. */
  readonly args?: readonly string[];
  /** Whether it does what it was started for. Asked again and again once its control socket is there. */
  readonly ready: () => Promise<boolean>;
}

/**
 * Starts this command line without `--background` as a daemon.
 *
 * @returns its process id and where its log is
 * @throws {VaultError} where it runs already or does not get ready, {Ended} with its exit status where it ended, after saying why
 */
export async function startInBackground(
  ask: BackgroundAsk,
): Promise<{ pid: number; logPath: string }> {
  const { stateDir, what, name, input, args = [] } = ask;
  privateFolder(stateDir);
  privateFolder(runDir(stateDir));
  const running = await connectLocal({ stateDir, name });
  if (running) {
    running.abort();
    throw new VaultError(`${what} runs already`, {
      hint: "vault status shows it.",
      kind: "conflict",
    });
  }
  const logPath = join(runDir(stateDir), `${name}.log`);
  const logFrom = fs.existsSync(logPath) ? fs.statSync(logPath).size : 0;
  const daemon = startDetached({
    argv: [...selfCommand(), ...withoutBackground(Deno.args), ...args],
    logPath,
    ...(input === undefined ? {} : { input }),
    // The folder is as absolute there as it was resolved here.
    env: { VAULT_STATE: stateDir },
  });
  await waitUntilReady(ask, { daemon, logPath, logFrom });
  daemon.release();
  return { pid: daemon.pid, logPath };
}

function withoutBackground(args: readonly string[]): readonly string[] {
  return args.filter((arg) => arg !== "--background");
}

async function waitUntilReady(
  ask: BackgroundAsk,
  run: { daemon: Detached; logPath: string; logFrom: number },
): Promise<void> {
  const until = systemClock.monotonic() + READY_TIMEOUT_MS;
  let exited: number | null | undefined;
  run.daemon.exited.then((code) => exited = code, () => exited = null);
  while (systemClock.monotonic() < until) {
    if (exited !== undefined) throw endedEarly(exited, run);
    if (await isReady(ask)) return;
    await systemClock.sleep(READY_POLL_MS);
  }
  run.daemon.release();
  throw new VaultError(
    `It is not ready after ${
      READY_TIMEOUT_MS / 1000
    } s (process ${run.daemon.pid})`,
    { hint: `Its log: ${run.logPath}` },
  );
}

async function isReady(ask: BackgroundAsk): Promise<boolean> {
  try {
    return await ask.ready();
  } catch (thrown) {
    if (thrown instanceof VaultError) return false;
    throw thrown;
  }
}

/** Repeats what the daemon complained of, and ends as it did. */
function endedEarly(
  code: number | null,
  { logPath, logFrom }: { logPath: string; logFrom: number },
): Error {
  const log = fromUtf8(fs.readFileSync(logPath).subarray(logFrom)) ?? "";
  const said = log.split("\n").filter((line) => line.startsWith("vault: "));
  for (const line of said) note(line);
  const status = Object.values(EXIT).find((one) => one === code && one !== 0);
  if (said.length > 0 && status !== undefined) {
    return new Ended(status as ExitStatus);
  }
  return new VaultError("It ended before it was ready", {
    hint: `Its log: ${logPath}`,
  });
}
