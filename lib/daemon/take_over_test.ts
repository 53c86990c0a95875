/** A volume goes from one device to the other: handed over, or taken. */
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
import { onRoad } from "./testing/road.ts";
import { blocks, twoDevices, until } from "./testing/two_devices.ts";

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
      letGo: () => Promise.reject(new Error("nobody has asked for that")),
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
      letGo: () => Promise.reject(new Error("nobody has asked for that")),
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

/** This machine's own initiator, whose log-outs are told to `happened`. */
function loggedIn(happened: string[], letGo: OsLogin["letGo"]): OsLogin {
  return {
    login: () => Promise.resolve("/dev/sdx"),
    letGo,
    logout: (_target, options) => {
      happened.push(options?.evenInUse ? "thrown out" : "logged out");
      return Promise.resolve();
    },
  };
}

onRoad(
  "where nobody has said how, the disk is got out of use before the initiator is logged out",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const happened: string[] = [];
    const osLogin = loggedIn(happened, ({ iqn }, tell) => {
      happened.push(`let go of ${iqn.split(".").at(-1)}`);
      tell("unmounting /mnt/photos");
      return Promise.resolve();
    });
    const heard: string[] = [];
    const first = await road.attach({ osLogin });
    await road.attach({
      ...desktop,
      takeOver: { now: false, withinMs: 5000 },
      onTakeOver: (text) => heard.push(text),
    });
    expect(await first.closed).toEqual({ kind: "handed-over", by: "desktop" });
    expect(await holders()).toEqual(["desktop write 2 up"]);
    expect(happened).toEqual(["let go of photos", "logged out"]);
    expect(heard).toContain("laptop: unmounting /mnt/photos");
  },
);

onRoad(
  "a disk that a program does not let go of is kept until the bound is over",
  async (road) => {
    const { desktop } = await twoDevices(road);
    const happened: string[] = [];
    const osLogin = loggedIn(
      happened,
      () => Promise.reject(new Error("/mnt/photos is busy")),
    );
    const heard: string[] = [];
    const first = await road.attach({ osLogin });
    await road.attach({
      ...desktop,
      takeOver: { now: false, withinMs: 1500 },
      onTakeOver: (text) => heard.push(text),
    });
    expect(await first.closed).toMatchObject({ kind: "fenced", by: "desktop" });
    expect(happened).toEqual(["thrown out"]);
    expect(heard).toContain("laptop: it cannot: /mnt/photos is busy");
  },
);

onRoad(
  "a volume that is taken while its disk cannot be detached ends the attachment all the same",
  async (road) => {
    const { desktop } = await twoDevices(road);
    const busy = Promise.withResolvers<void>();
    const loggedOut: unknown[] = [];
    const osLogin: OsLogin = {
      login: () => Promise.resolve("/dev/sdx"),
      letGo: () => Promise.reject(new Error("nobody has asked for that")),
      logout: async (_target, options) => {
        loggedOut.push(options);
        if (options?.evenInUse) return;
        await busy.promise;
        throw new Error("the disk is in use");
      },
    };
    const first = await road.attach({ osLogin });
    const stopping = first.stop();
    stopping.catch(() => {});
    await road.attach({ ...desktop, takeOver: { now: true } });
    await until(async () =>
      (await first.operations.status()).link.state === "up"
    );
    busy.resolve();
    await expect(stopping).rejects.toThrow("the disk is in use");
    expect(await first.closed).toMatchObject({ kind: "fenced", by: "desktop" });
    expect(loggedOut).toEqual([undefined, { evenInUse: true }]);
  },
);
