import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import { parseRateSchedule, unlimited } from "./rate_schedule.ts";

/** In the machine's own time zone; 2026-11-23 is a Monday. */
const at = (day: number, hours: number, minutes = 0) =>
  new Date(2026, 10, 23 + day, hours, minutes).getTime();
const [MON, FRI, SAT, SUN] = [0, 4, 5, 6];
const K = 1024;
const M = K * K;

Deno.test("the example by day, by night and at the weekend", () => {
  const { bytesPerSecondAt } = parseRateSchedule(
    "08:00,1M 19:00,10M sat-sun,off",
  );
  expect(bytesPerSecondAt(at(MON, 8))).toBe(M);
  expect(bytesPerSecondAt(at(MON, 18, 59))).toBe(M);
  expect(bytesPerSecondAt(at(MON, 19))).toBe(10 * M);
  // What began in the evening lasts until the morning.
  expect(bytesPerSecondAt(at(FRI, 0))).toBe(10 * M);
  expect(bytesPerSecondAt(at(FRI, 7, 59))).toBe(10 * M);
  expect(bytesPerSecondAt(at(SAT, 0))).toBeUndefined();
  expect(bytesPerSecondAt(at(SUN, 23, 59))).toBeUndefined();
  expect(bytesPerSecondAt(at(SUN + 1, 0))).toBe(10 * M);
});

Deno.test("rates, days and what no entry names", () => {
  const rate = (text: string, day: number, hours = 12) =>
    parseRateSchedule(text).bytesPerSecondAt(at(day, hours));
  expect(rate("1M", SAT)).toBe(M);
  expect(rate("  1.5m  ", MON)).toBe(1.5 * M);
  expect(rate("2048", MON)).toBe(2048);
  expect(rate("1k", MON)).toBe(K);
  expect(rate("2G", MON)).toBe(2 * K * M);
  expect(rate("off", MON)).toBeUndefined();
  expect(rate("1M SAT,2M", SAT)).toBe(2 * M);
  expect(rate("1M sat,2M", SUN)).toBe(M);
  expect(rate("sat,2M", SUN)).toBeUndefined();
  expect(rate("8:30,2M", MON, 3)).toBe(2 * M);
  // Over the end of the week.
  expect(rate("fri-mon,2M", SUN)).toBe(2 * M);
  expect(rate("fri-mon,2M", MON)).toBe(2 * M);
  expect(rate("fri-mon,2M", 1)).toBeUndefined();
  // The order of the entries says nothing.
  expect(rate("19:00,2M 08:00,1M", MON)).toBe(M);
  expect(unlimited.bytesPerSecondAt(at(MON, 1))).toBeUndefined();
});

Deno.test("what is no schedule is refused with a hint", () => {
  for (
    const text of [
      "",
      " ",
      "1T",
      "-1M",
      "0",
      "1023",
      "1M,08:00",
      "24:00,1M",
      "08:60,1M",
      "8,1M",
      "08:00,",
      ",1M",
      "08:00, 1M",
      "08:00,1M,2M",
      "08:00,1M 8:00,2M",
      "sat-sun,1M sun,2M",
      "1M 2M",
      "1M 00:00,2M",
      "1M 08:00,2M",
      "sat-sun-mon,1M",
      "sa,1M",
      "sat-,1M",
      "1e3",
      "1.M",
      "99999999999999999999G",
    ]
  ) {
    let error: unknown;
    try {
      parseRateSchedule(text);
    } catch (thrown) {
      error = thrown;
    }
    expect([text, error]).toEqual([text, expect.any(VaultError)]);
    expect((error as VaultError).kind).toBe("usage");
    expect((error as VaultError).hint).toBeDefined();
  }
});
