/** QEMU's tools as an initiator: whole images, single requests, and load. */
import { type Credentials, environment } from "./libiscsi.ts";
import { run, runOk, type RunResult } from "./process.ts";

/** Copies `from` to `to`, each a file or a URL, both raw. The target disk must be there already. */
export async function convertImage(from: string, to: string): Promise<void> {
  await runOk({
    command: "qemu-img",
    args: ["convert", "-n", "-f", "raw", "-O", "raw", from, to],
    timeoutMs: 120_000,
  });
}

/** Compares two images byte by byte; rejects with where they differ. */
export async function compareImages(a: string, b: string): Promise<void> {
  await runOk({
    command: "qemu-img",
    args: ["compare", "-f", "raw", "-F", "raw", a, b],
    timeoutMs: 120_000,
  });
}

export interface QemuIoOptions {
  readonly timeoutMs?: number;
  readonly chap?: Credentials;
  /** The disk is named by QEMU's options (`driver=iscsi,…`) in place of a URL. */
  readonly imageOptions?: boolean;
  /** Opens the disk for reading alone. */
  readonly readOnly?: boolean;
  /** libiscsi tells of its login on standard error. */
  readonly debug?: boolean;
}

/** Runs qemu-io's commands against a disk, one after the other. It ends with 0 even where a command failed: look at the output. */
export function qemuIo(
  disk: string,
  commands: readonly string[],
  options: QemuIoOptions = {},
): Promise<RunResult> {
  return run({
    command: "qemu-io",
    args: [
      ...(options.imageOptions ? ["--image-opts"] : ["-f", "raw"]),
      ...["-t", "none"],
      ...(options.readOnly ? ["-r"] : []),
      ...commands.flatMap((command) => ["-c", command]),
      disk,
    ],
    env: {
      ...environment(options.chap),
      ...(options.debug ? { LIBISCSI_DEBUG: "9" } : {}),
    },
    timeoutMs: options.timeoutMs ?? 60_000,
  });
}

/** Like {@linkcode qemuIo} but rejects where a command reports an error or a byte that is not of its pattern. */
export async function qemuIoOk(
  url: string,
  commands: readonly string[],
  options: QemuIoOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await qemuIo(url, commands, options);
  const output = stdout + stderr;
  if (code !== 0 || /failed|error:|verification|Input\/output/i.test(output)) {
    throw new Error(`qemu-io ${commands.join("; ")}: ${code}\n${output}`);
  }
  return output;
}

export interface Load {
  readonly write: boolean;
  readonly blockBytes: number;
  readonly depth: number;
  /** From one request to the next; wraps around at the end of the disk. */
  readonly strideBytes: number;
  readonly requests: number;
  /** The byte that writes are filled with. */
  readonly pattern: number;
}

/** Sends `load` to a disk and gives the seconds that it took, without the time to connect. */
export async function loadDisk(url: string, load: Load): Promise<number> {
  const output = await runOk({
    command: "qemu-img",
    args: [
      ...["bench", "-f", "raw", "-t", "none"],
      ...["-c", String(load.requests), "-d", String(load.depth)],
      ...["-s", String(load.blockBytes), "-S", String(load.strideBytes)],
      ...(load.write ? ["-w", `--pattern=${load.pattern}`] : []),
      url,
    ],
    timeoutMs: 300_000,
  });
  const seconds = /Run completed in ([\d.]+) seconds/.exec(output)?.[1];
  if (seconds === undefined) throw new Error(`qemu-img bench said:\n${output}`);
  return Number(seconds);
}
