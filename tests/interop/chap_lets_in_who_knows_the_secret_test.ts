/** CHAP one-way and mutual with libiscsi and QEMU: who knows the secret gets in, nobody else does, and a false target is found out. */
import { expect } from "expect";
import { type Credentials, tryReadCapacity } from "../harness/libiscsi.ts";
import { qemuIo, qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { subjects } from "../harness/subject.ts";

const USER = "alice";
const SECRET = "correct-horse-1";
const TARGET = { user: "disk-node", secret: "battery-staple" };

for (const kind of subjects) {
  const peers = [
    ...kind.peers,
    "iscsi-readcapacity16",
    "qemu-io",
    "qemu-iscsi",
  ] as const;

  scenario(
    `one-way CHAP lets in who knows the secret ${kind.name}`,
    { peers },
    async () => {
      const chap = { user: USER, secret: SECRET };
      await using subject = await kind.open({ sizeMib: 32, chap });
      const { url } = subject.disk;
      await expectLogin(url, chap);
      await qemuIoOk(url, ["write -P 0x77 1M 256k", "read -P 0x77 1M 256k"], {
        chap,
      });
      const strangers: (Credentials | undefined)[] = [
        undefined,
        { user: USER, secret: "wrong-horse-12" },
        { user: "mallory", secret: SECRET },
        { user: USER, secret: `${SECRET}x` },
        { user: USER, secret: SECRET.slice(0, -1) },
      ];
      for (const stranger of strangers) await expectRefusal(url, stranger);
      const denied = await qemuIo(url, ["write -P 0x66 1M 64k"], {
        chap: { user: USER, secret: "wrong-horse-12" },
      });
      expect(denied.code).not.toBe(0);
      // What the strangers did has changed nothing, and nobody is locked out.
      await qemuIoOk(url, ["read -P 0x77 1M 256k"], { chap });
    },
  );

  scenario(
    `mutual CHAP finds out a false target ${kind.name}`,
    { peers },
    async () => {
      const chap = { user: USER, secret: SECRET, target: TARGET };
      await using subject = await kind.open({ sizeMib: 32, chap });
      const { url } = subject.disk;
      await expectLogin(url, chap);
      await qemuIoOk(url, ["write -P 0x55 0 64k", "read -P 0x55 0 64k"], {
        chap,
      });
      // Without asking the target for proof it still lets in who knows the secret.
      await expectLogin(url, { user: USER, secret: SECRET });
      for (
        const target of [
          { ...TARGET, secret: "not-its-secret" },
          { ...TARGET, user: "another" },
        ]
      ) {
        await expectRefusal(url, { ...chap, target });
      }
      await expectRefusal(url, { ...chap, secret: "wrong-horse-12" });
    },
  );
}

async function expectLogin(url: string, chap: Credentials): Promise<void> {
  const { code, stdout, stderr } = await tryReadCapacity(url, chap);
  if (code !== 0) throw new Error(`${url}: refused\n${stdout}${stderr}`);
}

async function expectRefusal(
  url: string,
  chap: Credentials | undefined,
): Promise<void> {
  const { code, stdout } = await tryReadCapacity(url, chap);
  expect(code).not.toBe(0);
  expect(stdout).not.toContain("Returned Logical Block Address");
}
