/** This process, and those that it starts. */

import { spawn } from "node:child_process";
import fs from "node:fs";
import { createInterface } from "node:readline";
import { messageOf, VaultError } from "../base/errors.ts";

/**
 * How this program is started once more, without its arguments: as the self-extracting file that VAULT_EXEC names, as the compiled
 * program that runs, or as the main module that the runtime runs.
 */
export function selfCommand(): readonly string[] {
  const wrapper = Deno.env.get("VAULT_EXEC");
  if (wrapper) return [wrapper];
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = new URL(Deno.mainModule);
  return [Deno.execPath(), "run", "-A", ...runFlags(), main.href];
}

/** A bundled file needs no configuration and no registry, and must not look for either in the folder that it happens to lie in. */
function runFlags(): readonly string[] {
  return Deno.mainModule.endsWith(".ts") ? [] : ["--no-config", "--no-lock"];
}

/** What became of a program that was run to its end. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end with `input` as its standard input. In the C locale, because what it says is read.
 *
 * @throws {VaultError} `not-found` where there is no such program
 */
export async function runProgram(
  argv: readonly string[],
  input = "",
): Promise<Outcome> {
  const [program = "", ...args] = argv;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      env: { LC_ALL: "C" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    throw new VaultError(`Cannot run ${program}: ${messageOf(cause)}`, {
      ...(cause instanceof Deno.errors.NotFound ? { kind: "not-found" } : {}),
      cause,
    });
  }
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input))
    .then(() => writer.close()).catch(() => {});
  const output = await child.output();
  await written;
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/**
 * Runs a line of the system's shell to its end, in a process group of its own; `tell` gets the lines of both its outputs. All of the group is
 * killed when `signal` aborts, and the promise rejects with its reason.
 *
 * @returns its exit status, null where a signal ended it
 */
export function runShell(
  command: string,
  options: {
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly tell: (line: string) => void;
  },
): Promise<number | null> {
  const { env, signal, tell } = options;
  const shell = Deno.build.os === "windows"
    ? ["cmd.exe", "/d", "/s", "/c"]
    : ["/bin/sh", "-c"];
  const [program = "", ...words] = shell;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, [...words, command], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...Deno.env.toObject(), ...env },
    });
    const kill = () => {
      try {
        // The whole group: what the shell has started would hold the disk, too.
        if (child.pid) Deno.kill(groupOf(child.pid), "SIGKILL");
      } catch {
        // It has ended by itself.
      }
      reject(signal.reason);
    };
    signal.addEventListener("abort", kill);
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", tell);
    }
    child.once("error", reject);
    child.once("close", (code) => {
      signal.removeEventListener("abort", kill);
      resolve(code);
    });
  });
}

/** Windows has no such groups: its first process stands for them. */
function groupOf(pid: number): number {
  return Deno.build.os === "windows" ? pid : -pid;
}

/** A program started to outlive this one. */
export interface Detached {
  readonly pid: number;
  /** Resolves with its exit status, null where a signal ended it, if that happens while this process waits. */
  readonly exited: Promise<number | null>;
  /** Lets this process end while the other goes on. */
  release(): void;
}

/**
 * Starts `argv` in a session of its own, with `input` as its standard input and both outputs appended to the private file `logPath`.
 *
 * @throws {VaultError} where the log cannot be opened or the program not be started
 */
export function startDetached(
  options: {
    readonly argv: readonly string[];
    readonly logPath: string;
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Detached {
  const { argv: [program = "", ...args], logPath, input, env } = options;
  let log: number;
  try {
    log = fs.openSync(logPath, "a", 0o600);
  } catch (cause) {
    throw new VaultError(`Cannot open the log ${logPath}`, { cause });
  }
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", log, log],
      env: { ...Deno.env.toObject(), ...env },
    });
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once("exit", (code) => resolve(code));
      child.once("error", reject);
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
    return { pid: child.pid ?? 0, exited, release: () => child.unref() };
  } catch (cause) {
    throw new VaultError(`Cannot start ${program}: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    fs.closeSync(log);
  }
}

/** Ends this process. `cli/main.ts` is the only caller. */
export function exit(code: number): never {
  Deno.exit(code);
}

/** This process's number. */
export function processId(): number {
  return Deno.pid;
}
