/**
 * A link in virtual time whose connection is cut again and again, at any byte, while both ends write and read at will: every byte arrives
 * once and in order, and what is kept stays bounded. A seed makes the whole run; a failure names it.
 *
 *     RESUME_SEEDS=20000 deno test -A tunnel/resume_simulation_test.ts      as many seeds
 *     RESUME_SEED=4711 deno test -A tunnel/resume_simulation_test.ts        that one
 */

import { expect } from "expect";
import type { Channel } from "./channel.ts";
import { KEPT_BYTES, ROOM_BYTES } from "./sender.ts";
import { settled, TestClock } from "./testing/clock.ts";
import { channelPair, type LinkPair, linkPair } from "./testing/links.ts";

const SEEDS = Number(Deno.env.get("RESUME_SEEDS") ?? 300);
const ONE = Deno.env.get("RESUME_SEED");
const STEPS = 60;
const WINDOW_MS = 120_000;

/** Numbers below a limit, the same ones for the same seed (mulberry32). */
function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** The byte at a place of a stream, told from its neighbours and from those of other streams. */
const byteAt = (stream: number, at: number) =>
  (Math.imul(at + 1, 2654435761) >>> 11 ^ stream * 37) & 0xff;

/** One direction of a channel: what was written, and what of it was read. */
class Stream {
  written = 0;
  read = 0;
  #reading = false;
  constructor(
    readonly number: number,
    readonly from: Channel,
    readonly to: Channel,
  ) {}

  write(length: number): void {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      bytes[i] = byteAt(this.number, this.written + i);
    }
    this.written += length;
    this.from.write(bytes).catch(() => {});
  }

  /** Reads all that comes from now on, piece by piece. */
  async readOn(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    const bytes = await this.to.read();
    this.#reading = false;
    if (!bytes) throw new Error("A stream ended");
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== byteAt(this.number, this.read + i)) {
        throw new Error(
          `Stream ${this.number}, byte ${this.read + i}: another`,
        );
      }
    }
    this.read += bytes.length;
  }
}

async function run(seed: number): Promise<void> {
  const roll = dice(seed);
  const clock = new TestClock();
  const pair = linkPair({
    clock,
    resumeWindowMs: WINDOW_MS,
    chunkBytes: 1 + roll(20_000),
    windowBytes: 1 + roll(300_000),
    renewal: { records: 5 + roll(50), bytes: 2 ** 20 },
  });
  const streams: Stream[] = [];
  for (let n = 0; n < 1 + roll(3); n++) {
    const { device, node } = await channelPair(pair);
    streams.push(new Stream(2 * n, device, node));
    streams.push(new Stream(2 * n + 1, node, device));
  }
  const faults: unknown[] = [];
  void acceptAll(pair);
  const readOn = (stream: Stream) =>
    void stream.readOn().catch((thrown) => faults.push(thrown));
  for (let step = 0; step < STEPS; step++) {
    const stream = streams[roll(streams.length)]!;
    const what = roll(10);
    if (what < 4) stream.write(1 + roll(roll(4) === 0 ? 400_000 : 5_000));
    else if (what < 7) readOn(stream);
    else if (what === 7) cut(pair, roll);
    else if (what === 8) reconnect(pair);
    else if (roll(2) === 0) come(pair, roll(3));
    else await clock.pass(roll(20_000));
    await settled(1 + roll(2));
    bounded(pair, streams);
  }
  // In the end both are connected, and all is read.
  for (let turn = 0; streams.some(({ read, written }) => read < written);) {
    reconnect(pair);
    for (const stream of streams) {
      if (stream.read < stream.written) readOn(stream);
    }
    await settled(4);
    if (++turn > 4000) throw new Error("It does not come to an end");
    if (faults.length > 0) break;
  }
  for (const fault of faults) throw fault;
  reconnect(pair);
  expect([pair.device.state, pair.node.state]).toEqual(["up", "up"]);
  await Promise.all([pair.device.close(), pair.node.close()]);
  expect(pair.device.stats.macFailures + pair.node.stats.macFailures).toBe(0);
}

/** Channels besides the streams: what comes on them is read until it ends. */
async function acceptAll(pair: LinkPair): Promise<void> {
  for (let incoming; (incoming = await pair.node.accept());) {
    const channel = incoming.accept();
    const drain = async () => {
      while (await channel.read());
      await channel.close();
    };
    void drain().catch(() => {});
  }
}

/** A channel comes and goes: it is ended, or cut by this end as soon as it is there, or after some bytes. */
function come(pair: LinkPair, how: number): void {
  const use = async () => {
    const channel = await pair.device.open({ kind: "short" });
    if (how > 0) await channel.write(new Uint8Array(1000));
    if (how > 1) await channel.close();
    else channel.abort();
  };
  // There may be as many as there can be while nothing is answered.
  void use().catch(() => {});
}

/** One end, the other, or both lose the connection, at whatever byte it is. */
function cut(pair: LinkPair, roll: (below: number) => number): void {
  const who = roll(3);
  if (who !== 1 && pair.device.state === "up") pair.device.pause("cut");
  if (who !== 0 && pair.node.state === "up") pair.node.pause("cut");
}

function reconnect(pair: LinkPair): void {
  if (pair.device.state === "up" && pair.node.state === "up") return;
  pair.reconnect();
}

function bounded(pair: LinkPair, streams: readonly Stream[]): void {
  // A write is one piece: each stream may have begun one more when there was no room left.
  const limit = KEPT_BYTES + 2 * ROOM_BYTES + streams.length * 400_000;
  for (const end of [pair.device, pair.node]) {
    if (end.keptBytes > limit) throw new Error(`${end.keptBytes} bytes kept`);
  }
}

Deno.test("a link that is cut anywhere and goes on loses, doubles and swaps nothing", async () => {
  const seeds = ONE === undefined
    ? Array.from({ length: SEEDS }, (_, at) => at + 1)
    : [Number(ONE)];
  for (const seed of seeds) {
    try {
      await run(seed);
    } catch (cause) {
      throw new Error(`RESUME_SEED=${seed}: ${cause}`, { cause });
    }
  }
});
