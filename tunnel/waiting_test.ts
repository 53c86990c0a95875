import { expect } from "expect";
import { TestClock } from "./testing/clock.ts";
import { MAX_WAITING, MAX_WAITING_PER_HOST, Waiting } from "./waiting.ts";

function room() {
  const clock = new TestClock();
  const dropped: string[] = [];
  const crowded: string[] = [];
  const waiting = new Waiting<string>({
    clock,
    timeoutMs: 1000,
    drop: (socket) => dropped.push(socket),
    crowded: (host) => crowded.push(host),
  });
  return { clock, dropped, crowded, waiting };
}

Deno.test("whoever proves nothing in time is dropped, and whoever does is not", async () => {
  const { clock, dropped, waiting } = room();
  waiting.add("a", "h", "a");
  await clock.pass(500);
  waiting.add("b", "h", "b");
  waiting.add("c", "h", "c");
  waiting.remove("b");
  await clock.pass(500);
  expect(dropped).toEqual(["a"]);
  await clock.pass(500);
  expect(dropped).toEqual(["a", "c"]);
  expect([waiting.size, clock.timers]).toEqual([0, 0]);
});

Deno.test("one host has so much room, and takes it from itself", () => {
  const { dropped, crowded, waiting } = room();
  waiting.add("other", "other", "other");
  for (let n = 0; n < MAX_WAITING_PER_HOST + 3; n++) {
    waiting.add(`h${n}`, "h", `h${n}`);
  }
  expect(dropped).toEqual(["h0", "h1", "h2"]);
  expect(crowded).toEqual(["h", "h", "h"]);
  expect(waiting.size).toBe(MAX_WAITING_PER_HOST + 1);
});

Deno.test("all hosts together have so much room, and the oldest makes place", () => {
  const { dropped, waiting } = room();
  for (let n = 0; n < MAX_WAITING + 2; n++) waiting.add(`${n}`, `${n}`, `${n}`);
  expect(dropped).toEqual(["0", "1"]);
  expect(waiting.size).toBe(MAX_WAITING);
  waiting.dropAll();
  expect(waiting.size).toBe(0);
  expect(dropped.length).toBe(MAX_WAITING + 2);
});

Deno.test("the end of one socket does not release another of the same name", () => {
  const { waiting } = room();
  waiting.add("a", "h", "first");
  waiting.add("a", "h", "second");
  waiting.remove("a", "first");
  expect(waiting.size).toBe(1);
  waiting.remove("a", "second");
  expect(waiting.size).toBe(0);
});
