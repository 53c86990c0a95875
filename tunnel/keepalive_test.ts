import { expect } from "expect";
import { DEAD_PEER_MS, Keepalive, PING_MS } from "./keepalive.ts";
import { TestClock } from "./testing/clock.ts";

function watched() {
  const clock = new TestClock();
  const pings: Uint8Array[] = [];
  let dead = false;
  const keepalive = new Keepalive(clock, {
    ping: (body) => pings.push(body),
    silent: () => dead = true,
  });
  return { clock, keepalive, pings, dead: () => dead };
}

Deno.test("silence is death after at most fifteen seconds, whenever the last byte came", async () => {
  for (const lastMs of [1, PING_MS - 1, PING_MS + 1, 3 * PING_MS - 1]) {
    const { clock, keepalive, dead } = watched();
    for (let ms = 0; ms + 1000 <= lastMs; ms += 1000) {
      await clock.pass(1000);
      keepalive.heard();
    }
    await clock.pass(lastMs % 1000);
    keepalive.heard();
    await clock.pass(2 * PING_MS - 1);
    expect(dead()).toBe(false);
    await clock.pass(DEAD_PEER_MS - 2 * PING_MS + 1);
    expect(dead()).toBe(true);
    expect(clock.timers).toBe(0);
  }
});

Deno.test("time through which this machine slept is not the peer's silence", async () => {
  const { clock, keepalive, dead } = watched();
  await clock.pass(PING_MS);
  await clock.pass(PING_MS - 1);
  for (let n = 0; n < 5; n++) {
    clock.sleepThrough(3_600_000);
    await clock.pass(PING_MS - 1);
    expect(dead()).toBe(false);
  }
  keepalive.stop();
  await clock.pass(10 * DEAD_PEER_MS);
  expect(dead()).toBe(false);
});

Deno.test("the time of a round trip is that of the last ping alone", async () => {
  const { clock, keepalive, pings } = watched();
  expect(keepalive.rttMs).toBeUndefined();
  await clock.pass(PING_MS + 42);
  keepalive.ponged(pings[0]!);
  expect(keepalive.rttMs).toBe(42);
  keepalive.heard();
  await clock.pass(PING_MS);
  keepalive.ponged(pings[0]!);
  expect(keepalive.rttMs).toBe(42);
  keepalive.stop();
});
