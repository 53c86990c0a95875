/** What others on the way and at the door do to a node and its devices, over real TLS. */

import { expect } from "expect";
import { equalBytes } from "../lib/base/bytes.ts";
import { ConnectionLost, VaultError } from "../lib/base/errors.ts";
import { createNodeIdentity } from "../lib/pki/authority.ts";
import type { Channel } from "./channel.ts";
import type { Link } from "./link.ts";
import { MAX_CHANNELS_PER_DEVICE, MAX_LINKS_PER_DEVICE } from "./listen.ts";
import { MAX_CHANNELS } from "./mux.ts";
import { channelPair, pattern } from "./testing/links.ts";
import { startMiddlebox } from "./testing/middlebox.ts";
import { type TestNode, withNode } from "./testing/node.ts";
import { type Meddler, type Proxy, startProxy } from "./testing/proxy.ts";
import { MAX_WAITING_PER_HOST } from "./waiting.ts";

Deno.test("something in between that ends TLS with a certificate of the node's own authority passes no handshake and reads nothing of a link", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    // Another key with the node's names: the device's pin of the key stops it.
    const other = await createNodeIdentity({
      authority: node.authority,
      nowMs: Date.now(),
    });
    // The node's certificate itself: only the binding to the TLS connection is left, and stops it.
    for (const towardsDevice of [other, node.identity]) {
      const middlebox = await startMiddlebox({
        target: node.address,
        towardsDevice,
        towardsNode: laptop,
        caPem: node.authority.certificatePem,
      });
      const thrown = await node.dial(laptop, { address: middlebox.address })
        .catch((error) => error);
      expect(thrown).toBeInstanceOf(VaultError);
      expect(thrown.message).toMatch(
        towardsDevice === other
          ? /another certificate inside TLS/
          : /prove its identity on this connection/,
      );
      // It did see the handshake pass: it was the handshake that stopped it.
      expect(middlebox.seenBytes()).toBeGreaterThan(1000);
      expect(node.listener.links).toEqual([]);
      await middlebox.close();
    }
  }));

/** A link through a proxy, with a channel on which the node reads. */
async function throughProxy(
  node: TestNode,
  run: (
    parts: { proxy: Proxy; pair: { device: Link; node: Link } },
    channel: { device: Channel; node: Channel },
  ) => Promise<void>,
): Promise<void> {
  const laptop = await node.device(`laptop-${crypto.randomUUID().slice(0, 8)}`);
  const proxy = startProxy(node.address);
  try {
    const pair = await node.pair(laptop, { address: proxy.address });
    await run({ proxy, pair }, await channelPair(pair));
    pair.device.abort("over");
  } finally {
    proxy.close();
  }
}

/** Bytes of a TLS connection of this device before, as they crossed the wire. */
let earlier: Uint8Array | undefined;

const rawCases: Record<string, () => Meddler> = {
  "passed on unchanged": () => (bytes) => bytes,
  "with a bit flipped": () => (bytes) => {
    const copy = bytes.slice();
    copy[copy.length >> 1]! ^= 1;
    return copy;
  },
  "dropped": () => {
    let dropped = false;
    return (bytes, way) => {
      if (dropped || way === "down") return bytes;
      dropped = true;
      return new Uint8Array(0);
    };
  },
  "repeated": () => (bytes) => new Uint8Array([...bytes, ...bytes]),
  "swapped": () => {
    let held: Uint8Array | undefined;
    return (bytes, way) => {
      if (way === "down") return bytes;
      if (!held) {
        held = bytes;
        return new Uint8Array(0);
      }
      const swapped = new Uint8Array([...bytes, ...held]);
      held = undefined;
      return swapped;
    };
  },
  "cut short": () => (bytes) => bytes.subarray(0, -5),
  "cut off": () => () => undefined,
  "of an earlier connection": () => (bytes) => earlier ?? bytes,
};

for (const [what, meddler] of Object.entries(rawCases)) {
  Deno.test(`raw bytes ${what}: nothing wrong is ever read`, () =>
    withNode((node) =>
      throughProxy(node, async ({ proxy, pair }, { device, node: far }) => {
        const reading = (async () => {
          const got: Uint8Array[] = [];
          try {
            for (
              let bytes = await far.read();
              bytes;
              bytes = await far.read()
            ) {
              got.push(bytes.slice());
            }
            return { got, thrown: undefined };
          } catch (thrown) {
            return { got, thrown };
          }
        })();
        await device.write(pattern(5000, 0));
        // The channel's first bytes are through before the bytes are meddled with.
        while (pair.node.stats.received.bytes < 5000) await turn();
        const meddle = meddler();
        proxy.meddle = (bytes, way) => {
          if (way === "up") earlier ??= bytes;
          return meddle(bytes, way);
        };
        for (let n = 1; n < 6; n++) {
          await device.write(pattern(5000, n)).catch(() => {});
          await turn();
        }
        await device.close();
        if (what !== "passed on unchanged") {
          // What is waited for, or was lost on the way, ends with the connection.
          await Promise.race([pair.node.closed, later(500)]);
          pair.device.abort("over", "cut");
        }
        const { got, thrown } = await reading;
        const whole = got.flatMap((bytes) => [...bytes]);
        const sent = [0, 1, 2, 3, 4, 5].flatMap((n) => [...pattern(5000, n)]);
        const right = sent.slice(0, whole.length);
        expect(equalBytes(Uint8Array.from(whole), Uint8Array.from(right)))
          .toBe(true);
        if (what === "passed on unchanged") {
          expect(thrown).toBeUndefined();
          expect(whole.length).toBe(sent.length);
        } else {
          expect(thrown).toBeInstanceOf(ConnectionLost);
          expect(["cut", "tampered"]).toContain((await pair.node.closed).kind);
        }
      })
    ));
}

Deno.test("thousands of connections that say nothing, or junk, are in nobody's way", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const before = await node.pair(laptop);
    const channel = await channelPair(before);
    const [hostname, port] = node.address.split(":") as [string, string];
    const idle: Deno.Conn[] = [];
    for (let n = 0; n < 2000; n++) {
      const conn = await Deno.connect({ hostname, port: Number(port) });
      if (n % 3 === 1) await conn.write(pattern(100)).catch(() => {});
      idle.push(conn);
    }
    // Both the link that is up and one that comes up now go on as if nobody else were there.
    await channel.device.write(pattern(1000));
    expect((await channel.node.read())?.length).toBe(1000);
    const after = await node.pair(laptop);
    await (await channelPair(after)).device.write(pattern(1000));
    expect(node.audit.some(({ kind }) => kind === "limit")).toBe(true);
    expect(node.audit.length).toBeLessThan(100);
    for (const conn of idle) conn.close();
    await before.device.close();
    await after.device.close();
    expect(MAX_WAITING_PER_HOST).toBeLessThan(2000);
  }));

Deno.test("a device has so many links, and the next one is told why not", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const links: Link[] = [];
    for (let n = 0; n < MAX_LINKS_PER_DEVICE; n++) {
      links.push((await node.pair(laptop)).device);
    }
    // Not as one who is refused: that device would never come again.
    await expect(node.dial(laptop)).rejects.toMatchObject({
      kind: "unreachable",
      message: expect.stringMatching(/too many links/),
    });
    await links[0]!.close();
    await node.pair(laptop);
  }));

Deno.test("a device has so many channels over all its links, and others have theirs", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    for (let n = 0; n < MAX_CHANNELS_PER_DEVICE / MAX_CHANNELS; n++) {
      const pair = await node.pair(laptop);
      for (let m = 0; m < MAX_CHANNELS; m++) await channelPair(pair);
    }
    const { device } = await node.pair(laptop);
    await expect(device.open({ kind: "test" })).rejects.toThrow(
      `at most ${MAX_CHANNELS_PER_DEVICE} channels`,
    );
    await channelPair(await node.pair(await node.device("desk")));
  }));

Deno.test("a node that stops listening goes on with its links", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const pair = await node.pair(laptop);
    const accepting = node.listener.accept();
    node.listener.close();
    expect(await accepting).toBeUndefined();
    const channel = await channelPair(pair);
    await channel.device.write(pattern(10));
    expect(await channel.node.read()).toEqual(pattern(10));
    expect((await node.dial(laptop).catch((error) => error)).kind)
      .toBe("unreachable");
    await pair.device.close();
  }));

Deno.test("strangers that crowd at the door keep the node from no test of itself", () =>
  withNode(async (node) => {
    const [hostname, port] = node.address.split(":") as [string, string];
    const crowd: Deno.TcpConn[] = [];
    let over = false;
    const flood = async () => {
      while (!over) {
        const come = Array.from(
          { length: 2 * MAX_WAITING_PER_HOST },
          () => Deno.connect({ hostname, port: Number(port) }),
        );
        crowd.push(...await Promise.all(come));
        for (const gone of crowd.splice(0, crowd.length - 64)) gone.close();
      }
    };
    const flooding = flood();
    while (!node.audit.some(({ kind }) => kind === "limit")) await turn();
    try {
      await node.listener.selfTest();
    } finally {
      over = true;
      await flooding;
      for (const stranger of crowd) stranger.close();
    }
  }));

Deno.test("a node's renewed certificate is shown to the next device, which takes it for the same node", () =>
  withNode(async (node) => {
    const laptop = await node.device("laptop");
    const before = await node.pair(laptop);
    const renewed = await createNodeIdentity({
      authority: node.authority,
      nowMs: Date.now(),
      previous: node.identity,
    });
    node.listener.setIdentity(renewed);
    const after = await node.pair(laptop);
    expect(after.device.peer.fingerprint).not.toBe(
      before.device.peer.fingerprint,
    );
    await node.listener.selfTest();
    await before.device.close();
    await after.device.close();
  }));

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    Deno.unrefTimer(timer);
  });
}
