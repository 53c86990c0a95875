/**
 * open-iscsi: `iscsiadm` makes a record of the target, logs in and out, and forgets the record.
 *
 * CHAP secrets. `iscsiadm -o update -v SECRET` would show the secret to everybody who lists processes, and iscsiadm reads it from
 * nowhere else. So the record that `iscsiadm -o new` has made, a file that only root can read, gets the secret written into it;
 * the file is replaced whole. The record is deleted at logout, and with it the secret.
 */

import { VaultError } from "../base/errors.ts";
import { findDisks, letGoOfDisk, usersOfDisk } from "./disk_users_linux.ts";
import type { LoginAsk, LoginWorld, OsInitiator } from "./os_initiator.ts";

/** Where open-iscsi keeps its records: Debian and others before 2.1.10, then after. */
const RECORD_FOLDERS = ["/etc/iscsi/nodes", "/var/lib/iscsi/nodes"];
/** How long the kernel may take to make a disk of a session. */
const DISK_TIMEOUT_MS = 30_000;
const DISK_POLL_MS = 50;

/** The exit statuses that matter here (iscsiadm(8), EXIT STATUS). */
const STATUS = {
  success: 0,
  sessionNotFound: 2,
  transport: 4,
  transportTimeout: 8,
  transportNotFound: 12,
  access: 13,
  sessionExists: 15,
  iscsidCommunication: 18,
  fatalLogin: 19,
  iscsidNotConnected: 20,
  noObjectsFound: 21,
  loginAuthFailed: 24,
} as const;

const HINTS: ReadonlyMap<number, string> = new Map([
  [
    STATUS.transport,
    "See the log of vault attach: the portal was not reached.",
  ],
  [STATUS.transportTimeout, "See the log of vault attach: nobody answered."],
  [STATUS.transportNotFound, "The kernel lacks its part: modprobe iscsi_tcp"],
  [STATUS.access, "Only root can log the initiator in: use sudo."],
  [STATUS.iscsidCommunication, "Start its daemon: systemctl start iscsid"],
  [STATUS.iscsidNotConnected, "Start its daemon: systemctl start iscsid"],
  [
    STATUS.loginAuthFailed,
    "The volume asks for CHAP: give --chap USER with the right secret.",
  ],
]);

/** A login of open-iscsi. */
export function linuxInitiator(ask: LoginAsk, world: LoginWorld): OsInitiator {
  return new LinuxInitiator(ask, world);
}

class LinuxInitiator implements OsInitiator {
  readonly #ask: LoginAsk;
  readonly #world: LoginWorld;

  constructor(ask: LoginAsk, world: LoginWorld) {
    this.#ask = ask;
    this.#world = world;
  }

  async login(): Promise<string> {
    await this.#expect(["-o", "new"], "make a record of the target");
    try {
      // Never at boot, where no portal listens yet.
      await this.#expect(
        ["-o", "update", "-n", "node.startup", "-v", "manual"],
        "change the record of the target",
      );
      this.#writeSecrets();
      await this.#expect(["--login"], "log in", [STATUS.sessionExists]);
      return await this.#waitForDisk();
    } catch (thrown) {
      await this.#iscsiadm(["--logout"]);
      await this.#iscsiadm(["-o", "delete"]);
      throw thrown;
    }
  }

  users(): Promise<readonly string[]> {
    return Promise.resolve(
      findDisks(this.#ask, this.#world).flatMap(({ name }) =>
        usersOfDisk(name, this.#world)
      ),
    );
  }

  async letGo(tell: (step: string) => void): Promise<void> {
    for (const { name } of findDisks(this.#ask, this.#world)) {
      await letGoOfDisk(name, this.#world, tell);
    }
  }

  async logout(): Promise<void> {
    await this.#expect(["--logout"], "log out", [
      STATUS.sessionNotFound,
      STATUS.noObjectsFound,
    ]);
    await this.#expect(["-o", "delete"], "forget the target", [
      STATUS.noObjectsFound,
    ]);
  }

  #writeSecrets(): void {
    const settings = chapSettings(this.#ask);
    if (settings.length === 0) return;
    const path = findRecord(this.#ask, this.#world);
    const record = path && this.#world.read(path);
    if (!path || record === undefined) {
      throw new VaultError("Cannot find open-iscsi's record of the target", {
        hint: `Looked in ${
          RECORD_FOLDERS.join(" and ")
        }; log in by hand instead, without --login.`,
      });
    }
    this.#world.replace(path, editRecord(record, settings));
  }

  async #waitForDisk(): Promise<string> {
    const { clock } = this.#world;
    const until = clock.monotonic() + DISK_TIMEOUT_MS;
    while (true) {
      const disk = findDisks(this.#ask, this.#world).find(({ lun }) =>
        lun === 0
      );
      if (disk) return `/dev/${disk.name}`;
      if (clock.monotonic() >= until) {
        throw new VaultError(
          `open-iscsi logged in, but no disk came within ${
            DISK_TIMEOUT_MS / 1000
          } s`,
          { hint: "See dmesg. The login was undone." },
        );
      }
      await clock.sleep(DISK_POLL_MS);
    }
  }

  async #expect(
    args: readonly string[],
    what: string,
    also: readonly number[] = [],
  ): Promise<void> {
    const { code, stderr } = await this.#iscsiadm(args);
    if (code === STATUS.success || also.includes(code)) return;
    const said = lastLine(stderr);
    const hint = HINTS.get(code);
    throw new VaultError(
      `open-iscsi cannot ${what}: ${said || `exit status ${code}`}`,
      {
        ...(hint === undefined ? {} : { hint }),
        ...(code === STATUS.loginAuthFailed || code === STATUS.access
          ? { kind: "refused" }
          : {}),
      },
    );
  }

  async #iscsiadm(args: readonly string[]) {
    const { portal, iqn } = this.#ask;
    const host = portal.hostname.includes(":")
      ? `[${portal.hostname}]`
      : portal.hostname;
    const node = ["-m", "node", "-T", iqn, "-p", `${host}:${portal.port}`];
    try {
      return await this.#world.run(["iscsiadm", ...node, ...args]);
    } catch (cause) {
      if (!(cause instanceof VaultError) || cause.kind !== "not-found") {
        throw cause;
      }
      throw new VaultError("open-iscsi is not installed", {
        hint:
          "apt install open-iscsi, dnf install iscsi-initiator-utils, or attach without --login.",
        cause,
      });
    }
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.replace(/^iscsiadm: /, "") ?? "";
}

type Setting = readonly [name: string, value: string];

function chapSettings({ chap, mutual }: LoginAsk): readonly Setting[] {
  if (!chap) return [];
  const settings: Setting[] = [
    ["node.session.auth.authmethod", "CHAP"],
    ["node.session.auth.username", chap.user],
    ["node.session.auth.password", chap.secret],
  ];
  if (mutual) {
    settings.push(
      ["node.session.auth.username_in", mutual.user],
      ["node.session.auth.password_in", mutual.secret],
    );
  }
  return settings;
}

/** The record's file: `ADDRESS,PORT`, or in a folder `ADDRESS,PORT,GROUP` the one of the default interface. */
export function findRecord(
  ask: LoginAsk,
  world: LoginWorld,
): string | undefined {
  const { portal, iqn } = ask;
  const prefix = `${portal.hostname},${portal.port}`;
  for (const root of RECORD_FOLDERS) {
    const folder = `${root}/${iqn}`;
    for (const name of world.list(folder)) {
      if (name !== prefix && !name.startsWith(`${prefix},`)) continue;
      const inner = world.list(`${folder}/${name}`);
      return inner.includes("default")
        ? `${folder}/${name}/default`
        : `${folder}/${name}`;
    }
  }
  return undefined;
}

/** The record with each setting in the place of any that it had. @throws {VaultError} for a value that would not be one line */
export function editRecord(
  record: string,
  settings: readonly Setting[],
): string {
  for (const [name, value] of settings) {
    if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
      throw new VaultError(`open-iscsi cannot take this value of ${name}`, {
        hint: "It takes visible ASCII characters, and spaces in between.",
        kind: "usage",
      });
    }
  }
  const names = new Set(settings.map(([name]) => name));
  const kept = record.split("\n").filter((line) =>
    !names.has(line.split(" = ", 1)[0] ?? "")
  );
  const end = kept.indexOf("# END RECORD");
  kept.splice(
    end < 0 ? kept.length : end,
    0,
    ...settings.map(([name, value]) => `${name} = ${value}`),
  );
  return kept.join("\n");
}
