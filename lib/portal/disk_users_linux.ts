/**
 * What Linux does with the disks of a session: where they are, what uses them, and how to make it let go of them.
 *
 *     sdb ── sdb1 ── holder dm-0 (LUKS) ── mounted at /mnt
 *      │      unmount, then close dm-0, then sdb1 is free
 *      └── sdb2 ── swap
 */

import { VaultError } from "../base/errors.ts";
import type { LoginAsk, LoginWorld } from "./os_initiator.ts";

const SESSIONS = "/sys/class/iscsi_session";
const CONNECTIONS = "/sys/class/iscsi_connection";

/** A disk, as the kernel names it: "sdb". */
export interface FoundDisk {
  readonly name: string;
  readonly lun: number;
}

/** The disks of the target's sessions at the portal, of all its logical units. */
export function findDisks(
  ask: LoginAsk,
  world: LoginWorld,
): readonly FoundDisk[] {
  const { portal, iqn } = ask;
  const text = (path: string) => world.read(path)?.trim();
  const disks: FoundDisk[] = [];
  for (const session of world.list(SESSIONS)) {
    if (text(`${SESSIONS}/${session}/targetname`) !== iqn) continue;
    const connection = `${session.replace("session", "connection")}:0`;
    const address = text(`${CONNECTIONS}/${connection}/persistent_address`);
    const port = text(`${CONNECTIONS}/${connection}/persistent_port`);
    if (address !== undefined && address !== portal.hostname) continue;
    if (port !== undefined && port !== String(portal.port)) continue;
    const device = `${SESSIONS}/${session}/device`;
    for (const target of world.list(device)) {
      if (!target.startsWith("target")) continue;
      for (const unit of world.list(`${device}/${target}`)) {
        const lun = /^\d+:\d+:\d+:(\d+)$/.exec(unit)?.[1];
        if (lun === undefined) continue;
        const names = world.list(`${device}/${target}/${unit}/block`);
        disks.push(...names.map((name) => ({ name, lun: Number(lun) })));
      }
    }
  }
  return disks;
}

/** What keeps a block device busy. */
type Use =
  | { readonly kind: "mount"; readonly place: string }
  | { readonly kind: "swap"; readonly device: string }
  /** Another block device on top of it: dm-crypt, LVM, RAID. */
  | { readonly kind: "holder"; readonly name: string };

/** Where the disk and its partitions are mounted, swapped to, or held by dm-crypt, LVM and the like. */
export function usersOfDisk(
  disk: string,
  world: LoginWorld,
): readonly string[] {
  return usesOf(disk, world).map((use) => {
    switch (use.kind) {
      case "mount":
        return use.place;
      case "swap":
        return `swap on ${use.device}`;
      case "holder":
        return `/dev/${use.name}`;
    }
  });
}

/**
 * Unmounts, swaps off and closes what is on the disk, top first, and writes out what the system still holds for it. `tell` hears of each
 * step ahead of it.
 *
 * @throws {VaultError} at the first step that fails, because a program has a file open there, say. What was done before stays done
 */
export async function letGoOfDisk(
  disk: string,
  world: LoginWorld,
  tell: (step: string) => void,
): Promise<void> {
  // The last mount first: it may be inside an earlier one.
  for (const use of usesOf(disk, world).reverse()) {
    switch (use.kind) {
      case "mount":
        await step(["umount", use.place], `unmounting ${use.place}`);
        break;
      case "swap":
        await step(["swapoff", use.device], `ending the swap on ${use.device}`);
        break;
      case "holder":
        await letGoOfDisk(use.name, world, tell);
        await step(closing(use.name, world), `closing /dev/${use.name}`);
    }
  }
  const device = `/dev/${disk}`;
  await step(["blockdev", "--flushbufs", device], `writing out ${device}`);

  async function step(argv: readonly string[], what: string): Promise<void> {
    tell(what);
    const { code, stderr } = await world.run(argv);
    if (code === 0) return;
    const said = stderr.trim().split("\n").at(-1) || `exit status ${code}`;
    throw new VaultError(`Failed at ${what}: ${said}`, {
      kind: "conflict",
      hint: "End the programs that use it: fuser -vm shows them.",
    });
  }
}

/** What closes a device that lies on others. @throws {VaultError} where it is of a kind that nobody here knows */
function closing(name: string, world: LoginWorld): readonly string[] {
  const mapped = world.read(`/sys/block/${name}/dm/name`)?.trim();
  if (mapped) {
    const uuid = world.read(`/sys/block/${name}/dm/uuid`) ?? "";
    return uuid.startsWith("CRYPT-")
      ? ["cryptsetup", "close", mapped]
      : ["dmsetup", "remove", mapped];
  }
  if (/^md\d+$/.test(name)) return ["mdadm", "--stop", `/dev/${name}`];
  throw new VaultError(`/dev/${name} lies on the disk and cannot be closed`, {
    kind: "conflict",
    hint: "Close it by hand, or say how with --on-handover.",
  });
}

function usesOf(disk: string, world: LoginWorld): Use[] {
  const parts = world.list(`/sys/block/${disk}`)
    .filter((name) => name.startsWith(disk));
  const mounts = (world.read("/proc/self/mountinfo") ?? "").split("\n");
  const swaps = world.read("/proc/swaps") ?? "";
  const uses: Use[] = [];
  for (const part of [disk, ...parts]) {
    const folder = part === disk
      ? `/sys/block/${disk}`
      : `/sys/block/${disk}/${part}`;
    const number = world.read(`${folder}/dev`)?.trim();
    for (const line of mounts) {
      const [, , device, , place] = line.split(" ");
      if (number && device === number && place) {
        uses.push({ kind: "mount", place: unescaped(place) });
      }
    }
    const device = `/dev/${part}`;
    if (swaps.includes(`${device} `)) uses.push({ kind: "swap", device });
    for (const name of world.list(`${folder}/holders`)) {
      uses.push({ kind: "holder", name });
    }
  }
  return uses;
}

/** The kernel writes spaces, tabs, newlines and backslashes as octal digits there (proc(5)). */
function unescaped(place: string): string {
  return place.replace(
    /\\([0-7]{3})/g,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 8)),
  );
}
