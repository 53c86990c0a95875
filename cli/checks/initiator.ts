/** Whether this machine has an initiator that can log in at the portal. */

import { VaultError } from "../../lib/base/errors.ts";
import { joinedNodes } from "../../lib/daemon/joined.ts";
import { StateFolder } from "../../lib/daemon/state_folder.ts";
import type { LoginWorld } from "../../lib/portal/os_initiator.ts";
import { loginWorld } from "../os_login.ts";
import type { Check, Finding } from "./finding.ts";

export const checkInitiator: Check = async (stateDir) => {
  if (joinedNodes(new StateFolder(stateDir)).length === 0) {
    const found = "no node joined, so nothing to attach";
    return [{ check: "initiator", state: "skipped", found }];
  }
  return await initiatorFindings(Deno.build.os, loginWorld);
};

/** What there is on such a machine. */
export async function initiatorFindings(
  os: string,
  world: LoginWorld,
): Promise<readonly Finding[]> {
  const qemu = await version(world, ["qemu-img", "--version"]);
  if (os === "windows") return [await windows(world)];
  if (os !== "linux") {
    return [none(qemu, "macOS has none of its own; use QEMU or another.")];
  }
  const openIscsi = await version(world, ["iscsiadm", "--version"]);
  if (openIscsi === undefined) {
    return [none(
      qemu,
      "apt install open-iscsi, or dnf install iscsi-initiator-utils",
    )];
  }
  return [
    { check: "initiator", state: "ok", found: `open-iscsi (${openIscsi})` },
    kernel(world),
    daemon(world),
  ];
}

function none(qemu: string | undefined, advice: string): Finding {
  const check = "initiator";
  return qemu === undefined
    ? { check, state: "failed", found: "none is installed", advice }
    : { check, state: "warning", found: `only QEMU (${qemu})`, advice };
}

async function windows(world: LoginWorld): Promise<Finding> {
  const check = "initiator";
  const { stdout } = await world.run([
    "powershell.exe",
    "-NoProfile",
    "-Command",
    "(Get-Service MSiSCSI).Status",
  ]);
  const status = stdout.trim();
  if (status === "Running") {
    return { check, state: "ok", found: "Windows' own, and its service runs" };
  }
  return {
    check,
    state: "warning",
    found: `Windows' own; its service is ${status || "unknown"}`,
    advice:
      "As Administrator: Set-Service MSiSCSI -StartupType Automatic; Start-Service MSiSCSI",
  };
}

function kernel(world: LoginWorld): Finding {
  const check = "kernel module";
  if (world.list("/sys/module/iscsi_tcp").length > 0) {
    return { check, state: "ok", found: "iscsi_tcp is loaded" };
  }
  const release = world.read("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const known = ["modules.dep", "modules.builtin"].some((file) =>
    world.read(`/lib/modules/${release}/${file}`)?.includes("iscsi_tcp.ko")
  );
  if (known) {
    return { check, state: "ok", found: "iscsi_tcp is there to be loaded" };
  }
  return {
    check,
    state: "warning",
    found: `this kernel (${release}) has no iscsi_tcp`,
    advice:
      "--login will not work: install the kernel's extra modules, or use QEMU.",
  };
}

function daemon(world: LoginWorld): Finding {
  const check = "iscsid";
  const runs = world.list("/proc").some((pid) =>
    /^\d+$/.test(pid) && world.read(`/proc/${pid}/comm`)?.trim() === "iscsid"
  );
  if (runs) return { check, state: "ok", found: "runs" };
  // Where systemd listens for it, it is started by the first login.
  const activated = (world.read("/proc/net/unix") ?? "")
    .includes("@ISCSIADM_ABSTRACT_NAMESPACE");
  if (activated) return { check, state: "ok", found: "starts when needed" };
  return {
    check,
    state: "warning",
    found: "does not run",
    advice: "systemctl enable --now iscsid",
  };
}

/** The first line that a program says of itself, or undefined where there is none of that name. */
async function version(
  world: LoginWorld,
  argv: readonly string[],
): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await world.run(argv);
    return (stdout || stderr).trim().split("\n")[0]?.trim() ?? "";
  } catch (thrown) {
    if (thrown instanceof VaultError && thrown.kind === "not-found") {
      return undefined;
    }
    throw thrown;
  }
}
