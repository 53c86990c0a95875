/**
 * One scenario of the outer tests: what peers it needs, what happens where one is missing, and a bound on its time.
 *
 * Outside CI (`CI` unset) a missing peer is a skip that says why in its name. In CI it is a failure: a test that silently
 * does not run there tests nothing.
 */
import { daemonsReport, stopLeftOvers } from "./process.ts";
import { within } from "./until.ts";
import { exists } from "./exists.ts";

/** Debian's package for each program that the scenarios use, for the reason of a skip. */
const PACKAGES = {
  "tgtd": "tgt",
  "tgtadm": "tgt",
  "stunnel": "stunnel4",
  "openssl": "openssl",
  "iscsi-ls": "libiscsi-bin",
  "iscsi-inq": "libiscsi-bin",
  "iscsi-readcapacity16": "libiscsi-bin",
  "iscsi-perf": "libiscsi-bin",
  "iscsi-test-cu": "libiscsi-bin",
  "qemu-img": "qemu-utils",
  "qemu-io": "qemu-utils",
  "qemu-iscsi": "qemu-block-extra",
  "qemu-system-x86_64": "qemu-system-x86",
  "mmdebstrap": "mmdebstrap",
  "tcpdump": "tcpdump",
  "mkfs.xfs": "xfsprogs",
  "mkfs.ext4": "e2fsprogs",
  "gcc": "gcc",
  "radosgw": "radosgw",
  "radosgw-admin": "radosgw",
  "ceph-mon": "ceph-mon",
  "ceph-osd": "ceph-osd",
  "ceph": "ceph-common",
  "bash": "bash",
  "zsh": "zsh",
  "fish": "fish",
} as const;

/** A program that a scenario needs, or something else about the machine. */
export type Peer =
  | keyof typeof PACKAGES
  | "root"
  | "linux"
  /** The folder with the guest's scripts. */
  | "guest"
  /** The tool that starts Ceph's gateway. */
  | "ceph-rgw"
  /** The guest's image: already built, or root and mmdebstrap to build it. */
  | "guest-image";

export const inCi: boolean = (Deno.env.get("CI") ?? "") !== "";

/** Why `peer` cannot be used here, or undefined where it can. */
export function missing(peer: Peer): string | undefined {
  switch (peer) {
    case "root":
      return Deno.build.os !== "windows" && Deno.uid() === 0
        ? undefined
        : "needs root";
    case "linux":
      return Deno.build.os === "linux" ? undefined : "needs Linux";
    case "guest":
      return exists(`${guestFolder()}/run-guest.sh`)
        ? undefined
        : `needs ${guestFolder()}/run-guest.sh (VAULT_SHARED)`;
    case "ceph-rgw":
      return exists(`${sharedFolder()}/tools/ceph-rgw`)
        ? undefined
        : `needs ${sharedFolder()}/tools/ceph-rgw (VAULT_SHARED)`;
    case "guest-image":
      return guestCanBeHad()
        ? undefined
        : "needs the guest's image (build-guest.sh makes it, as root with mmdebstrap)";
    case "qemu-iscsi":
      return qemuKnowsIscsi()
        ? undefined
        : "needs QEMU's iSCSI driver (Debian: qemu-block-extra)";
    default:
      return pathOf(peer) === undefined
        ? `needs ${peer} (Debian: ${PACKAGES[peer]})`
        : undefined;
  }
}

/** Rejects in CI where `peer` is missing; says outside CI why a test that needs it is skipped, or undefined where it can run. */
export function requirePeer(peer: Peer): string | undefined {
  const reason = missing(peer);
  if (reason !== undefined && inCi) throw new Error(`Missing peer: ${reason}`);
  return reason;
}

/** The full path of a program, also where Debian keeps the ones of the administrator. */
export function pathOf(program: string): string | undefined {
  const folders = [
    ...(Deno.env.get("PATH") ?? "").split(":"),
    "/usr/sbin",
    "/sbin",
  ];
  for (const folder of folders) {
    if (folder !== "" && exists(`${folder}/${program}`)) {
      return `${folder}/${program}`;
    }
  }
  return undefined;
}

/** What the project's trees share: `VAULT_SHARED`, else beside the checkout. */
export function sharedFolder(): string {
  const root = new URL("../../", import.meta.url).pathname;
  return Deno.env.get("VAULT_SHARED") ?? `${root}../shared`;
}

/** Where the guest's scripts are. */
export function guestFolder(): string {
  return `${sharedFolder()}/guest`;
}

/** All that a scenario with Ceph's gateway needs. */
export const CEPH_PEERS = [
  "linux",
  "ceph-rgw",
  "radosgw",
  "radosgw-admin",
  "ceph-mon",
  "ceph-osd",
  "ceph",
] as const satisfies readonly Peer[];

function guestCanBeHad(): boolean {
  const cache = Deno.env.get("ISCSI_GUEST_CACHE") ??
    `${Deno.env.get("HOME") ?? "/root"}/.cache/iscsi-guest`;
  return exists(`${cache}/stamp`) ||
    (missing("root") === undefined && pathOf("mmdebstrap") !== undefined);
}

/** Asks QEMU for a disk that nobody serves: without its driver it fails otherwise than by a refused connection. */
function qemuKnowsIscsi(): boolean {
  if (pathOf("qemu-img") === undefined) return false;
  const { stderr } = new Deno.Command("qemu-img", {
    args: ["info", "iscsi://127.0.0.1:1/iqn.2026-01.test:none/0"],
    stdin: "null",
  }).outputSync();
  return /connect/i.test(new TextDecoder().decode(stderr));
}

/** Registers one scenario. What it leaves running is killed and makes it fail. */
export function scenario(
  name: string,
  options: {
    peers?: readonly Peer[];
    /** Why this machine cannot do it whatever is installed, or undefined where it can: that is a skip in CI, too. */
    unable?: () => string | undefined;
    timeoutMs?: number;
  },
  body: () => Promise<void>,
): void {
  const { peers = [], timeoutMs = 60_000 } = options;
  const reasons = inCi
    ? []
    : peers.map(missing).filter((reason) => reason !== undefined);
  const unable = reasons.length === 0 ? options.unable?.() : undefined;
  if (unable !== undefined) reasons.push(unable);
  Deno.test({
    name: reasons.length === 0 ? name : `${name} (skipped: ${reasons[0]})`,
    ignore: reasons.length > 0,
    fn: async () => {
      for (const peer of peers) requirePeer(peer);
      daemonsReport();
      try {
        await within(body(), { what: name, timeoutMs });
      } catch (error) {
        await stopLeftOvers();
        if (error instanceof Error) {
          error.message += `
${daemonsReport()}`;
        }
        throw error;
      }
      const left = await stopLeftOvers();
      if (left.length > 0) throw new Error(`Left running: ${left.join("; ")}`);
    },
  });
}
