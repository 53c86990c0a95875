/** libiscsi's small programs. Credentials go through the environment, so that no secret stands on a command line. */
import { run, runOk, type RunResult } from "./process.ts";

export interface Credentials {
  readonly user: string;
  readonly secret: string;
  /** What the target must prove in return. */
  readonly target?: { readonly user: string; readonly secret: string };
}

/** What makes libiscsi, and QEMU by it, log in with `chap`. */
export function environment(
  chap: Credentials | undefined,
): Record<string, string> {
  if (chap === undefined) return {};
  return {
    LIBISCSI_CHAP_USERNAME: chap.user,
    LIBISCSI_CHAP_PASSWORD: chap.secret,
    ...(chap.target === undefined ? {} : {
      LIBISCSI_CHAP_TARGET_USERNAME: chap.target.user,
      LIBISCSI_CHAP_TARGET_PASSWORD: chap.target.secret,
    }),
  };
}

export interface DiscoveredTarget {
  readonly iqn: string;
  readonly portal: string;
}

/** What SendTargets answers on `portal` (`127.0.0.1:3260`). */
export async function listTargets(
  portal: string,
  chap?: Credentials,
): Promise<DiscoveredTarget[]> {
  const output = await runOk({
    command: "iscsi-ls",
    args: [`iscsi://${portal}`],
    env: environment(chap),
  });
  return [...output.matchAll(/^Target:(\S+) Portal:([^,\s]+)/gm)].map(
    (match) => ({ iqn: match[1]!, portal: match[2]! }),
  );
}

/** A disk that discovery found, as initiators name it. */
export interface FoundDisk {
  readonly portal: string;
  readonly iqn: string;
  readonly lun: number;
  readonly url: string;
}

/** Every disk behind `portal`, by SendTargets and REPORT LUNS. */
export async function listDisks(
  portal: string,
  chap?: Credentials,
): Promise<FoundDisk[]> {
  const output = await runOk({
    command: "iscsi-ls",
    args: ["-s", `iscsi://${portal}`],
    env: environment(chap),
  });
  const disks: FoundDisk[] = [];
  let iqn = "";
  for (const line of output.split("\n")) {
    iqn = /^Target:(\S+)/.exec(line)?.[1] ?? iqn;
    const lun = /^Lun:(\d+)\s+Type:DIRECT_ACCESS/.exec(line)?.[1];
    if (lun === undefined) continue;
    disks.push({
      portal,
      iqn,
      lun: Number(lun),
      url: `iscsi://${portal}/${iqn}/${lun}`,
    });
  }
  return disks;
}

/** The one disk behind `portal`; rejects where there is none or more. */
export async function onlyDisk(
  portal: string,
  chap?: Credentials,
): Promise<FoundDisk> {
  const disks = await listDisks(portal, chap);
  if (disks.length !== 1) {
    throw new Error(
      `${portal} offers ${disks.length} disks: ${disks.map(({ url }) => url)}`,
    );
  }
  return disks[0]!;
}

/** What `iscsi-inq` prints of a disk: the standard data, or one page of vital product data. */
export function inquire(
  url: string,
  options: { page?: number; chap?: Credentials } = {},
): Promise<string> {
  return runOk({
    command: "iscsi-inq",
    args: [
      ...(options.page === undefined
        ? []
        : ["-e", "1", "-c", String(options.page)]),
      url,
    ],
    env: environment(options.chap),
  });
}

/** READ CAPACITY(16), whatever becomes of it. */
export function tryReadCapacity(
  url: string,
  chap?: Credentials,
): Promise<RunResult> {
  return run({
    command: "iscsi-readcapacity16",
    args: [url],
    env: environment(chap),
    timeoutMs: 20_000,
  });
}

/** The size of a disk in bytes by READ CAPACITY(16). */
export async function readCapacity(
  url: string,
  chap?: Credentials,
): Promise<number> {
  const output = await runOk({
    command: "iscsi-readcapacity16",
    args: ["-s", url],
    env: environment(chap),
  });
  return Number(output.trim());
}

/** Requests a second of random (`random`) or sequential reads, by iscsi-perf over `seconds`. Its blocks are 512 bytes. */
export async function readRate(
  url: string,
  load: { blockBytes: number; depth: number; seconds: number; random: boolean },
): Promise<number> {
  const output = await runOk({
    command: "iscsi-perf",
    args: [
      ...["-m", String(load.depth), "-b", String(load.blockBytes / 512)],
      ...["-t", String(load.seconds), ...(load.random ? ["-r"] : [])],
      url,
    ],
    timeoutMs: load.seconds * 1000 + 30_000,
  });
  const rates = [...output.matchAll(/iops average (\d+)/g)];
  const last = rates.at(-1)?.[1];
  if (last === undefined) throw new Error(`iscsi-perf said:\n${output}`);
  return Number(last);
}
