/** How long a link that is up stays: until its device is revoked, or has no certificate any more. */

import { expect } from "expect";
import type { Clock } from "../lib/base/clock.ts";
import { ConnectionLost } from "../lib/base/errors.ts";
import { systemClock } from "../lib/os/clock.ts";
import { renew } from "./dial.ts";
import { SWEEP_MS } from "./listen.ts";
import { channelPair, pattern } from "./testing/links.ts";
import { startNode, withNode } from "./testing/node.ts";

Deno.test("a revoked device's live link dies within a second, under load too", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const pair = await node.pair(laptop);
    const idle = await node.pair(laptop);
    const channel = await channelPair(pair);
    let stop = false;
    const flood = (async () => {
      while (!stop) await channel.device.write(pattern(100_000));
    })().catch((thrown) => thrown);
    const drain = (async () => {
      while (await channel.node.read());
    })().catch((thrown) => thrown);
    while (pair.node.stats.received.bytes < 10_000_000) await turn();
    const before = performance.now();
    node.registry.revoke("laptop", Date.now());
    const ends = await Promise.all([
      pair.node.closed,
      idle.node.closed,
      pair.device.closed,
      idle.device.closed,
    ]);
    expect(performance.now() - before).toBeLessThan(1000);
    expect(ends.map(({ kind }) => kind).slice(0, 2)).toEqual([
      "refused",
      "refused",
    ]);
    expect(ends[3]).toEqual({
      kind: "refused",
      reason: 'the other end says: device "laptop" was revoked',
    });
    stop = true;
    expect(await flood).toBeInstanceOf(ConnectionLost);
    expect(await drain).toBeInstanceOf(ConnectionLost);
    expect(node.listener.links).toEqual([]);
  }));

/** A node on whose clock the day is what a test says, and that compares links with the registry when a test says so. */
async function calendarNode() {
  const calendar = { now: Date.now(), sweep: () => {} };
  const clock: Clock = {
    ...systemClock,
    now: () => calendar.now,
    after(ms, then) {
      if (ms !== SWEEP_MS) return systemClock.after(ms, then);
      calendar.sweep = then;
      return () => {};
    },
  };
  return { calendar, node: await startNode({ clock }) };
}

Deno.test("a live link ends when its device's certificate expires", async () => {
  const { calendar, node } = await calendarNode();
  const laptop = await node.device("laptop", { lifetimeMs: 3_600_000 });
  const pair = await node.pair(laptop);
  calendar.sweep();
  await (await channelPair(pair)).device.write(pattern(10));
  calendar.now += 3_600_001;
  calendar.sweep();
  expect(await pair.node.closed).toMatchObject({
    kind: "refused",
    reason: expect.stringContaining("expired"),
  });
  expect((await pair.device.closed).kind).toMatch(/refused|cut/);
  await node.stop();
});

Deno.test("a device's links outlive the certificate that opened them, and no revocation", async () => {
  const { calendar, node } = await calendarNode();
  const laptop = await node.device("laptop", { lifetimeMs: 3_600_000 });
  const old = await node.pair(laptop);
  const renewed = await renew(old.device, laptop);
  const next = await node.pair(renewed);
  calendar.sweep();
  calendar.now += 3_600_001;
  calendar.sweep();
  const channel = await channelPair(old);
  await channel.device.write(pattern(10));
  expect((await channel.node.read())?.length).toBe(10);
  // It opens no link any more, and asks for no certificate.
  await expect(node.dial(laptop)).rejects.toThrow();
  await expect(renew(old.device, laptop)).rejects.toThrow();
  node.registry.revoke("laptop", calendar.now);
  expect((await old.node.closed).kind).toBe("refused");
  expect((await next.node.closed).kind).toBe("refused");
  await node.stop();
});

Deno.test("a device that is revoked while the node stops loses its links like any other", () =>
  withNode(async (node) => {
    const { node: link } = await node.pair(await node.device("laptop"));
    node.listener.close();
    node.registry.revoke("laptop", Date.now());
    expect((await link.closed).kind).toBe("refused");
  }));

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
