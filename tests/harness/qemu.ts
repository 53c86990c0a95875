/** QEMU's tools as an initiator: whole images, single requests, and load. */
import { run, runOk, type RunResult } from "./process.ts";

/** QEMU's name of a disk by URL; credentials and digests go by its own options, see {@linkcode qemuImage}. */
export interface QemuDisk {
  readonly portal: string;
  readonly iqn: string;
  readonly lun: number;
  readonly user?: string;
  /** A file with the secret: never on a command line. */
  readonly secretFile?: string;
  readonly headerDigest?: "crc32c" | "none" | "crc32c-none" | "none-crc32c";
}

/** The arguments that make QEMU's tools use `disk`: options before the image, and the image itself for `--image-opts`. */
export function qemuImage(
  disk: QemuDisk,
): { objects: string[]; image: string } {
  const parts = [
    "driver=raw",
    "file.driver=iscsi",
    "file.transport=tcp",
    `file.portal=${disk.portal}`,
    `file.target=${disk.iqn}`,
    `file.lun=${disk.lun}`,
  ];
  const objects: string[] = [];
  if (disk.user !== undefined && disk.secretFile !== undefined) {
    objects.push("--object", `secret,id=chap,file=${disk.secretFile}`);
    parts.push(`file.user=${disk.user}`, "file.password-secret=chap");
  }
  if (disk.headerDigest !== undefined) {
    parts.push(`file.header-digest=${disk.headerDigest}`);
  }
  return { objects, image: parts.join(",") };
}

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
    args: ["compare", "-s", "-f", "raw", "-F", "raw", a, b],
    timeoutMs: 120_000,
  });
}

/** Runs qemu-io's commands against a disk, one after the other. It ends with 0 even where a command failed: look at the output. */
export function qemuIo(
  url: string,
  commands: readonly string[],
  options: { timeoutMs?: number } = {},
): Promise<RunResult> {
  return run({
    command: "qemu-io",
    args: [
      ...["-f", "raw", "-t", "none"],
      ...commands.flatMap((command) => ["-c", command]),
      url,
    ],
    timeoutMs: options.timeoutMs ?? 60_000,
  });
}

/** Like {@linkcode qemuIo} but rejects where a command reports an error or a byte that is not of its pattern. */
export async function qemuIoOk(
  url: string,
  commands: readonly string[],
  options: { timeoutMs?: number } = {},
): Promise<string> {
  const { code, stdout, stderr } = await qemuIo(url, commands, options);
  const output = stdout + stderr;
  if (code !== 0 || /failed|error|verification/i.test(output)) {
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
