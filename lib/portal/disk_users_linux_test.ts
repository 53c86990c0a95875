import { expect } from "expect";
import { findDisks, letGoOfDisk, usersOfDisk } from "./disk_users_linux.ts";
import { linuxInitiator } from "./login_linux.ts";
import { ASK, IQN, machine, SESSION_FILES } from "./testing/linux_machine.ts";

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

Deno.test("who uses the disk: mounts of it and its partitions, swap, holders", async () => {
  const mountinfo = [
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
    "40 22 8:17 / /mnt/my\\040photos rw - ext4 /dev/sdb1 rw",
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
    "/mnt/my photos",
    "/dev/dm-0",
  ]);
  expect(await linuxInitiator(ASK, world).users()).toHaveLength(3);
  const { world: idle } = machine({ files: SESSION_FILES });
  expect(await linuxInitiator(ASK, idle).users()).toEqual([]);
});

/** An encrypted partition that is mounted, something mounted inside that, LVM beside it, and a swap. */
const BUSY_FILES = {
  ...SESSION_FILES,
  "/proc/self/mountinfo": [
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
    "40 22 254:0 / /mnt/my\\040photos rw - ext4 /dev/mapper/photos rw",
    "41 40 254:0 /old /mnt/my\\040photos/old rw - ext4 /dev/mapper/photos rw",
  ].join("\n"),
  "/proc/swaps": "Filename Type\n/dev/sdb partition 1 0 -2\n",
  "/sys/block/sdb/sdb1/holders/dm-0/dev": "254:0\n",
  "/sys/block/sdb/sdb1/holders/dm-1/dev": "254:1\n",
  "/sys/block/dm-0/dev": "254:0\n",
  "/sys/block/dm-0/dm/name": "photos\n",
  "/sys/block/dm-0/dm/uuid": "CRYPT-LUKS2-0123-photos\n",
  "/sys/block/dm-1/dm/name": "vg-logs\n",
  "/sys/block/dm-1/dm/uuid": "LVM-0123\n",
};

Deno.test("a disk is let go of from the top down", async () => {
  const { world, ran } = machine({ files: BUSY_FILES });
  const told: string[] = [];
  await letGoOfDisk("sdb", world, (step) => told.push(step));
  expect(ran).toEqual([
    "blockdev --flushbufs /dev/dm-1",
    "dmsetup remove vg-logs",
    "umount /mnt/my photos/old",
    "umount /mnt/my photos",
    "blockdev --flushbufs /dev/dm-0",
    "cryptsetup close photos",
    "swapoff /dev/sdb",
    "blockdev --flushbufs /dev/sdb",
  ]);
  expect(told[2]).toBe("unmounting /mnt/my photos/old");
  expect(told).toHaveLength(ran.length);
});

Deno.test("what does not let go is named, and nothing below it is touched", async () => {
  const { world, ran } = machine({
    files: BUSY_FILES,
    statuses: { "umount /mnt/my photos": 32 },
  });
  await expect(letGoOfDisk("sdb", world, () => {})).rejects.toMatchObject({
    message: expect.stringContaining("unmounting /mnt/my photos: "),
    kind: "conflict",
  });
  expect(ran.at(-1)).toBe("umount /mnt/my photos");
  const strange = machine({
    files: { ...SESSION_FILES, "/sys/block/sdb/holders/odd0/dev": "9:9\n" },
  });
  await expect(letGoOfDisk("sdb", strange.world, () => {})).rejects
    .toMatchObject({ hint: expect.stringContaining("--on-handover") });
});

Deno.test("all disks of the target are let go of", async () => {
  const lun1 =
    "/sys/class/iscsi_session/session7/device/target3:0:0/3:0:0:1/block/sdc/size";
  const { world, ran } = machine({ files: { [lun1]: "1", ...SESSION_FILES } });
  await linuxInitiator(ASK, world).letGo(() => {});
  expect(ran).toEqual([
    "blockdev --flushbufs /dev/sdc",
    "blockdev --flushbufs /dev/sdb",
  ]);
});
