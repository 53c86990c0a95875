import { expect } from "expect";
import type { Clock } from "../base/clock.ts";
import { Rates } from "./rates.ts";

/** A clock that stands still until it is told otherwise. */
function handClock() {
  let nowMs = 0;
  let due: (() => void) | undefined;
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: () => new Promise(() => {}),
    after: (_ms, then) => {
      due = then;
      return () => due = undefined;
    },
  };
  const tick = (ms: number) => {
    nowMs += ms;
    due?.();
  };
  return { clock, tick, advance: (ms: number) => nowMs += ms };
}

Deno.test("a rate is that of the last five seconds, not of the whole past", () => {
  const { clock, tick, advance } = handClock();
  const rates = new Rates(clock);
  let bytes = 0;
  rates.start(() => [["a", bytes]]);
  for (let second = 0; second < 10; second++) {
    bytes += 1000;
    tick(1000);
  }
  expect(rates.perSecond("a", bytes)).toBe(1000);
  for (let second = 0; second < 5; second++) tick(1000);
  expect(rates.perSecond("a", bytes)).toBe(0);
  advance(500);
  expect(rates.perSecond("a", bytes + 900)).toBe(200);
});

Deno.test("counters nobody has seen, or that are gone, have no rate", () => {
  const { clock, tick } = handClock();
  const rates = new Rates(clock);
  let counters: [string, number][] = [["a", 10]];
  rates.start(() => counters);
  expect(rates.perSecond("b", 100)).toBe(0);
  counters = [];
  tick(1000);
  expect(rates.perSecond("a", 1_000_000)).toBe(0);
  rates.stop();
});
