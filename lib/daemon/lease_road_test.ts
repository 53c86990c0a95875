/** Two devices and one volume: who has it, and how it goes from one to the other. */
import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { openDisk, type RemoteDisk } from "../initiator/disk.ts";
import { connectInitiator } from "../initiator/initiator.ts";
import { systemClock } from "../os/clock.ts";
import { join } from "../os/paths.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectTcp, parseAddress } from "../os/tcp.ts";
import type { OsLogin } from "./attachment_options.ts";
import type { Handover } from "./handover.ts";
import { onRoad, type Road } from "./testing/road.ts";

const HOLDS_SINCE = /^Cannot attach volume "photos": laptop has held it since /;

async function twoDevices(road: Road) {
  const node = await road.nodeWithVolume();
  const stateDir = await road.device(node, "desktop");
  const holders = async () =>
    (await node.operations.showVolume("photos")).holders
      .map(({ device, mode, generation, state }) =>
        `${device} ${mode} ${generation} ${state}`
      );
  return { node, desktop: { stateDir }, holders };
}

/** Resolves once `check` finds what it looks for. */
async function until(check: () => Promise<boolean>): Promise<void> {
  for (let n = 0; !await check(); n++) {
    if (n > 500) throw new Error("It does not come");
    await systemClock.sleep(10);
  }
}

function blocks(seed: number): Uint8Array {
  return new Uint8Array(4096).fill(seed);
}

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
        hint: "It is connected. --take-over asks it to let go.",
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
  "a take-over waits until the holder has let go, and both are told how far it is",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const heard: Record<"laptop" | "desktop", string[]> = {
      laptop: [],
      desktop: [],
    };
    const asked: unknown[] = [];
    const may = Promise.withResolvers<void>();
    const handover: Handover = {
      run: async (ask, tell) => {
        asked.push(ask);
        tell("unmounting /mnt");
        await may.promise;
      },
    };
    const loggedOut: unknown[] = [];
    const osLogin: OsLogin = {
      login: () => Promise.resolve("/dev/sdx"),
      logout: (_target, options) => {
        loggedOut.push(options);
        return Promise.resolve();
      },
    };
    const first = await road.attach({
      handover,
      osLogin,
      onTakeOver: (text) => heard.laptop.push(text),
    });
    const disk = await openDisk(await road.session(first));
    await disk.write(0, blocks(1));
    const second = road.attach({
      ...desktop,
      takeOver: { now: false, withinMs: 5000 },
      onTakeOver: (text) => heard.desktop.push(text),
    });
    await until(() => Promise.resolve(asked.length > 0));
    expect((await first.operations.status()).lease.wantedBy).toBe("desktop");
    // It may write until it has let go.
    await disk.write(8, blocks(2));
    const third = await road.device(road.running, "phone");
    await expect(road.attach({ stateDir: third, takeOver: { now: true } }))
      .rejects.toThrow("desktop is taking it over just now");
    may.resolve();
    const taken = await second;
    expect(await first.closed).toEqual({ kind: "handed-over", by: "desktop" });
    expect(await holders()).toEqual(["desktop write 2 up"]);
    expect(loggedOut).toEqual([undefined]);
    expect(asked).toEqual([{
      by: "desktop",
      boundMs: expect.any(Number),
      volume: "photos",
      device: "/dev/sdx",
    }]);
    expect(heard.laptop).toEqual([
      'desktop wants "photos" within 5 s.',
      'desktop takes "photos" over: unmounting /mnt.',
      'desktop takes "photos" over: logging its initiator out.',
    ]);
    expect(heard.desktop).toEqual([
      "laptop is asked to let go, and has 5 s.",
      "laptop: unmounting /mnt",
      "laptop: logging its initiator out",
      "laptop lets go.",
    ]);
    const after = await openDisk(await road.session(taken));
    expect(equalBytes(await after.read(8, 8), blocks(2))).toBe(true);
  },
);

onRoad(
  "without a login of its own an attachment has the node ask its initiators to log out",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const first = await road.attach();
    const obedient = await connectInitiator({
      duplex: await connectTcp(parseAddress(first.portal)),
      primitives: systemPrimitives,
      initiatorName: "iqn.2026-11.internal.vault:obedient",
      targetName: first.iqn,
      onEvent: (event) => {
        if (event.kind === "async" && event.asyncEvent === 1) {
          void obedient.logout();
        }
      },
    });
    await road.attach({
      ...desktop,
      takeOver: { now: false, withinMs: 60_000 },
    });
    expect(await first.closed).toEqual({ kind: "handed-over", by: "desktop" });
    expect(await holders()).toEqual(["desktop write 2 up"]);
  },
);

onRoad(
  "past the bound the holder is fenced, says so, and logs its initiator out in use or not",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    let ended: unknown;
    const handover: Handover = {
      run: (_ask, _tell, signal) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            ended = signal.reason;
            reject(signal.reason);
          })
        ),
    };
    const loggedOut: unknown[] = [];
    const osLogin: OsLogin = {
      login: () => Promise.resolve("/dev/sdx"),
      logout: (_target, options) => {
        loggedOut.push(options);
        return Promise.reject(new Error("the disk is in use"));
      },
    };
    const heard: string[] = [];
    const first = await road.attach({
      handover,
      osLogin,
      onTakeOver: (text) => heard.push(text),
    });
    await road.attach({ ...desktop, takeOver: { now: false, withinMs: 300 } });
    expect(await first.closed).toMatchObject({
      kind: "fenced",
      by: "desktop",
      why: "desktop took it over, and it was not let go in time",
    });
    expect(ended).toBeInstanceOf(Error);
    expect(loggedOut).toEqual([{ evenInUse: true }]);
    expect(heard).toContain(
      "The initiator was not logged out: the disk is in use",
    );
    expect(await holders()).toEqual(["desktop write 2 up"]);
  },
);

/** Writes as fast as it goes until it cannot any more; gives how many writes were acknowledged. */
async function scribble(disk: RemoteDisk): Promise<number> {
  for (let n = 0;; n++) {
    try {
      await Promise.all(
        Array.from({ length: 16 }, (_, at) => disk.write(at * 8, blocks(n))),
      );
    } catch {
      return n;
    }
  }
}

onRoad(
  "a take-over at once fences a writer in the middle of its writes: not a byte of it comes later",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const first = await road.attach();
    const disk = await openDisk(await road.session(first));
    const scribbled = scribble(disk);
    await systemClock.sleep(100);
    const second = await road.attach({ ...desktop, takeOver: { now: true } });
    const data = join(road.folder, "vm", "node", "volumes", "photos", "data");
    const then = Deno.readFileSync(data);
    expect(await scribbled).toBeGreaterThan(0);
    expect(await first.closed).toMatchObject({ kind: "fenced", by: "desktop" });
    await systemClock.sleep(100);
    expect(equalBytes(Deno.readFileSync(data), then)).toBe(true);
    expect(await holders()).toEqual(["desktop write 2 up"]);
    const other = await openDisk(await road.session(second));
    await other.write(0, blocks(200));
    expect(equalBytes(await other.read(0, 8), blocks(200))).toBe(true);
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
  "a taker that is revoked gets nothing, and the holder is told that nobody wants it any more",
  async (road) => {
    const { node, desktop, holders } = await twoDevices(road);
    const heard: string[] = [];
    const handover: Handover = {
      run: (_ask, _tell, signal) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        ),
    };
    const first = await road.attach({
      handover,
      onTakeOver: (text) => heard.push(text),
    });
    const second = road.attach({ ...desktop, takeOver: { now: false } });
    second.catch(() => {});
    await until(() => Promise.resolve(heard.length > 0));
    await node.operations.revoke("desktop");
    await expect(second).rejects.toThrow();
    await until(() =>
      Promise.resolve(
        heard.includes('desktop does not want "photos" any more.'),
      )
    );
    expect(await holders()).toEqual(["laptop write 1 up"]);
    const disk = await openDisk(await road.session(first));
    await disk.write(0, blocks(1));
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
