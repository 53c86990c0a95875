/** Keeping a link, and the certificate that opens it. */

import { expect } from "expect";
import type { Clock } from "../base/clock.ts";
import { silent } from "../base/log.ts";
import { systemClock } from "../os/clock.ts";
import { join } from "../os/paths.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { DeviceIdentity } from "../pki/identity.ts";
import { joinNode } from "./join_node.ts";
import { joinedNodes } from "./joined.ts";
import { LinkKeeper, RENEWAL_LOOK_MS } from "./link_keeper.ts";
import { runNode } from "./node.ts";
import { startProxy } from "../../tunnel/testing/proxy.ts";
import { rememberNode } from "./joined.ts";
import { StateFolder } from "./state_folder.ts";

const DAY_MS = 86_400_000;

/** This machine's clock with the date that a test sets, and whose looks at the certificate come when a test says so. */
class Calendar implements Clock {
  aheadMs = 0;
  looks: (() => void)[] = [];
  now = () => systemClock.now() + this.aheadMs;
  monotonic = () => systemClock.monotonic();
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal);
  after(ms: number, then: () => void): () => void {
    if (ms !== RENEWAL_LOOK_MS) return systemClock.after(ms, then);
    this.looks.push(then);
    return () => this.looks = this.looks.filter((other) => other !== then);
  }
}

interface Laptop {
  readonly calendar: Calendar;
  /** Time passes at the node, so that it lets a certificate be renewed again. */
  nodeWaits(ms: number): void;
  /** What the node's log says of requests for certificates since it joined. */
  readonly asked: string[];
  readonly folder: StateFolder;
  /** What the state folder holds by now. */
  kept(): DeviceIdentity;
  keeper(identity: DeviceIdentity): LinkKeeper;
}

async function withLaptop(test: (laptop: Laptop) => Promise<void>) {
  const path = Deno.makeTempDirSync({ prefix: "vault-keeper-" });
  const asked: string[] = [];
  let waitedMs = 0;
  const nodeClock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + waitedMs,
  };
  const hear = (message: string) => {
    if (/^(renewed|join refused)$/.test(message)) asked.push(message);
  };
  const node = await runNode({
    stateDir: join(path, "vm"),
    listen: { hostname: "127.0.0.1", port: 0 },
    clock: nodeClock,
    log: { ...silent, info: hear, warn: hear },
  });
  const keepers: LinkKeeper[] = [];
  try {
    const { code } = await node.operations.invite({
      name: "laptop",
      expiresMs: 60_000,
      advertise: node.listen,
    });
    await joinNode({ stateDir: join(path, "laptop"), code });
    const folder = new StateFolder(join(path, "laptop"));
    const calendar = new Calendar();
    await test({
      calendar,
      nodeWaits: (ms) => void (waitedMs += ms),
      asked,
      folder,
      kept: () => joinedNodes(folder)[0]!,
      keeper(identity) {
        const keeper = new LinkKeeper({
          identity,
          folder,
          clock: calendar,
          primitives: systemPrimitives,
          log: silent,
          audit: () => {},
        });
        keepers.push(keeper);
        return keeper;
      },
    });
  } finally {
    for (const keeper of keepers) await keeper.stop();
    await node.stop();
    await Deno.remove(path, { recursive: true });
  }
}

async function changed(laptop: Laptop, from: DeviceIdentity): Promise<void> {
  while (laptop.kept().certificatePem === from.certificatePem) {
    await systemClock.sleep(5);
  }
}

Deno.test("an attachment goes on with the certificate that another one has renewed and used", () =>
  withLaptop(async (laptop) => {
    const old = laptop.kept();
    laptop.calendar.aheadMs = 300 * DAY_MS;
    const first = laptop.keeper(old);
    await first.start();
    await changed(laptop, old);
    await first.stop();
    laptop.calendar.aheadMs = 0;
    // The first use of the new one ends the old one.
    await laptop.keeper(laptop.kept()).start();
    await laptop.keeper(old).start();
  }));

Deno.test("two attachments renew the one certificate once", () =>
  withLaptop(async (laptop) => {
    const old = laptop.kept();
    laptop.calendar.aheadMs = 300 * DAY_MS;
    const both = [laptop.keeper(old), laptop.keeper(old)];
    await Promise.all(both.map((keeper) => keeper.start()));
    while (laptop.calendar.looks.length < both.length) {
      await systemClock.sleep(5);
    }
    expect(laptop.asked).toEqual(["renewed"]);
    await laptop.keeper(laptop.kept()).start();
  }));

Deno.test("a link that stays up for months renews its certificate in time", () =>
  withLaptop(async (laptop) => {
    const old = laptop.kept();
    await laptop.keeper(old).start();
    while (laptop.calendar.looks.length === 0) await systemClock.sleep(5);
    laptop.calendar.aheadMs = 300 * DAY_MS;
    for (const look of laptop.calendar.looks.splice(0)) look();
    await changed(laptop, old);
    expect(laptop.kept().nodeId).toBe(old.nodeId);
  }));

Deno.test("a link that an earlier certificate opened goes on, and its attachment renews the present one", () =>
  withLaptop(async (laptop) => {
    const first = laptop.kept();
    const keeper = laptop.keeper(first);
    const link = await keeper.start();
    const renewAndUse = async () => {
      const before = laptop.kept();
      while (laptop.calendar.looks.length === 0) await systemClock.sleep(5);
      laptop.calendar.aheadMs = 300 * DAY_MS;
      laptop.nodeWaits(DAY_MS);
      for (const look of laptop.calendar.looks.splice(0)) look();
      await changed(laptop, before);
      laptop.calendar.aheadMs = 0;
      // Its first use ends the one before.
      const another = laptop.keeper(laptop.kept());
      await another.start();
      await another.stop();
    };
    await renewAndUse();
    await renewAndUse();
    // Two certificates have taken the first one's place by now.
    expect(keeper.info().state).toBe("up");
    const channel = link.open({
      kind: "lease",
      volume: "none",
      mode: "write",
      attachment: "0".repeat(32),
    });
    await expect(channel).rejects.toThrow(/none/);
    expect(laptop.asked).toEqual(["renewed", "renewed"]);
  }));

Deno.test("an attachment whose clock runs ahead goes on dialling when a link is cut: only the node says no", () =>
  withLaptop(async (laptop) => {
    const proxy = startProxy(laptop.kept().address);
    const identity = { ...laptop.kept(), address: proxy.address };
    rememberNode(laptop.folder, identity);
    const keeper = laptop.keeper(identity);
    const link = await keeper.start();
    laptop.calendar.aheadMs = 400 * DAY_MS;
    let cuts = 0;
    proxy.meddle = () => void cuts++;
    const goesOn = new Promise<void>((resolve) =>
      link.watch((state) => state === "up" && resolve())
    );
    link.open({
      kind: "lease",
      volume: "none",
      mode: "write",
      attachment: "0".repeat(32),
    }).catch(() => {});
    while (link.state === "up") await systemClock.sleep(5);
    const before = cuts;
    while (cuts < before + 2) await systemClock.sleep(5);
    proxy.meddle = (bytes) => bytes;
    await goesOn;
    proxy.close();
  }));
