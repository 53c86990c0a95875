/** Two devices and one volume: who has it, and for how long. */
import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { openDisk } from "../initiator/disk.ts";
import { join } from "../os/paths.ts";
import { openNode } from "./stopped_node.ts";
import { onRoad } from "./testing/road.ts";
import { blocks, twoDevices, until } from "./testing/two_devices.ts";

const HOLDS_SINCE = /^Cannot attach volume "photos": laptop has held it since /;

onRoad(
  "a second device is told who holds the volume, and has it when the first lets go",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const first = await road.attach();
    expect(await holders()).toEqual(["laptop write 1 up"]);
    for (const more of [{}, { shared: true }, { readOnly: true }]) {
      await expect(road.attach({ ...desktop, ...more })).rejects.toMatchObject({
        kind: "conflict",
        message: expect.stringMatching(HOLDS_SINCE),
        hint: expect.stringMatching(
          /^It is connected\. --take-over asks it to let go\.( Or make a snapshot .*)?$/,
        ),
      });
    }
    await first.stop();
    expect(await first.closed).toEqual({ kind: "detached", released: true });
    const second = await road.attach(desktop);
    expect((await second.operations.status()).lease).toMatchObject({
      mode: "write",
      generation: 2,
    });
    expect(await holders()).toEqual(["desktop write 2 up"]);
  },
);

onRoad(
  "a holder keeps its lease over a restart of the node, and others are told that it is not there",
  async (road) => {
    const { node, desktop } = await twoDevices(road);
    const first = await road.attach();
    const before = await road.session(first);
    await (await openDisk(before)).write(0, blocks(1));
    before.abort();
    const [hostname, port] = node.listen.split(":");
    const { lease } = await first.operations.status();
    await node.stop();
    const again = await road.node({
      listen: { hostname: hostname!, port: Number(port) },
    });
    const refused = await road.attach(desktop).catch((thrown) => thrown);
    expect(refused.message).toMatch(HOLDS_SINCE);
    await until(async () =>
      (await again.operations.showVolume("photos")).holders[0]?.state === "up"
    );
    expect((await first.operations.status()).lease).toEqual(lease);
    const disk = await openDisk(await road.session(first));
    await disk.write(0, blocks(2));
    expect(equalBytes(await disk.read(0, 8), blocks(2))).toBe(true);
  },
);

onRoad(
  "those that share write at the same time, and those that read keep writers out",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const first = await road.attach({ shared: true });
    const second = await road.attach({ ...desktop, shared: true });
    expect(await holders()).toEqual([
      "laptop shared 1 up",
      "desktop shared 2 up",
    ]);
    const [one, other] = [
      await openDisk(await road.session(first)),
      await openDisk(await road.sessionOf(second, "other")),
    ];
    await one.write(0, blocks(1));
    await other.write(8, blocks(2));
    expect(equalBytes(await one.read(8, 8), blocks(2))).toBe(true);
    await first.stop();
    await second.stop();
    await road.attach({ readOnly: true });
    const reader = await road.attach({ ...desktop, readOnly: true });
    const read = await openDisk(await road.sessionOf(reader, "other"));
    expect(equalBytes(await read.read(8, 8), blocks(2))).toBe(true);
    await expect(read.write(0, blocks(3))).rejects.toThrow();
    const stateDir = await road.device(road.running, "phone");
    await expect(road.attach({ stateDir })).rejects.toThrow(
      /laptop has read it since .*, and so has desktop/,
    );
    await expect(road.attach({ readOnly: true, shared: true })).rejects
      .toMatchObject({ kind: "usage" });
  },
);

onRoad(
  "the operator's release and a revocation take the volume from who holds it",
  async (road) => {
    const { node, desktop, holders } = await twoDevices(road);
    const first = await road.attach();
    const [held] = await node.operations.releaseVolume("photos");
    expect(held).toMatchObject({ device: "laptop", state: "up" });
    expect(await first.closed).toMatchObject({
      kind: "fenced",
      why: "whoever runs the node released it",
    });
    expect(await holders()).toEqual([]);
    expect(await node.operations.releaseVolume("photos")).toEqual([]);
    await road.attach();
    await node.operations.revoke("laptop");
    await road.attach(desktop);
    expect(await holders()).toEqual(["desktop write 3 up"]);
    await node.operations.deleteVolume("photos");
    await node.operations.createVolume({
      name: "photos",
      sizeBytes: 1 << 20,
      blockSizeBytes: 512,
      readOnly: false,
    });
    expect(await holders()).toEqual([]);
  },
);

onRoad(
  "a lease that cannot be stored is not granted, and one that is damaged is the volume's fault",
  async (road) => {
    const { node, desktop, holders } = await twoDevices(road);
    const folder = join(road.folder, "vm", "node", "volumes", "photos");
    expect(await holders()).toEqual([]);
    // No document takes the place of a folder.
    const path = join(folder, "lease.json");
    Deno.mkdirSync(path);
    const refused = await road.attach().catch((thrown) => thrown);
    expect(refused.message).toMatch(
      /^Cannot attach volume "photos": The node cannot keep the lease of "photos"/,
    );
    expect(await holders()).toEqual([]);
    Deno.removeSync(path);
    const first = await road.attach();
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    await expect(road.attach({ ...desktop, takeOver: { now: true } })).rejects
      .toThrow("cannot keep the lease");
    expect(await holders()).toEqual(["laptop write 1 up"]);
    await (await openDisk(await road.session(first))).write(0, blocks(1));
    Deno.removeSync(path);
    await first.stop();
    await node.stop();
    const kept = Deno.readTextFileSync(path);
    for (
      const damaged of ["{", kept.replace('"lastGeneration": 1', '"x": 1')]
    ) {
      Deno.writeTextFileSync(path, damaged);
      const again = await road.node();
      const { health, holders } = await again.operations.showVolume("photos");
      expect(health).toMatch(/^not served: Cannot use .*lease\.json/);
      expect(holders).toEqual([]);
      await again.stop();
    }
  },
);

onRoad(
  "initiators of the node's own machine hold a volume from the first login to the last logout",
  async (road) => {
    const anyPort = { hostname: "127.0.0.1", port: 0 };
    const node = await road.nodeWithVolume({ target: anyPort });
    const { iqn } = await node.operations.showVolume("photos");
    const inHouse = () => road.sessionAt(node.target!, iqn);
    const first = await inHouse();
    const holders = async () =>
      (await node.operations.showVolume("photos")).holders
        .map(({ device, state }) => `${device} ${state}`);
    expect(await holders()).toEqual(["this machine up"]);
    await expect(road.attach()).rejects.toThrow(
      /this machine has held it since/,
    );
    const second = await road.sessionAt(node.target!, iqn, "second");
    await first.logout();
    await expect(road.attach()).rejects.toThrow("this machine has held it");
    await second.logout();
    await until(async () => (await holders()).length === 0);
    const attachment = await road.attach();
    await expect(inHouse()).rejects.toThrow();
    await attachment.stop();
    await (await openDisk(await inHouse())).write(0, blocks(1));
    // It cannot be told to let go but by its initiators.
    const taken = road.attach({ takeOver: { now: false, withinMs: 200 } });
    await taken;
    expect(await holders()).toEqual(["laptop up"]);
  },
);

onRoad(
  "an attachment that ends while its link is down says that the node could not be told",
  async (road) => {
    const { node, desktop } = await twoDevices(road);
    const first = await road.attach();
    const [hostname, port] = node.listen.split(":");
    await node.stop();
    expect(await first.operations.detach()).toEqual({ released: false });
    expect(await first.closed).toEqual({ kind: "detached", released: false });
    await road.node({ listen: { hostname: hostname!, port: Number(port) } });
    await expect(road.attach(desktop)).rejects.toThrow(HOLDS_SINCE);
    const second = await road.attach();
    expect((await second.operations.status()).lease.generation).toBe(2);
  },
);

onRoad(
  "a node that does not run tells who holds a volume, and takes it from a device that is revoked or by the operator",
  async (road) => {
    const { node, desktop } = await twoDevices(road);
    const holder = await road.attach();
    await node.stop();
    const stateDir = join(road.folder, "vm");
    const { operations, release } = await openNode({ stateDir });
    const holders = async () => (await operations.showVolume("photos")).holders;
    expect(await holders()).toMatchObject([{
      device: "laptop",
      mode: "write",
      generation: 1,
      state: "gone",
    }]);
    expect((await holders())[0]).not.toHaveProperty("goneSince");
    await operations.revoke("laptop");
    expect(await holders()).toEqual([]);
    release();
    await holder.stop();
    const [hostname, port] = node.listen.split(":");
    const listen = { hostname: hostname!, port: Number(port) };
    const second = await road.node({ listen });
    const other = await road.attach(desktop);
    await second.stop();
    const again = await openNode({ stateDir });
    expect(await again.operations.releaseVolume("photos")).toMatchObject([
      { device: "desktop", generation: 2 },
    ]);
    expect(await again.operations.releaseVolume("photos")).toEqual([]);
    await expect(again.operations.releaseVolume("none")).rejects.toMatchObject({
      kind: "not-found",
    });
    again.release();
    await road.node({ listen });
    expect(await other.closed).toMatchObject({
      kind: "fenced",
      why: "whoever runs the node released it",
    });
  },
);
