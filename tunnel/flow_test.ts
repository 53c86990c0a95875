/** Flow control of channels: nobody waits for another, and nobody holds more than he granted. */

import { expect } from "expect";
import { concat, equalBytes, putU32, utf8 } from "../lib/base/bytes.ts";
import { duplexPair } from "../lib/base/duplex_pair.ts";
import { PeerError } from "../lib/base/errors.ts";
import { MAX_PDU_BYTES } from "../lib/base/limits.ts";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import {
  type Carrier,
  ChannelEnd,
  CREDIT_STEP_BYTES,
  MAX_PIECE_BYTES,
  WINDOW_BYTES,
} from "./channel_end.ts";
import { FrameType, PING_BYTES } from "./frame.ts";
import { DEVICE_TO_NODE } from "./keys.ts";
import { MAX_CHANNELS, Mux } from "./mux.ts";
import { Outbox } from "./outbox.ts";
import { RecordSealer } from "./record.ts";
import { MAX_CONTROL_BYTES, ROOM_BYTES } from "./sender.ts";
import { settled } from "./testing/clock.ts";
import {
  channelPair,
  linkOverWire,
  linkPair,
  pattern,
  readExactly,
} from "./testing/links.ts";
import { testDirection } from "./testing/records.ts";

Deno.test("a slow reader stops its writer at the window, and no other channel", async () => {
  const pair = linkPair();
  const slow = await channelPair(pair);
  const quick = await channelPair(pair);
  let written = 0;
  const chunk = pattern(64 * 1024);
  const writing = (async () => {
    for (let n = 0; n < 100; n++) {
      await slow.device.write(chunk);
      written += chunk.length;
    }
  })();
  await settled(100);
  expect(written).toBeLessThanOrEqual(WINDOW_BYTES);
  expect(written).toBeGreaterThan(WINDOW_BYTES - 2 * chunk.length);
  for (let n = 0; n < 10; n++) {
    await quick.device.write(pattern(300_000, n));
    const got = await readExactly(quick.node, 300_000);
    expect(equalBytes(got, pattern(300_000, n))).toBe(true);
  }
  expect(written).toBeLessThanOrEqual(WINDOW_BYTES);
  const got = await readExactly(slow.node, 100 * chunk.length);
  await writing;
  for (let at = 0; at < got.length; at += chunk.length) {
    expect(equalBytes(got.subarray(at, at + chunk.length), chunk)).toBe(true);
  }
  pair.device.abort("over");
});

Deno.test("the longest write fits what credit is always given back in the end", () => {
  expect(WINDOW_BYTES - CREDIT_STEP_BYTES).toBeGreaterThanOrEqual(
    MAX_PIECE_BYTES,
  );
});

Deno.test("writes of every size get through while the other end reads", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const sizes = [MAX_PDU_BYTES, 1, MAX_PDU_BYTES, MAX_PDU_BYTES, 5_000_000, 3];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const reading = readExactly(node, total);
  for (const size of sizes) await device.write(pattern(size));
  const got = await reading;
  let at = 0;
  for (const size of sizes) {
    expect(equalBytes(got.subarray(at, at + size), pattern(size))).toBe(true);
    at += size;
  }
  pair.device.abort("over");
});

Deno.test("what nobody reads waits in the channel's own memory, whatever brought it", async () => {
  const pair = linkPair();
  const { device, node } = await channelPair(pair);
  const other = await channelPair(pair);
  // Each record brings 100 bytes for one channel among many for another, which is read at once.
  for (let n = 0; n < 50; n++) {
    void device.write(pattern(100, n));
    void other.device.write(pattern(60_000));
    await readExactly(other.node, 60_000);
  }
  let at = 0;
  while (at < 5000) {
    const view = (await node.read())!;
    expect(view.buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
    for (const byte of view) {
      expect(byte).toBe(pattern(100, Math.floor(at / 100))[at % 100]);
      at++;
    }
  }
  pair.device.abort("over");
});

/** A channel that nothing is behind: what it says is kept. */
function lonelyChannel(): { end: ChannelEnd; said: [number, number][] } {
  const said: [number, number][] = [];
  const carrier: Carrier = {
    data: (_, bytes) => said.push([FrameType.DATA, bytes.length]),
    frame: (type, _, body) => said.push([type, body.length]),
    room: () => undefined,
    forget: () => {},
    pauses: 0,
  };
  const end = new ChannelEnd(carrier, { id: 1, request: {}, answer: {} });
  return { end, said };
}

Deno.test("a peer that sends more than it has credit for is at fault", () => {
  const { end } = lonelyChannel();
  end.received(new Uint8Array(WINDOW_BYTES));
  expect(() => end.received(new Uint8Array(1))).toThrow(PeerError);
});

Deno.test("credit is given back in steps, and only when the reader has done with the bytes", async () => {
  const { end, said } = lonelyChannel();
  const piece = CREDIT_STEP_BYTES / 2;
  end.received(new Uint8Array(piece));
  expect((await end.read())?.length).toBe(piece);
  end.received(new Uint8Array(piece));
  expect((await end.read())?.length).toBe(piece);
  // One piece is read and done with, the other is still lent: half a step.
  expect(said).toEqual([]);
  expect(() => end.received(new Uint8Array(WINDOW_BYTES - 2 * piece + 1)))
    .toThrow(PeerError);
  const next = end.read();
  expect(said).toEqual([[FrameType.CREDIT, 4]]);
  end.received(new Uint8Array(WINDOW_BYTES));
  expect((await next)?.length).toBeGreaterThan(0);
  expect(() => end.received(new Uint8Array(1))).toThrow(PeerError);
});

Deno.test("a peer that gives credit for what was never sent is at fault", () => {
  const { end } = lonelyChannel();
  expect(() => end.credited(1)).toThrow(PeerError);
  void end.write(new Uint8Array(100));
  end.credited(100);
  expect(() => end.credited(1)).toThrow(PeerError);
});

Deno.test("data after the end, a second end, and data without bytes are the peer's fault", () => {
  const { end } = lonelyChannel();
  expect(() => end.received(new Uint8Array(0))).toThrow(PeerError);
  end.ended();
  expect(() => end.received(new Uint8Array(1))).toThrow(PeerError);
  expect(() => end.ended()).toThrow(PeerError);
});

Deno.test("a peer that asks and does not listen is not read any more", async () => {
  const [far, near] = duplexPair({ windowBytes: 1000, chunkBytes: 16_384 });
  const node = linkOverWire(near);
  // The device says whatever it likes, authentically, and never reads.
  const outbox = new Outbox(
    new RecordSealer(
      primitives,
      testDirection({ seed: 1, direction: DEVICE_TO_NODE }),
    ),
  );
  const ping = new Uint8Array(PING_BYTES);
  for (let n = 0; n < 100_000; n++) outbox.frame(FrameType.PING, 0, ping);
  let taken = false;
  void far.write(concat(outbox.take())).then(() => taken = true, () => {});
  await settled(300);
  // What was read is answered or waits to be; the rest waits where it is, with the peer.
  const waitingBytes = node.stats.sent.frames * (8 + PING_BYTES);
  expect(waitingBytes).toBeGreaterThan(MAX_CONTROL_BYTES);
  expect(waitingBytes).toBeLessThan(4 * MAX_CONTROL_BYTES);
  expect(taken).toBe(false);
  node.abort("over");
});

Deno.test("channels that are asked for and cut before anybody looks do not pile up", async () => {
  const [far, near] = duplexPair();
  const node = linkOverWire(near);
  const outbox = new Outbox(
    new RecordSealer(
      primitives,
      testDirection({ seed: 1, direction: DEVICE_TO_NODE }),
    ),
  );
  const nothing = new Uint8Array(0);
  for (let n = 0; n <= MAX_CHANNELS; n++) {
    outbox.frame(FrameType.OPEN, 2 * n + 1, utf8("{}"));
    outbox.frame(FrameType.RESET, 2 * n + 1, nothing);
  }
  await far.write(concat(outbox.take()));
  expect(await node.closed).toEqual({
    kind: "violation",
    reason: "Channels were asked for and cut, again and again",
  });
});

Deno.test("a writer that has filled the outbox waits until it has gone out", async () => {
  const pair = linkPair({ windowBytes: 1000 });
  const { device, node } = await channelPair(pair);
  const size = ROOM_BYTES / 2;
  let done = 0;
  const writes = [1, 2, 3].map((n) =>
    device.write(pattern(size, n)).then(() => done++)
  );
  for (let n = 0; n < 4; n++) await Promise.resolve();
  // The first fits; with the second there is as much as may wait.
  expect(done).toBe(1);
  await readExactly(node, 3 * size);
  await Promise.all(writes);
  pair.device.abort("over");
});

function testMux(): { mux: Mux; said: [number, number, Uint8Array][] } {
  const said: [number, number, Uint8Array][] = [];
  const mux = new Mux({
    side: "node",
    carrier: {
      data: () => {},
      frame: (type, channel, body) => said.push([type, channel, body]),
      room: () => undefined,
      forget: () => {},
      pauses: 0,
    },
    events: { offered: () => {}, ponged: () => {}, acknowledged: () => {} },
  });
  return { mux, said };
}

const request = utf8("{}");
const word = new Uint8Array(4);
putU32(word, 0, 1);

for (
  const [what, type, channel, body] of [
    ["an unknown type", 0x77, 0, request],
    ["type 0", 0, 0, request],
    ["data for a channel that never was", FrameType.DATA, 1, word],
    ["data for channel 0", FrameType.DATA, 0, word],
    ["credit for a channel that never was", FrameType.CREDIT, 1, word],
    ["an end of a channel that never was", FrameType.END, 1, new Uint8Array(0)],
    ["a reset of a channel that never was", FrameType.RESET, 3, request],
    ["an opening with this end's number", FrameType.OPEN, 2, request],
    ["an opening of channel 0", FrameType.OPEN, 0, request],
    ["an opening that is no JSON", FrameType.OPEN, 1, utf8("{")],
    ["an opening that is no object", FrameType.OPEN, 1, utf8("[]")],
    ["an opening that is no UTF-8", FrameType.OPEN, 1, Uint8Array.of(0xff)],
    ["an opening too long", FrameType.OPEN, 1, new Uint8Array(5000).fill(32)],
    ["an acceptance of nothing", FrameType.ACCEPT, 2, request],
    ["a refusal of nothing", FrameType.REFUSE, 2, request],
    ["a short ping", FrameType.PING, 0, word],
    ["a ping on a channel", FrameType.PING, 1, new Uint8Array(8)],
    ["a long credit", FrameType.CREDIT, 1, new Uint8Array(5)],
    ["an end with a body", FrameType.END, 1, word],
  ] as const
) {
  Deno.test(`a frame out of place is the peer's fault: ${what}`, () => {
    expect(() => testMux().mux.receive(type, channel, body)).toThrow(PeerError);
  });
}

Deno.test("numbers of channels only grow", () => {
  const { mux } = testMux();
  mux.receive(FrameType.OPEN, 5, request);
  expect(() => mux.receive(FrameType.OPEN, 5, request)).toThrow(PeerError);
  expect(() => mux.receive(FrameType.OPEN, 3, request)).toThrow(PeerError);
  mux.receive(FrameType.OPEN, 7, request);
});

Deno.test("a peer that opens channels without end is refused, not served", () => {
  const { mux, said } = testMux();
  for (let n = 0; n < 100; n++) mux.receive(FrameType.OPEN, 1 + 2 * n, request);
  expect(mux.size).toBe(MAX_CHANNELS);
  expect(said.length).toBe(100 - MAX_CHANNELS);
  expect(said.every(([type]) => type === FrameType.REFUSE)).toBe(true);
});

Deno.test("frames that crossed the end of a channel are of no interest", () => {
  const { mux } = testMux();
  mux.receive(FrameType.OPEN, 1, request);
  mux.receive(FrameType.RESET, 1, request);
  mux.receive(FrameType.DATA, 1, word);
  mux.receive(FrameType.CREDIT, 1, word);
  mux.receive(FrameType.END, 1, new Uint8Array(0));
  mux.receive(FrameType.RESET, 1, request);
  expect(mux.size).toBe(0);
});
