/** The main road in one process: a node, a device that joins it, an attachment, and the project's own initiator at its portal. */

import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { connectInitiator } from "../initiator/initiator.ts";
import { openDisk } from "../initiator/disk.ts";
import { join } from "../os/paths.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectTcp, parseAddress } from "../os/tcp.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { offerStore } from "./offered_store.ts";
import { openNode } from "./stopped_node.ts";
import { ANY_PORT, INITIATOR, MIB, onRoad } from "./testing/road.ts";

onRoad(
  "what is written through the portal is read back, and is in the volume's file",
  async (road) => {
    const node = await road.nodeWithVolume();
    const attachment = await road.attach();
    const session = await road.session(attachment);
    const disk = await openDisk(session);
    const bytes = systemPrimitives.random(3 * MIB);
    await disk.write(7, bytes);
    await disk.flush();
    expect(equalBytes(await disk.read(7, bytes.length / 512), bytes)).toBe(
      true,
    );
    const { links, sessions, macFailures } = await node.operations.status();
    expect(links.map(({ device, state }) => [device, state])).toEqual([[
      "laptop",
      "up",
    ]]);
    expect(
      sessions.map((
        { volume, initiator, device },
      ) => [volume, initiator, device]),
    ).toEqual([["photos", INITIATOR, "laptop"]]);
    expect(sessions[0]!.written.bytes).toBe(bytes.length);
    expect(macFailures).toBe(0);
    const status = await attachment.operations.status();
    expect([status.link.state, status.sessions, status.iqn]).toEqual([
      "up",
      1,
      attachment.iqn,
    ]);
    await session.logout();
    await attachment.stop();
    await node.stop();
    const file = await Deno.readFile(
      join(road.folder, "vm", "node", "volumes", "photos", "data"),
    );
    const written = file.subarray(7 * 512, 7 * 512 + bytes.length);
    expect(equalBytes(written, bytes)).toBe(true);
  },
);

onRoad(
  "two devices' volumes do not mix, and discovery shows one target at the portal's address",
  async (road) => {
    const node = await road.nodeWithVolume();
    await node.operations.createVolume({
      name: "music",
      sizeBytes: MIB,
      blockSizeBytes: 4096,
      readOnly: false,
    });
    const [photos, music] = [
      await road.attach(),
      await road.attach({ volume: "music" }),
    ];
    for (const attachment of [photos, music]) {
      const discovery = await connectInitiator({
        duplex: await connectTcp(parseAddress(attachment.portal)),
        primitives: systemPrimitives,
        initiatorName: INITIATOR,
      });
      const { hostname, port } = parseAddress(attachment.portal);
      expect(await discovery.discover()).toEqual([{
        name: attachment.iqn,
        addresses: [{ hostname, port, tag: 1 }],
      }]);
      await discovery.logout();
    }
    const wrong = connectInitiator({
      duplex: await connectTcp(parseAddress(photos.portal)),
      primitives: systemPrimitives,
      initiatorName: INITIATOR,
      targetName: music.iqn,
    });
    await expect(wrong).rejects.toThrow();
  },
);

onRoad(
  "a volume made while the node is stopped is there when it runs, and grows under a session",
  async (road) => {
    const first = await road.node();
    await road.join(first);
    await first.stop();
    const stopped = await openNode({ stateDir: join(road.folder, "vm") });
    await stopped.operations.createVolume({
      name: "photos",
      sizeBytes: MIB,
      blockSizeBytes: 512,
      readOnly: false,
    });
    stopped.release();
    // Whoever has let go of a node changes it no more.
    for (const { operations } of [first, stopped]) {
      await expect(operations.deleteVolume("photos")).rejects.toThrow(
        "changes no more",
      );
    }
    const port = Number(first.listen.split(":")[1]);
    const node = await road.node({ listen: { hostname: "127.0.0.1", port } });
    const disk = await openDisk(await road.session(await road.attach()));
    expect(disk.capacity.blocks).toBe(2048);
    await node.operations.resizeVolume("photos", 2 * MIB);
    await expect(disk.read(2048, 1)).rejects.toThrow();
    await disk.refresh();
    expect(disk.capacity.blocks).toBe(4096);
    expect(await disk.read(4095, 1)).toEqual(new Uint8Array(512));
  },
);

onRoad("a revoked device's link dies at once and for good", async (road) => {
  const node = await road.nodeWithVolume();
  const attachment = await road.attach();
  const session = await road.session(attachment);
  const began = performance.now();
  await node.operations.revoke("laptop");
  await session.closed;
  expect(performance.now() - began).toBeLessThan(1000);
  await expect(road.attach({ volume: "photos", portal: ANY_PORT })).rejects
    .toThrow();
});

onRoad("CHAP is asked for from the next login on", async (road) => {
  const node = await road.nodeWithVolume();
  const attachment = await road.attach();
  await node.operations.setChap("photos", {
    user: "me",
    secret: "twelve-bytes",
  });
  await expect(road.session(attachment)).rejects.toThrow();
  const wrong = {
    user: "me",
    secret: new TextEncoder().encode("twelve-bytez"),
  };
  await expect(road.session(attachment, wrong)).rejects.toThrow();
  const right = {
    user: "me",
    secret: new TextEncoder().encode("twelve-bytes"),
  };
  await openDisk(await road.session(attachment, right));
});

onRoad(
  "attaching read-only refuses writes and lets reads through",
  async (road) => {
    await road.nodeWithVolume();
    const disk = await openDisk(
      await road.session(await road.attach({ readOnly: true })),
    );
    await expect(disk.write(0, new Uint8Array(512))).rejects.toThrow();
    expect(await disk.read(0, 1)).toEqual(new Uint8Array(512));
  },
);

onRoad(
  "what is not there, taken, or not on loopback is refused in a sentence",
  async (road) => {
    const node = await road.nodeWithVolume();
    await expect(road.attach({ volume: "none" })).rejects.toThrow(
      'There is no volume "none"',
    );
    await expect(road.attach({ portal: { hostname: "0.0.0.0", port: 0 } }))
      .rejects.toThrow("not a loopback address");
    await expect(road.node({ target: { hostname: "0.0.0.0", port: 0 } }))
      .rejects.toThrow("not a loopback address");
    await expect(road.node()).rejects.toThrow("already runs");
    await road.attach();
    await expect(road.attach()).rejects.toThrow("already runs");
    await expect(node.operations.invite({ name: "laptop", expiresMs: 60_000 }))
      .rejects.toThrow('already a device "laptop"');
  },
);

onRoad(
  "what another target offers is passed on, but never under a promise of read-only that nobody keeps",
  async (road) => {
    const store = new MemoryStore(MIB);
    const offered = offerStore({
      store,
      targetName: "iqn.2026-11.internal.example:memory",
    });
    try {
      const forward = parseAddress(offered.listen(ANY_PORT));
      await road.join(await road.node({ forward }));
      await expect(road.attach({ volume: "memory", readOnly: true })).rejects
        .toThrow("cannot be attached read-only");
      const disk = await openDisk(
        await road.session(await road.attach({ volume: "memory" })),
      );
      const bytes = systemPrimitives.random(512);
      await disk.write(3, bytes);
      expect(equalBytes(await disk.read(3, 1), bytes)).toBe(true);
    } finally {
      await offered.close({ drainMs: 0 });
      await store.close();
    }
  },
);

onRoad(
  "a revocation waits for no change of a volume that takes its time",
  async (road) => {
    const node = await road.nodeWithVolume();
    const session = await road.session(await road.attach());
    const order: string[] = [];
    const deleted = node.operations.deleteVolume("photos")
      .catch(() => {}).then(() => order.push("deleted"));
    await node.operations.revoke("laptop").then(() => order.push("revoked"));
    await session.closed;
    await deleted;
    expect(order).toEqual(["revoked", "deleted"]);
  },
);

onRoad(
  "a device revoked while the node is stopped is refused when it runs",
  async (road) => {
    const first = await road.nodeWithVolume();
    await road.attach().then((attachment) => attachment.stop());
    await first.stop();
    const stopped = await openNode({ stateDir: join(road.folder, "vm") });
    await stopped.operations.revoke("laptop");
    stopped.release();
    const port = Number(first.listen.split(":")[1]);
    const node = await road.node({ listen: { hostname: "127.0.0.1", port } });
    await expect(road.attach()).rejects.toThrow('"laptop" was revoked at');
    expect((await node.operations.status()).links).toEqual([]);
  },
);
