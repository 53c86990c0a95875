/**
 * What somebody between TLS and the records could do, done to a link that is up: every case ends it before one wrong byte is read.
 * The same over real TLS is in `hostile_test.ts`.
 */

import { expect } from "expect";
import { equalBytes } from "../lib/base/bytes.ts";
import { ConnectionLost } from "../lib/base/errors.ts";
import type { Channel } from "./channel.ts";
import { TAG_BYTES } from "./mac.ts";
import { settled } from "./testing/clock.ts";
import {
  channelPair,
  type LinkPair,
  linkPair,
  pattern,
} from "./testing/links.ts";

const CHUNK_BYTES = 1000;
/** Which write of the device is meddled with: the channel's opening is number 0. */
const TARGET = 3;

/** All that a reader gets until its channel ends, and what ended it. */
async function readToEnd(
  channel: Channel,
): Promise<{ got: Uint8Array; thrown: unknown }> {
  const got = new Uint8Array(100 * CHUNK_BYTES);
  let at = 0;
  try {
    while (true) {
      const bytes = await channel.read();
      if (!bytes) return { got: got.subarray(0, at), thrown: undefined };
      got.set(bytes, at);
      at += bytes.length;
    }
  } catch (thrown) {
    return { got: got.subarray(0, at), thrown };
  }
}

/** Records of another link with other keys, and of an earlier one with these. */
async function recordsOf(seed: number): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  const pair = linkPair({
    seed,
    meddle: (bytes) => {
      records.push(bytes.slice());
      return [bytes];
    },
  });
  await sendChunks(pair, 8);
  return records;
}

/** Writes chunks, each in a record of its own, while the node reads; at the end the connection is closed without a goodbye. */
async function sendChunks(
  pair: LinkPair,
  count: number,
): Promise<{ got: Uint8Array; thrown: unknown }> {
  const { device, node } = await channelPair(pair);
  const reading = readToEnd(node);
  for (let n = 0; n < count; n++) {
    try {
      await device.write(pattern(CHUNK_BYTES, n));
      await settled();
    } catch (thrown) {
      // The link may end while the device still writes: that is what it is about.
      expect(thrown).toBeInstanceOf(ConnectionLost);
    }
  }
  await pair.wires.device.close();
  return await reading;
}

const otherLink = await recordsOf(2);

type Meddle = (
  now: Uint8Array,
  before: readonly Uint8Array[],
) => readonly Uint8Array[];

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at < 0 ? copy.length + at : at]! ^= 0x10;
  return copy;
};

const cases: Record<string, Meddle> = {
  "a bit of the payload flipped": (now) => [flipped(now, 100)],
  "a bit of the header flipped": (now) => [flipped(now, 0)],
  "a bit of the number flipped": (now) => [flipped(now, 15)],
  "a bit of the length flipped": (now) => [flipped(now, 7)],
  "a bit of the tag flipped": (now) => [flipped(now, -1)],
  "the record dropped": () => [],
  "the record repeated": (now) => [now, now],
  "an earlier record repeated": (now, before) => [before[1]!, now],
  "the record exchanged for one of another link": () => [otherLink[TARGET]!],
  "a record of another link put in": (now) => [otherLink[TARGET]!, now],
  "the end of the record cut off": (now) => [now.subarray(0, -TAG_BYTES)],
  "the beginning of the record cut off": (now) => [now.subarray(1)],
  "bytes put in before it": (now) => [Uint8Array.of(0), now],
  "the tag of another record": (now, before) => [
    now.subarray(0, -TAG_BYTES),
    before[2]!.subarray(-TAG_BYTES),
  ],
};

const waits = [
  "a bit of the length flipped",
  "the end of the record cut off",
  "the beginning of the record cut off",
  "bytes put in before it",
];

for (const [what, meddle] of Object.entries(cases)) {
  Deno.test(`${what}: caught before it is read`, async () => {
    const before: Uint8Array[] = [];
    const pair = linkPair({
      meddle: (bytes) => {
        before.push(bytes.slice());
        return before.length - 1 === TARGET ? meddle(bytes, before) : [bytes];
      },
    });
    const { got, thrown } = await sendChunks(pair, 8);
    expect(thrown).toBeInstanceOf(ConnectionLost);
    // What came before is there, whole and right, and nothing after it.
    const passed = what === "the record repeated" ? TARGET : TARGET - 1;
    expect(got.length).toBe(passed * CHUNK_BYTES);
    for (let n = 0; n < passed; n++) {
      const chunk = got.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES);
      expect(equalBytes(chunk, pattern(CHUNK_BYTES, n))).toBe(true);
    }
    const { kind } = await pair.node.closed;
    // Where bytes are missing, or a length is wrong, what comes is waited for until the connection ends.
    if (waits.includes(what)) expect(["tampered", "cut"]).toContain(kind);
    else expect(kind).toBe("tampered");
    expect(pair.node.stats.macFailures).toBe(kind === "tampered" ? 1 : 0);
    expect(["tampered", "cut"]).toContain((await pair.device.closed).kind);
  });
}

Deno.test("two records swapped: caught before either is read", async () => {
  let held: Uint8Array | undefined;
  let count = 0;
  const pair = linkPair({
    meddle: (bytes) => {
      if (count++ === TARGET) {
        held = bytes.slice();
        return [];
      }
      const swapped = held ? [bytes, held] : [bytes];
      held = undefined;
      return swapped;
    },
  });
  const { got } = await sendChunks(pair, 8);
  expect(got.length).toBe((TARGET - 1) * CHUNK_BYTES);
  expect((await pair.node.closed).kind).toBe("tampered");
});

Deno.test("a record sent back to its sender is not the other end's", async () => {
  let record: Uint8Array | undefined;
  const pair = linkPair({
    meddle: (bytes) => {
      record ??= bytes.slice();
      return [bytes];
    },
  });
  const { device } = await channelPair(pair);
  void pair.wires.node.write(record!);
  await expect(device.read()).rejects.toThrow(ConnectionLost);
  expect((await pair.device.closed).kind).toBe("tampered");
});

Deno.test("the goodbye kept back, and the connection closed: a cut, not an end", async () => {
  let closing = false;
  const pair = linkPair({ meddle: (bytes) => closing ? [] : [bytes] });
  const { device, node } = await channelPair(pair);
  const reading = readToEnd(node);
  for (const n of [0, 1]) await device.write(pattern(CHUNK_BYTES, n));
  await settled();
  closing = true;
  const closed = pair.device.close();
  await pair.wires.device.close();
  const { got, thrown } = await reading;
  expect(got.length).toBe(2 * CHUNK_BYTES);
  expect(thrown).toBeInstanceOf(ConnectionLost);
  expect((await pair.node.closed).kind).toBe("cut");
  await closed;
});

Deno.test("the end of a channel kept back: its reader never takes what it has for all", async () => {
  let count = 0;
  const pair = linkPair({ meddle: (bytes) => count++ === 2 ? [] : [bytes] });
  const { device, node } = await channelPair(pair);
  const reading = readToEnd(node);
  await device.write(pattern(10));
  await settled();
  await device.close();
  await settled();
  // The END frame was in the record that was dropped; the next one shows the gap.
  const asking = pair.device.open({});
  const { got, thrown } = await reading;
  expect(got).toEqual(pattern(10));
  expect(thrown).toBeInstanceOf(ConnectionLost);
  expect((await pair.node.closed).kind).toBe("tampered");
  await expect(asking).rejects.toThrow(ConnectionLost);
});
