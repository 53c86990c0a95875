import { expect } from "expect";
import fc from "fast-check";
import { equalBytes } from "../lib/base/bytes.ts";
import { ConnectionLost, VaultError } from "../lib/base/errors.ts";
import { MAX_PDU_BYTES } from "../lib/base/limits.ts";
import { WINDOW_BYTES } from "./channel_end.ts";
import { DEAD_PEER_MS, PING_MS } from "./keepalive.ts";
import { MAX_CHANNELS } from "./mux.ts";
import { settled, TestClock } from "./testing/clock.ts";
import {
  channelPair,
  linkPair,
  pattern,
  readExactly,
} from "./testing/links.ts";

Deno.test("what is written on a channel is read at its other end, both ways", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(200_000), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 70_000 }),
      async (sizes, chunkBytes) => {
        const pair = linkPair({ chunkBytes });
        const { device, node } = await channelPair(pair);
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const whole = pattern(total);
        const write = async (end: typeof device) => {
          let at = 0;
          for (const size of sizes) {
            await end.write(whole.subarray(at, at + size));
            at += size;
          }
          await end.close();
        };
        const [, , down, up] = await Promise.all([
          write(device),
          write(node),
          readExactly(device, total + 1),
          readExactly(node, total + 1),
        ]);
        expect(equalBytes(up, whole)).toBe(true);
        expect(equalBytes(down, whole)).toBe(true);
        await pair.device.close();
        expect((await pair.node.closed).kind).toBe("goodbye");
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("the writer may reuse its array as soon as write returns", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const array = new Uint8Array(100);
  for (let n = 0; n < 50; n++) {
    array.fill(n);
    void device.write(array);
    array.fill(0xff);
  }
  const got = await readExactly(node, 5000);
  for (let at = 0; at < 5000; at++) expect(got[at]).toBe(Math.floor(at / 100));
  pair.device.abort("over");
});

Deno.test("writes of one turn share a record, and a large one has its own", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const before = pair.device.stats.sent.records;
  for (let n = 0; n < 20; n++) void device.write(pattern(4096));
  await readExactly(node, 20 * 4096);
  expect(pair.device.stats.sent.records - before).toBe(1);
  expect(pair.device.stats.sent.bytes).toBe(20 * 4096);
  expect(pair.node.stats.received.bytes).toBe(20 * 4096);
  await device.write(pattern(MAX_PDU_BYTES));
  const first = await node.read();
  expect(first?.length).toBe(MAX_PDU_BYTES);
  expect(pair.device.stats.sent.records - before).toBe(2);
  pair.device.abort("over");
});

Deno.test("one direction ends and the other goes on", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  await device.write(pattern(10));
  await device.close();
  await device.close();
  expect(await node.read()).toEqual(pattern(10));
  expect(await node.read()).toBeUndefined();
  expect(await node.read()).toBeUndefined();
  await expect(device.write(pattern(1))).rejects.toThrow(ConnectionLost);
  await node.write(pattern(20));
  await node.close();
  expect(await readExactly(device, 30)).toEqual(pattern(20));
  await settled();
  expect([pair.device.stats.channels, pair.node.stats.channels]).toEqual([
    0,
    0,
  ]);
  pair.device.abort("over");
});

Deno.test("close comes after all that waits for credit", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const size = 2 * WINDOW_BYTES + 7;
  const writing = device.write(pattern(size));
  await device.close();
  expect(equalBytes(await readExactly(node, size + 1), pattern(size)))
    .toBe(true);
  await writing;
  pair.device.abort("over");
});

Deno.test("a channel that is cut ends at both ends, and the link goes on", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const reading = node.read();
  const writing = device.write(pattern(3 * WINDOW_BYTES));
  device.abort(new ConnectionLost("the volume is gone"));
  await expect(writing).rejects.toThrow("the volume is gone");
  await expect(device.read()).rejects.toThrow("the volume is gone");
  await reading;
  await expect(
    (async () => {
      while (await node.read());
    })(),
  ).rejects.toThrow("The other end cut it: the volume is gone");
  const next = await channelPair(pair);
  await next.device.write(pattern(5));
  expect(await next.node.read()).toEqual(pattern(5));
  expect(pair.node.stats.channels).toBe(1);
  pair.device.abort("over");
});

Deno.test("a refusal tells whoever asked why, of what kind, and what to do", async () => {
  const pair = linkPair();
  const asked = pair.device.open({ kind: "iscsi", volume: "x" });
  const incoming = await pair.node.accept();
  expect(incoming?.request).toEqual({ kind: "iscsi", volume: "x" });
  incoming!.refuse({ reason: "No volume x", hint: "h", kind: "not-found" });
  const thrown = await asked.catch((error) => error);
  expect(thrown).toBeInstanceOf(VaultError);
  expect([thrown.message, thrown.hint, thrown.kind]).toEqual([
    "No volume x",
    "h",
    "not-found",
  ]);
  await expect(incoming!.accept().read()).rejects.toThrow(ConnectionLost);
  const again = pair.node.open({});
  (await pair.device.accept())!.refuse("no".repeat(2000));
  await expect(again).rejects.toThrow(/^(no){150}$/);
  await expect(pair.device.open({ long: "x".repeat(5000) })).rejects.toThrow(
    /too long/,
  );
  pair.device.abort("over");
});

Deno.test("a link has so many channels, and room again when one is gone", async () => {
  const pair = linkPair();
  const channels = [];
  for (let n = 0; n < MAX_CHANNELS; n++) channels.push(await channelPair(pair));
  await expect(pair.device.open({})).rejects.toThrow(/at most 32 channels/);
  await expect(pair.node.open({})).rejects.toThrow(/at most 32 channels/);
  channels[3]!.device.abort();
  await settled();
  await channelPair(pair);
  pair.device.abort("over");
});

Deno.test("close sends what was written, says goodbye and ends both ends cleanly", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  void device.write(pattern(500_000));
  void device.close();
  const closing = pair.device.close();
  await closing;
  expect(await pair.node.closed).toEqual({
    kind: "goodbye",
    reason: "closed by the other end",
  });
  expect((await pair.device.closed).kind).toBe("goodbye");
  expect(equalBytes(await readExactly(node, 600_000), pattern(500_000)))
    .toBe(true);
  await expect(node.write(pattern(1))).rejects.toThrow(ConnectionLost);
  await expect(pair.device.open({})).rejects.toThrow(ConnectionLost);
  expect(await pair.device.accept()).toBeUndefined();
});

Deno.test("both ends may close at once", async () => {
  const pair = linkPair();
  await Promise.all([pair.device.close(), pair.node.close()]);
  expect((await pair.device.closed).kind).toBe("goodbye");
  expect((await pair.node.closed).kind).toBe("goodbye");
});

Deno.test("an abort ends everything at once and tells the other end", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const reads = [device.read(), node.read()];
  const opening = pair.device.open({});
  const accepting = pair.device.accept();
  pair.node.abort('device "laptop" was revoked', "refused");
  for (const read of reads) await expect(read).rejects.toThrow(ConnectionLost);
  await expect(opening).rejects.toThrow(ConnectionLost);
  expect(await accepting).toBeUndefined();
  expect(await pair.device.closed).toEqual({
    kind: "refused",
    reason: 'the other end says: device "laptop" was revoked',
  });
  await expect(device.write(pattern(1))).rejects.toThrow(ConnectionLost);
});

Deno.test("a connection that ends without a goodbye is a cut", async () => {
  const pair = linkPair();
  const { node } = await channelPair(pair);
  const reading = node.read();
  await pair.wires.device.close();
  await expect(reading).rejects.toThrow(ConnectionLost);
  expect(await pair.node.closed).toEqual({
    kind: "cut",
    reason: "the connection ended without a goodbye",
  });
  expect((await pair.device.closed).kind).toBe("cut");
});

Deno.test("a dead peer is found within fifteen seconds, and a live one is not taken for dead", async () => {
  const clock = new TestClock();
  let dead = false;
  const pair = linkPair({ clock, meddle: (bytes) => dead ? [] : [bytes] });
  await clock.pass(10 * DEAD_PEER_MS);
  expect(pair.node.stats.rttMs).toBe(0);
  dead = true;
  let ended = false;
  void pair.node.closed.then(() => ended = true);
  await clock.pass(DEAD_PEER_MS - PING_MS - 1);
  expect(ended).toBe(false);
  await clock.pass(PING_MS + 1);
  expect(await pair.node.closed).toEqual({
    kind: "silent",
    reason: "the other end is silent",
  });
  expect((await pair.device.closed).kind).toBe("cut");
  await clock.pass(1000);
  expect(clock.timers).toBe(0);
});

Deno.test("a machine that slept does not take its peer for dead", async () => {
  const clock = new TestClock();
  const pair = linkPair({ clock });
  await clock.pass(PING_MS);
  for (let n = 0; n < 5; n++) {
    clock.sleepThrough(60_000);
    await clock.pass(PING_MS);
  }
  const { device, node } = await channelPair(pair);
  await device.write(pattern(3));
  expect(await node.read()).toEqual(pattern(3));
  pair.device.abort("over");
});

Deno.test("keys are renewed in both directions on their own, and nothing is lost", async () => {
  const pair = linkPair({ renewal: { records: 5, bytes: 1e9 } });
  const { device, node } = await channelPair(pair);
  for (let n = 0; n < 40; n++) {
    await device.write(pattern(1000, n));
    expect(await readExactly(node, 1000)).toEqual(pattern(1000, n));
  }
  expect(pair.device.stats.sent.keyUpdates).toBeGreaterThanOrEqual(6);
  expect(pair.node.stats.received.keyUpdates)
    .toBe(pair.device.stats.sent.keyUpdates);
  expect(pair.node.stats.sent.keyUpdates).toBe(0);
  await node.write(pattern(100));
  expect(await readExactly(device, 100)).toEqual(pattern(100));
  await pair.device.close();
});
