import { expect } from "expect";
import fc from "fast-check";
import { VaultError } from "../base/errors.ts";
import { editRecord, findRecord, linuxInitiator } from "./login_linux.ts";
import type { LoginAsk } from "./os_initiator.ts";
import {
  ASK,
  IQN,
  lively,
  machine,
  NODE,
  RECORD,
  RECORD_TEXT,
  SESSION_FILES,
} from "./testing/linux_machine.ts";

Deno.test("a login makes a record, logs in and finds the disk; a logout undoes it", async () => {
  const { world, files, ran } = machine({ onRun: lively });
  const initiator = linuxInitiator(ASK, world);
  expect(await initiator.login()).toBe("/dev/sdb");
  expect(ran).toEqual([
    `${NODE} -o new`,
    `${NODE} -o update -n node.startup -v manual`,
    `${NODE} --login`,
  ]);
  ran.length = 0;
  await initiator.logout();
  expect(ran).toEqual([`${NODE} --logout`, `${NODE} -o delete`]);
  expect([...files.keys()]).toEqual([]);
});

Deno.test("CHAP secrets stand in the record, and on no command line", async () => {
  const { world, files, ran } = machine({ onRun: lively });
  const ask: LoginAsk = {
    ...ASK,
    chap: { user: "laptop", secret: "laptop secret" },
    mutual: { user: "vault", secret: "target#secret" },
  };
  await linuxInitiator(ask, world).login();
  expect(ran.join("\n")).not.toContain("secret");
  const record = files.get(RECORD) ?? "";
  for (
    const line of [
      "node.session.auth.authmethod = CHAP",
      "node.session.auth.username = laptop",
      "node.session.auth.password = laptop secret",
      "node.session.auth.username_in = vault",
      "node.session.auth.password_in = target#secret",
      "node.session.auth.chap_algs = MD5",
    ]
  ) expect(record.split("\n")).toContain(line);
  expect(record).not.toContain("None");
});

Deno.test("a session that exists already is as good", async () => {
  const { world } = machine({ onRun: lively, statuses: { "--login": 15 } });
  expect(await linuxInitiator(ASK, world).login()).toBe("/dev/sdb");
});

Deno.test("a login that fails says what to do, and leaves no record and no secret behind", async () => {
  for (
    const [status, hint, kind] of [
      [24, "--chap USER", "refused"],
      [20, "systemctl start iscsid", undefined],
      [13, "sudo", "refused"],
      [12, "modprobe iscsi_tcp", undefined],
      [19, undefined, undefined],
    ] as const
  ) {
    const { world, files } = machine({
      onRun: (line, files) => line.endsWith("--login") || lively(line, files),
      statuses: { "--login": status },
    });
    const chap = { user: "laptop", secret: "0123456789abc" };
    const login = linuxInitiator({ ...ASK, chap }, world).login();
    await expect(login).rejects.toMatchObject({
      message: `open-iscsi cannot log in: why ${status}`,
      kind,
      ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) }),
    });
    expect(files.size).toBe(0);
  }
});

Deno.test("without open-iscsi, and without a disk in time, there is a sentence", async () => {
  await expect(linuxInitiator(ASK, machine({ absent: true }).world).login())
    .rejects.toMatchObject({ message: "open-iscsi is not installed" });
  const { world, ran } = machine();
  await expect(linuxInitiator(ASK, world).login()).rejects.toThrow(
    "no disk came within 30 s",
  );
  expect(ran.slice(-2)).toEqual([`${NODE} --logout`, `${NODE} -o delete`]);
});

Deno.test("a logout without a session is no error, and one that fails is", async () => {
  const gone = machine({ statuses: { "--logout": 21, "-o delete": 21 } });
  await linuxInitiator(ASK, gone.world).logout();
  const busy = machine({ statuses: { "--logout": 10 } });
  await expect(linuxInitiator(ASK, busy.world).logout()).rejects.toThrow(
    "cannot log out",
  );
});

Deno.test("the disk is that at LUN 0, and all of the target's are looked at before they go", async () => {
  const lun1 =
    "/sys/class/iscsi_session/session7/device/target3:0:0/3:0:0:1/block/sdc/size";
  const files = {
    [lun1]: "1",
    ...SESSION_FILES,
    "/proc/swaps": "Filename Type\n/dev/sdc partition 1 0 -2\n",
  };
  const { world } = machine({ files });
  const initiator = linuxInitiator(ASK, world);
  expect(await initiator.login()).toBe("/dev/sdb");
  expect(await initiator.users()).toEqual(["swap on /dev/sdc"]);
});

Deno.test("the record is found in both of its forms and places", () => {
  for (
    const path of [
      RECORD,
      `${RECORD},1/default`,
      `/var/lib/iscsi/nodes/${IQN}/127.0.0.1,3260,1/default`,
    ]
  ) {
    const { world } = machine({ files: { [path]: RECORD_TEXT } });
    expect(findRecord(ASK, world)).toBe(path);
  }
  const others = { [`/etc/iscsi/nodes/${IQN}/127.0.0.1,32600`]: RECORD_TEXT };
  expect(findRecord(ASK, machine({ files: others }).world)).toBeUndefined();
});

Deno.test("editing a record changes the named lines alone, or refuses", () => {
  const names = fc.constantFrom(
    "node.startup",
    "node.session.auth.password",
    "node.session.auth.username",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.string())), (settings) => {
      let edited: string;
      try {
        edited = editRecord(RECORD_TEXT, settings);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(VaultError);
        return;
      }
      const lines = edited.split("\n");
      expect(lines[0]).toBe("# BEGIN RECORD 2.1.8");
      expect(lines.slice(-2)).toEqual(["# END RECORD", ""]);
      for (const [name, value] of settings) {
        expect(lines).toContain(`${name} = ${value}`);
      }
      expect(lines).toContain("node.conn[0].address = 127.0.0.1");
    }),
  );
});
