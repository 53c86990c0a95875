/** Leases of targets that are not the node's own: what it passes on for one device, it does not for another. */
import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { openDisk } from "../initiator/disk.ts";
import { join } from "../os/paths.ts";
import { parseAddress } from "../os/tcp.ts";
import { NEVER_HELD } from "../lease/holder.ts";
import { ForwardLeaseFile, MAX_FORWARD_LEASES } from "./lease_file.ts";
import { ANY_PORT, onRoad } from "./testing/road.ts";
import { blocks } from "./testing/two_devices.ts";
import { runNode } from "./node.ts";

onRoad(
  "a target behind --forward has one holder, too; who loses it is cut off, and the lease outlives the node",
  async (road) => {
    const behind = await runNode({
      stateDir: join(road.folder, "behind"),
      listen: ANY_PORT,
      target: ANY_PORT,
    });
    const { iqn } = await behind.operations.createVolume({
      name: "disk",
      sizeBytes: 1 << 20,
      blockSizeBytes: 512,
      readOnly: false,
    });
    const forward = parseAddress(behind.target!);
    const node = await road.node({ forward });
    const laptop = { stateDir: await road.device(node, "laptop") };
    const desktop = { stateDir: await road.device(node, "desktop") };
    const first = await road.attach({ ...laptop, volume: iqn });
    const disk = await openDisk(await road.session(first));
    await disk.write(0, blocks(1));
    // However it is named, it is the same target.
    await expect(road.attach({ ...desktop, volume: "forward" })).rejects
      .toThrow(/laptop has held it since/);
    const second = await road.attach({
      ...desktop,
      volume: "forward",
      takeOver: { now: true },
    });
    expect(await first.closed).toMatchObject({ kind: "fenced", by: "desktop" });
    await expect(disk.write(0, blocks(2))).rejects.toThrow();
    const taken = await openDisk(await road.sessionOf(second, "other"));
    expect(equalBytes(await taken.read(0, 8), blocks(1))).toBe(true);
    const { forwarded } = await node.operations.status();
    expect(forwarded).toMatchObject([{
      iqn,
      holders: [{ device: "desktop", generation: 2, state: "up" }],
    }]);
    await node.stop();
    const [hostname, port] = node.listen.split(":");
    const again = await road.node({
      forward,
      listen: { hostname: hostname!, port: Number(port) },
    });
    await expect(road.attach({ ...laptop, volume: iqn })).rejects.toThrow(
      /desktop has held it since/,
    );
    expect(await again.operations.releaseVolume(iqn)).toMatchObject([
      { device: "desktop" },
    ]);
    expect((await again.operations.status()).forwarded).toEqual([]);
    await second.closed;
    await behind.stop();
  },
);

Deno.test("leases of so many targets behind --forward are kept, and damage is told", () => {
  const folder = Deno.makeTempDirSync({ prefix: "vault-leases-" });
  const path = join(folder, "forward_leases.json");
  const targets = Object.fromEntries(
    Array.from(
      { length: MAX_FORWARD_LEASES },
      (_, n) => [`iqn.x:${n}`, NEVER_HELD],
    ),
  );
  Deno.writeTextFileSync(path, JSON.stringify({ version: 1, targets }));
  const file = new ForwardLeaseFile(path);
  const held = { ...NEVER_HELD, lastGeneration: 7 };
  file.write("iqn.x:5", held);
  expect(new ForwardLeaseFile(path).read("iqn.x:5")).toEqual(held);
  expect(new ForwardLeaseFile(path).read("iqn.x:6")).toEqual(NEVER_HELD);
  expect(() => file.write("iqn.x:another", held)).toThrow("at most 1024");
  expect(file.read("iqn.x:another")).toBeUndefined();
  Deno.writeTextFileSync(path, "{}");
  expect(() => new ForwardLeaseFile(path)).toThrow("Cannot use");
  Deno.removeSync(folder, { recursive: true });
});
