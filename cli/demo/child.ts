/** One of the demo's daemons: this very program, started once more. */

import { VaultError } from "../../lib/base/errors.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { selfCommand } from "../../lib/os/process.ts";

const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 25;
/** How long a daemon may take to stop in good order. */
const STOP_TIMEOUT_MS = 8000;

export class Child {
  /** What it has said so far, on both outputs. */
  said = "";
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  #exited = false;
  readonly #ended: Promise<void>;

  constructor(args: readonly string[], stateDir: string) {
    this.#name = `vault ${args[0]}`;
    const [program = "", ...words] = selfCommand();
    this.#process = new Deno.Command(program, {
      args: [...words, ...args],
      env: { VAULT_STATE: stateDir, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const heard = [this.#process.stdout, this.#process.stderr]
      .map((stream) => this.#listen(stream));
    this.#ended = this.#process.status.then(async () => {
      this.#exited = true;
      await Promise.all(heard);
    });
  }

  /** Waits until `ready` gives something. @throws {VaultError} with what it said where it ends before, or takes too long */
  async until<T>(ready: () => Promise<T | undefined>): Promise<T> {
    const until = systemClock.monotonic() + READY_TIMEOUT_MS;
    while (systemClock.monotonic() < until && !this.#exited) {
      const result = await ready();
      if (result !== undefined) return result;
      await systemClock.sleep(READY_POLL_MS);
    }
    throw new VaultError(`${this.#name} did not get ready:\n${this.said}`);
  }

  /** Tells it to stop, and waits until it is gone. False where it had to be killed. */
  async stop(): Promise<boolean> {
    if (this.#exited) return true;
    this.#process.kill("SIGTERM");
    let killed = false;
    const forget = systemClock.after(STOP_TIMEOUT_MS, () => {
      killed = true;
      this.#process.kill("SIGKILL");
    });
    await this.#ended;
    forget();
    return !killed;
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.said += decoder.decode(bytes, { stream: true });
    }
  }
}
