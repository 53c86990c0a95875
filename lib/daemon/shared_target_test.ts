/** Volumes behind one target, from the node's command to the initiator's disk. */

import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { openDisk } from "../initiator/disk.ts";
import { parseSense } from "../initiator/sense.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { MIB, onRoad } from "./testing/road.ts";

onRoad(
  "volumes behind one target are attached as a whole, come and go under a session, and are there after a restart",
  async (road) => {
    const first = await road.nodeWithVolume();
    const spec = { sizeBytes: MIB, readOnly: false } as const;
    const logs = await first.operations.createVolume({
      ...spec,
      name: "logs",
      blockSizeBytes: 4096,
      target: "photos",
      lun: 3,
    });
    expect([logs.target, logs.lun]).toEqual(["photos", 3]);
    const attachment = await road.attach();
    expect(logs.iqn).toBe(attachment.iqn);
    await expect(road.attach({ volume: "logs" })).rejects.toThrow(
      'is LUN 3 of the target of "photos"',
    );
    const session = await road.session(attachment);
    const [disk, other] = [
      await openDisk(session),
      await openDisk(session, 3),
    ];
    expect([disk.capacity.blockSizeBytes, other.capacity.blockSizeBytes])
      .toEqual([512, 4096]);
    const bytes = systemPrimitives.random(4096);
    await other.write(5, bytes);
    expect(equalBytes(await other.read(5, 1), bytes)).toBe(true);
    expect(await disk.read(40, 8)).toEqual(new Uint8Array(4096));

    const swap = await first.operations.createVolume({
      ...spec,
      name: "swap",
      blockSizeBytes: 512,
      target: "logs",
    });
    expect([swap.target, swap.lun]).toEqual(["photos", 1]);
    const changed = await session.command({ lun: 3, cdb: new Uint8Array(6) });
    expect(parseSense(changed.sense)).toEqual({ key: 6, code: 0x3f0e });
    await first.operations.resizeVolume("logs", 2 * MIB);
    await other.refresh();
    expect(other.capacity.blocks).toBe(512);
    expect(disk.capacity.blocks).toBe(64 * MIB / 512);

    await expect(first.operations.deleteVolume("photos")).rejects
      .toMatchObject({ kind: "conflict", hint: "Delete first: logs, swap" });
    await first.operations.deleteVolume("swap");
    await expect(openDisk(session, 1)).rejects.toThrow();
    await Promise.all([disk.refresh(), other.refresh()]);
    expect(equalBytes(await other.read(5, 1), bytes)).toBe(true);
    const { sessions } = await first.operations.status();
    expect(sessions.map(({ volume }) => volume)).toEqual(["photos"]);

    await session.logout();
    await first.stop();
    const port = Number(first.listen.split(":")[1]);
    await road.node({ listen: { hostname: "127.0.0.1", port } });
    const again = await openDisk(await road.session(attachment), 3);
    expect(equalBytes(await again.read(5, 1), bytes)).toBe(true);
  },
);

onRoad(
  "CHAP and read-only attachments hold for all volumes behind a target",
  async (road) => {
    const node = await road.nodeWithVolume();
    const { operations } = node;
    await operations.createVolume({
      name: "logs",
      sizeBytes: MIB,
      blockSizeBytes: 512,
      readOnly: false,
      target: "photos",
    });
    const secret = { user: "me", secret: "twelve-bytes" };
    await expect(operations.setChap("logs", secret)).rejects.toMatchObject({
      kind: "usage",
    });
    await operations.setChap("photos", secret);
    expect((await operations.showVolume("logs")).chapUsers).toEqual(["me"]);
    const attachment = await road.attach({ readOnly: true });
    await expect(road.session(attachment)).rejects.toThrow();
    const session = await road.session(attachment, {
      user: "me",
      secret: new TextEncoder().encode(secret.secret),
    });
    for (const lun of [0, 1]) {
      const disk = await openDisk(session, lun);
      await expect(disk.write(0, new Uint8Array(512))).rejects.toThrow();
      expect(await disk.read(0, 1)).toEqual(new Uint8Array(512));
    }
  },
);
