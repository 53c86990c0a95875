import { expect } from "expect";
import fc from "fast-check";
import { VaultError } from "../base/errors.ts";
import {
  editRecord,
  findDisks,
  findRecord,
  linuxInitiator,
  usersOfDisk,
} from "./login_linux.ts";
import type { LoginAsk, LoginWorld } from "./os_initiator.ts";

const IQN = "iqn.2026-11.internal.vault:0123456789ab.photos";
const ASK: LoginAsk = {
  portal: { hostname: "127.0.0.1", port: 3260 },
  iqn: IQN,
};
const NODE = `iscsiadm -m node -T ${IQN} -p 127.0.0.1:3260`;
const RECORD = `/etc/iscsi/nodes/${IQN}/127.0.0.1,3260`;

const RECORD_TEXT = `# BEGIN RECORD 2.1.8
node.name = ${IQN}
node.startup = automatic
node.session.auth.authmethod = None
node.session.auth.chap_algs = MD5
node.conn[0].address = 127.0.0.1
# END RECORD
`;

/** What the kernel shows of a session and its disk. */
const SESSION_FILES = {
  "/sys/class/iscsi_session/session7/targetname": `${IQN}\n`,
  "/sys/class/iscsi_connection/connection7:0/persistent_address": "127.0.0.1\n",
  "/sys/class/iscsi_connection/connection7:0/persistent_port": "3260\n",
  "/sys/class/iscsi_session/session7/device/target3:0:0/3:0:0:0/block/sdb/size":
    "2048\n",
  "/sys/block/sdb/dev": "8:16\n",
  "/sys/block/sdb/sdb1/dev": "8:17\n",
};

/** A machine with files, and with programs that answer by a table of exit statuses. */
function machine(
  options: {
    files?: Record<string, string>;
    statuses?: Record<string, number>;
    onRun?: (line: string, files: Map<string, string>) => void;
    absent?: boolean;
  } = {},
) {
  const files = new Map(Object.entries(options.files ?? {}));
  const ran: string[] = [];
  let now = 0;
  const world: LoginWorld = {
    clock: {
      now: () => now,
      monotonic: () => now,
      sleep: (ms) => {
        now += ms;
        return Promise.resolve();
      },
      after: () => () => {},
    },
    run(argv) {
      const line = argv.join(" ");
      if (options.absent) {
        const kind = "not-found" as const;
        return Promise.reject(new VaultError("no such program", { kind }));
      }
      ran.push(line);
      options.onRun?.(line, files);
      const code = options.statuses?.[line.replace(NODE, "").trim()] ?? 0;
      const stderr = code === 0 ? "" : `iscsiadm: noise\niscsiadm: why ${code}`;
      return Promise.resolve({ code, stdout: "", stderr });
    },
    read: (path) => files.get(path),
    replace: (path, text) => void files.set(path, text),
    list(folder) {
      const names = [...files.keys()].filter((path) =>
        path.startsWith(`${folder}/`)
      ).map((path) => path.slice(folder.length + 1).split("/")[0] ?? "");
      return [...new Set(names)];
    },
  };
  return { world, files, ran };
}

/** Makes the record and the session appear as open-iscsi and the kernel do. */
function lively(line: string, files: Map<string, string>): void {
  if (line.endsWith("-o new")) files.set(RECORD, RECORD_TEXT);
  if (line.endsWith("-o delete")) files.delete(RECORD);
  if (line.endsWith("--login")) {
    for (const [path, text] of Object.entries(SESSION_FILES)) {
      files.set(path, text);
    }
  }
  if (line.endsWith("--logout")) {
    for (const path of Object.keys(SESSION_FILES)) files.delete(path);
  }
}

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

Deno.test("only the disk of this target at this portal counts", () => {
  const at = (files: Record<string, string>) =>
    findDisks(ASK, machine({ files }).world);
  const sdb = { name: "sdb", lun: 0 };
  expect(at(SESSION_FILES)).toEqual([sdb]);
  const session = "/sys/class/iscsi_session/session7";
  const connection = "/sys/class/iscsi_connection/connection7:0";
  for (
    const other of [
      { [`${session}/targetname`]: `${IQN}2\n` },
      { [`${connection}/persistent_port`]: "3261\n" },
      { [`${connection}/persistent_address`]: "192.0.2.1\n" },
    ]
  ) expect(at({ ...SESSION_FILES, ...other })).toEqual([]);
  const lun1 = `${session}/device/target3:0:0/3:0:0:1/block/sdc/size`;
  expect(at({ [lun1]: "1", ...SESSION_FILES })).toEqual([
    { name: "sdc", lun: 1 },
    sdb,
  ]);
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

Deno.test("who uses the disk: mounts of it and its partitions, swap, holders", async () => {
  const mountinfo = [
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
    "40 22 8:17 / /mnt/photos rw - ext4 /dev/sdb1 rw",
  ].join("\n");
  const files = {
    ...SESSION_FILES,
    "/proc/self/mountinfo": mountinfo,
    "/proc/swaps": "Filename Type\n/dev/sdb partition 1 0 -2\n",
    "/sys/block/sdb/sdb1/holders/dm-0/dev": "254:0\n",
  };
  const { world } = machine({ files });
  expect(usersOfDisk("sdb", world)).toEqual([
    "swap on /dev/sdb",
    "/mnt/photos",
    "/dev/dm-0",
  ]);
  expect(await linuxInitiator(ASK, world).users()).toHaveLength(3);
  const { world: idle } = machine({ files: SESSION_FILES });
  expect(await linuxInitiator(ASK, idle).users()).toEqual([]);
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
