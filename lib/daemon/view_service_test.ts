/** Looking at a volume beside whoever writes to it, from the device's attachment to the node's file system. */

import { expect } from "expect";
import {
  ReflinkFolder,
  whyNoReflinkFolder,
} from "../../tests/harness/reflink_folder.ts";
import { scenario } from "../../tests/harness/scenario.ts";
import { openDisk, type RemoteDisk } from "../initiator/disk.ts";
import { onRoad, Road } from "./testing/road.ts";
import { blocks, twoDevices, until } from "./testing/two_devices.ts";

const onReflinks = (name: string, walk: (road: Road) => Promise<void>) =>
  scenario(name, {
    peers: ["root", "mkfs.xfs"],
    unable: whyNoReflinkFolder,
    timeoutMs: 60_000,
  }, async () => {
    using place = new ReflinkFolder();
    const road = new Road(place.path);
    try {
      await walk(road);
    } finally {
      await road.end();
    }
  });

const readsAs = async (disk: RemoteDisk, value: number) =>
  expect(await disk.read(0, 8)).toEqual(blocks(value));

onReflinks(
  "a reader sees the volume as it was when it came, whoever writes",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const writer = await openDisk(await road.session(await road.attach()));
    await writer.write(0, blocks(1));
    const looking = await road.attach({ ...desktop, readOnly: true });
    await writer.write(0, blocks(2));

    const reader = await openDisk(await road.sessionOf(looking, "reader"));
    await readsAs(reader, 1);
    await expect(reader.write(0, blocks(3))).rejects.toThrow();
    await readsAs(writer, 2);
    // It holds nothing, and so is in nobody's way.
    expect(await holders()).toEqual(["laptop write 1 up"]);
    const { lease, readOnly } = await looking.operations.status();
    expect([lease.mode, readOnly]).toEqual(["read", true]);
    expect(Date.parse(lease.view!)).toBeGreaterThan(Date.now() - 60_000);
    const { sessions } = await road.running.operations.status();
    expect(sessions.map(({ volume, device }) => [volume, device])).toEqual([
      ["photos", "laptop"],
      ["photos (view)", "desktop"],
    ]);

    await looking.stop();
    const again = await road.attach({ ...desktop, readOnly: true });
    expect(again.iqn).not.toBe(looking.iqn);
    await readsAs(await openDisk(await road.sessionOf(again, "reader")), 2);
  },
);

onReflinks("a writer may come while others look", async (road) => {
  const { desktop, holders } = await twoDevices(road);
  const looking = await road.attach({ ...desktop, readOnly: true });
  const reader = await openDisk(await road.sessionOf(looking, "reader"));
  const writer = await openDisk(await road.session(await road.attach()));
  await writer.write(0, blocks(5));
  await readsAs(reader, 0);
  expect(await holders()).toEqual(["laptop write 1 up"]);
});

onReflinks(
  "a view is gone with its link: the attachment ends, and shows nothing else in its place",
  async (road) => {
    const { desktop } = await twoDevices(road);
    const looking = await road.attach({
      ...desktop,
      readOnly: true,
      resumeWindowMs: 0,
    });
    const links = (await road.running.operations.status()).links;
    expect(links.map(({ device }) => device)).toContain("desktop");
    const port = Number(road.running.listen.split(":").at(-1));
    await road.running.stop();
    await road.node({ listen: { hostname: "127.0.0.1", port } });
    expect(await looking.closed).toMatchObject({
      kind: "fenced",
      why: expect.stringContaining("what it looked at is gone"),
    });
  },
);

onRoad(
  "where bytes cannot be shared, a reader keeps writers off, and one that meets a writer is told of snapshots",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const looking = await road.attach({ ...desktop, readOnly: true });
    expect((await looking.operations.status()).lease.view).toBeUndefined();
    expect(await holders()).toEqual(["desktop read 1 up"]);
    await expect(road.attach()).rejects.toThrow("desktop has read it since");
    await looking.stop();
    const writer = await openDisk(await road.session(await road.attach()));
    await writer.write(0, blocks(1));
    await expect(road.attach({ ...desktop, readOnly: true })).rejects
      .toMatchObject({
        message: expect.stringContaining("laptop has held it since"),
        hint: expect.stringContaining("attach with --snapshot NAME"),
      });

    const { operations } = road.running;
    await operations.createSnapshot("photos", "before");
    await until(async () => (await operations.snapshotWork("photos")).done);
    await writer.write(0, blocks(2));
    const seen = await road.attach({
      ...desktop,
      readOnly: true,
      snapshot: "before",
    });
    await readsAs(await openDisk(await road.sessionOf(seen, "reader")), 1);
    await expect(
      road.attach({
        stateDir: await road.device(road.running, "phone"),
        readOnly: true,
        snapshot: "never",
      }),
    ).rejects.toMatchObject({ kind: "not-found" });
    // Also where the volume itself would be taken.
    const taking = await road.attach({
      stateDir: await road.device(road.running, "tablet"),
      ...{ readOnly: true, snapshot: "before", takeOver: { now: true } },
    });
    expect((await taking.operations.status()).lease.view).toBeDefined();
    expect(await holders()).toEqual(["laptop write 2 up"]);
    await expect(road.attach({ ...desktop, snapshot: "before" })).rejects
      .toThrow("Nobody writes to a snapshot");
  },
);
