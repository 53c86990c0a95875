import { expect } from "expect";
import { linuxInitiator } from "../lib/portal/login_linux.ts";
import type { LoginWorld } from "../lib/portal/os_initiator.ts";
import { initiatorFindings } from "./checks/initiator.ts";
import { loginWorld } from "./os_login.ts";

const ASK = {
  portal: { hostname: "127.0.0.1", port: 39260 },
  iqn: "iqn.2026-11.internal.vault:test.os-login",
  chap: { user: "laptop", secret: "p#ss 'word\"=1" },
  mutual: { user: "vault", secret: "0123456789abc" },
};

/** Whether open-iscsi is here and may be tried: its records are root's. Where CI runs, it is: there its absence is a failure. */
async function hasOpenIscsi(): Promise<boolean> {
  if (Deno.env.get("CI")) return true;
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    return (await loginWorld.run(["iscsiadm", "--version"])).code === 0;
  } catch {
    return false;
  }
}

const openIscsi = await hasOpenIscsi();

Deno.test({
  name:
    "the real iscsiadm reads the record as it was edited, and nothing of it is left after a login that fails" +
    (openIscsi ? "" : " (skipped: needs iscsiadm and root)"),
  ignore: !openIscsi,
  async fn() {
    const node = [
      ...["iscsiadm", "-m", "node", "-T", ASK.iqn],
      ...["-p", `127.0.0.1:${ASK.portal.port}`],
    ];
    let shown = "";
    const lines: string[] = [];
    const world: LoginWorld = {
      ...loginWorld,
      async run(argv, input) {
        lines.push(argv.join(" "));
        if (!argv.includes("--login")) return await loginWorld.run(argv, input);
        shown = (await loginWorld.run([...node, "-o", "show", "-S"])).stdout;
        // Nobody listens there; iscsiadm would look for its daemon first.
        return { code: 4, stdout: "", stderr: "connect failed" };
      },
    };
    await expect(linuxInitiator(ASK, world).login()).rejects.toThrow(
      "connect failed",
    );
    for (
      const line of [
        "node.startup = manual",
        "node.session.auth.authmethod = CHAP",
        `node.session.auth.username = ${ASK.chap.user}`,
        `node.session.auth.password = ${ASK.chap.secret}`,
        `node.session.auth.username_in = ${ASK.mutual.user}`,
        `node.session.auth.password_in = ${ASK.mutual.secret}`,
      ]
    ) expect(shown.split("\n")).toContain(line);
    expect(lines.join("\n")).not.toContain(ASK.chap.secret);
    expect((await loginWorld.run([...node, "-o", "show"])).code).toBe(21);
  },
});

/** A machine on which some programs and files are. */
function machine(
  programs: readonly string[],
  files: Record<string, string>,
): LoginWorld {
  return {
    ...loginWorld,
    async run(argv) {
      const [program = ""] = argv;
      if (!programs.includes(program)) {
        // The real refusal for a program that is not there.
        return await loginWorld.run(["/nonexistent/program"]);
      }
      return { code: 0, stdout: `${program} 1.0\nmore`, stderr: "" };
    },
    read: (path) => files[path],
    list: (folder) => [
      ...new Set(
        Object.keys(files).filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split("/")[0] ?? ""),
      ),
    ],
  };
}

Deno.test("doctor tells which initiator is there, and what it lacks", async () => {
  const states = async (os: string, world: LoginWorld) =>
    (await initiatorFindings(os, world)).map(({ check, state }) =>
      `${check}: ${state}`
    );
  const complete = {
    "/sys/module/iscsi_tcp/refcnt": "0",
    "/proc/77/comm": "iscsid\n",
  };
  expect(await states("linux", machine(["iscsiadm"], complete))).toEqual([
    "initiator: ok",
    "kernel module: ok",
    "iscsid: ok",
  ]);
  const loadable = {
    "/proc/sys/kernel/osrelease": "6.1\n",
    "/lib/modules/6.1/modules.dep": "kernel/drivers/scsi/iscsi_tcp.ko.xz: …",
    "/proc/net/unix": "… @ISCSIADM_ABSTRACT_NAMESPACE",
  };
  expect(await states("linux", machine(["iscsiadm"], loadable))).toEqual([
    "initiator: ok",
    "kernel module: ok",
    "iscsid: ok",
  ]);
  expect(await states("linux", machine(["iscsiadm"], {}))).toEqual([
    "initiator: ok",
    "kernel module: warning",
    "iscsid: warning",
  ]);
  expect(await states("linux", machine(["qemu-img"], {}))).toEqual([
    "initiator: warning",
  ]);
  expect(await states("linux", machine([], {}))).toEqual(["initiator: failed"]);
  expect(await states("darwin", machine([], {}))).toEqual([
    "initiator: failed",
  ]);
});
