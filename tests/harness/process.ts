/** Programs under test and their peers: run to the end, or started, awaited and stopped. */
import { until, within } from "./until.ts";

/** Output beyond this is cut off at the front, in bytes: a daemon that chatters must not fill the test's memory. */
const KEPT_OUTPUT_BYTES = 1024 * 1024;

export interface ProgramSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with `stdin` as its input. A program that takes longer than `timeoutMs` is killed: code 124. */
export async function run(
  spec: ProgramSpec & { stdin?: string; timeoutMs?: number },
): Promise<RunResult> {
  const program = new Program(spec);
  await program.write(spec.stdin ?? "");
  const code = await program.exitWithin(spec.timeoutMs ?? 60_000);
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Like {@linkcode run}, but rejects with what the program said unless it ends with 0. Gives its standard output. */
export async function runOk(
  spec: ProgramSpec & { stdin?: string; timeoutMs?: number },
): Promise<string> {
  const { code, stdout, stderr } = await run(spec);
  if (code !== 0) {
    const words = [spec.command, ...spec.args].join(" ");
    throw new Error(`${words}: ended with ${code}\n${stdout}${stderr}`);
  }
  return stdout;
}

/** Starts a program and waits until `ready` holds. Rejects with what it said where it ends before that. */
export async function start(
  spec: ProgramSpec & {
    ready: () => boolean | Promise<boolean>;
    timeoutMs?: number;
  },
): Promise<Program> {
  const program = new Program(spec);
  daemons.push(program);
  try {
    await program.write("");
    await until(`${spec.command} ready`, async () => {
      if (program.exited !== undefined) {
        throw new Error(
          `${spec.command} ended with ${program.exited} before it was ready\n${program.output}`,
        );
      }
      return await spec.ready();
    }, { timeoutMs: spec.timeoutMs ?? 20_000 });
    return program;
  } catch (error) {
    await program.stop("SIGKILL");
    throw new Error(
      `${error instanceof Error ? error.message : error}\n${program.output}`,
    );
  }
}

const live = new Set<Program>();
const daemons: Program[] = [];
/** How much of each daemon's output is shown where a scenario fails, in characters. */
const SHOWN_OUTPUT = 3000;

/** What the daemons started since the last call have said and whether they run, for the report of a failure. */
export function daemonsReport(): string {
  return daemons.splice(0).map((program) => {
    const state = program.exited === undefined
      ? "runs"
      : `ended with ${program.exited}`;
    return `-- ${program.words}: ${state}\n${
      program.output.slice(-SHOWN_OUTPUT)
    }`;
  }).join("\n");
}

/** Kills what a test left running; says what that was. */
export async function stopLeftOvers(): Promise<string[]> {
  const left = [...live];
  await Promise.all(left.map((program) => program.stop("SIGKILL")));
  return left.map((program) => program.words);
}

/** One running program. Its output is read all the time, so that it never waits for its reader. */
export class Program implements AsyncDisposable {
  readonly pid: number;
  /** The command line, for messages. */
  readonly words: string;
  #child: Deno.ChildProcess;
  #out = new Collected();
  #err = new Collected();
  #ended: Promise<number>;
  #exited: number | undefined;

  constructor(spec: ProgramSpec) {
    this.words = [spec.command, ...spec.args].join(" ");
    this.#child = new Deno.Command(spec.command, {
      args: [...spec.args],
      env: { NO_COLOR: "1", ...spec.env },
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    live.add(this);
    const read = Promise.all([
      this.#out.readAll(this.#child.stdout),
      this.#err.readAll(this.#child.stderr),
    ]);
    this.#ended = this.#child.status.then(async (status) => {
      this.#exited = status.code;
      live.delete(this);
      await read;
      return status.code;
    });
  }

  get stdout(): string {
    return this.#out.text;
  }

  get stderr(): string {
    return this.#err.text;
  }

  get output(): string {
    return this.#out.text + this.#err.text;
  }

  /** The exit code, or undefined while it runs. 128 + signal where a signal ended it. */
  get exited(): number | undefined {
    return this.#exited;
  }

  /** Resolves with the exit code once the program and its output have ended. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  /** Gives the program its whole input. */
  async write(input: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode(input));
      await writer.close();
    } catch {
      // It closed its input without reading: its business.
    }
  }

  signal(signal: Deno.Signal): void {
    if (this.#exited === undefined) this.#child.kill(signal);
  }

  /** Its exit code, or 124 after killing it when it is still running after `timeoutMs`. */
  async exitWithin(timeoutMs: number): Promise<number> {
    try {
      return await within(this.#ended, { what: this.words, timeoutMs });
    } catch {
      await this.stop("SIGKILL");
      return 124;
    }
  }

  /** Sends `signal`, and kills the program where it is still there `graceMs` later. Gives its exit code. */
  async stop(
    signal: Deno.Signal = "SIGTERM",
    graceMs = 10_000,
  ): Promise<number> {
    this.signal(signal);
    try {
      return await within(this.#ended, {
        what: this.words,
        timeoutMs: graceMs,
      });
    } catch {
      this.signal("SIGKILL");
      return await this.#ended;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

class Collected {
  text = "";

  async readAll(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      if (this.text.length > 2 * KEPT_OUTPUT_BYTES) {
        this.text = this.text.slice(-KEPT_OUTPUT_BYTES);
      }
    }
  }
}
