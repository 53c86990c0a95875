/** What a pause of a link must not do: lose what was said, keep without bound, or hang for ever. */

import { expect } from "expect";
import { duplexPair } from "../lib/base/duplex_pair.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { FrameType, PING_BYTES } from "./frame.ts";
import { Outbox } from "./outbox.ts";
import { RecordSealer } from "./record.ts";
import { KEPT_BYTES, MAX_OVERHEAD_BYTES } from "./sender.ts";
import { settled } from "./testing/clock.ts";
import {
  channelPair,
  linkOverWire,
  linkPair,
  pattern,
  readExactly,
} from "./testing/links.ts";
import { testDirection } from "./testing/records.ts";

const WINDOW_MS = 60_000;

for (const side of ["device", "node"] as const) {
  Deno.test(`a link that outlives its connection, but for the ${side}, carries more than is kept`, async () => {
    const pair = linkPair({ resumeWindowMs: WINDOW_MS, withoutWindow: side });
    const channel = await channelPair(pair);
    const [from, to] = side === "device"
      ? [channel.node, channel.device]
      : [channel.device, channel.node];
    const piece = pattern(300_000);
    const pieces = Math.ceil(2 * KEPT_BYTES / piece.length);
    const reading = readExactly(to, pieces * piece.length);
    for (let n = 0; n < pieces; n++) await from.write(piece);
    expect((await reading).length).toBe(pieces * piece.length);
    pair.device.abort("over");
  });
}

Deno.test("a peer that asks, listens and acknowledges nothing does not fill the memory", async () => {
  const [near, far] = duplexPair({ windowBytes: 2 ** 20 });
  const node = linkOverWire(near, WINDOW_MS);
  const outbox = new Outbox(new RecordSealer(primitives, testDirection()));
  const listening = (async () => {
    while (await far.read()) { /* listens, and says nothing of it */ }
  })().catch(() => {});
  const ping = new Uint8Array(PING_BYTES);
  let most = 0;
  for (let n = 0; n < 2000 && node.state === "up"; n++) {
    for (let m = 0; m < 2000; m++) outbox.frame(FrameType.PING, 0, ping);
    for (const bytes of outbox.take()) {
      await far.write(bytes).catch(() => {});
    }
    outbox.acknowledge(outbox.next);
    await settled(1);
    most = Math.max(most, node.keptBytes);
  }
  const { kind, reason } = await node.closed;
  expect([kind, reason]).toEqual(["violation", expect.stringMatching(/ackn/)]);
  expect(most).toBeLessThan(2 * MAX_OVERHEAD_BYTES);
  await listening;
});

Deno.test("what came with the connection of a moment ago is not taken once the link is paused again", async () => {
  const pair = linkPair({ resumeWindowMs: WINDOW_MS });
  const { device, node } = await channelPair(pair);
  await settled(10);
  pair.node.pause("cut");
  pair.device.pause("cut");
  await node.write(pattern(1000));
  // The node's records, of which the first comes whole and the second in part with the answer to RESUME.
  const [near, far] = duplexPair();
  pair.node.resume(far, { next: pair.device.next, peer: pair.node.peer });
  const first = (await near.read())!.slice(0, 500);
  const [again] = duplexPair();
  const { next } = pair.device;
  pair.device.resume(again, {
    next: pair.node.next,
    peer: pair.device.peer,
    first,
  });
  pair.device.pause("cut at once");
  await settled(4);
  expect(pair.device.next).toBe(next);
  pair.reconnect();
  expect(await readExactly(device, 1000)).toEqual(pattern(1000));
  pair.device.abort("over");
});

Deno.test("a paused link takes as much as it keeps, and then no more", async () => {
  const pair = linkPair({ resumeWindowMs: WINDOW_MS });
  const channels = [];
  for (let n = 0; n < 6; n++) channels.push(await channelPair(pair));
  pair.device.pause("cut");
  const piece = pattern(500_000);
  let taken = 0;
  const writing = channels.flatMap(({ device }) =>
    [1, 2, 3, 4].map(() =>
      device.write(piece).then(() => void (taken += piece.length))
    )
  );
  await settled(10);
  expect(taken).toBeGreaterThan(KEPT_BYTES - 2 * piece.length);
  expect(taken).toBeLessThanOrEqual(KEPT_BYTES + piece.length);
  pair.reconnect();
  const all = await Promise.all(
    channels.map(({ node }) => readExactly(node, 4 * piece.length)),
  );
  await Promise.all(writing);
  for (const got of all) expect(got.subarray(-500_000)).toEqual(piece);
  pair.device.abort("over");
});

Deno.test("a link that has said goodbye is not paused any more: nobody sends it again", async () => {
  const pair = linkPair({ resumeWindowMs: WINDOW_MS });
  await channelPair(pair);
  const closing = pair.node.close();
  pair.node.pause("the device came over another connection");
  expect(pair.node.state).toBe("ended");
  await closing;
  pair.device.abort("over");
});
