import { expect } from "expect";
import fc from "fast-check";
import { VaultError } from "../lib/base/errors.ts";
import { formatDuration, parseDuration } from "./duration.ts";

Deno.test("durations are read as people write them", () => {
  for (
    const [text, ms] of [
      ["90s", 90_000],
      ["15m", 900_000],
      ["2h", 7_200_000],
      ["1d", 86_400_000],
      ["1h30m", 5_400_000],
      ["1H", 3_600_000],
      [" 1s ", 1000],
    ] as const
  ) expect(parseDuration(text)).toBe(ms);
});

Deno.test("what is no duration is refused with a hint", () => {
  for (
    const text of [
      "",
      "15",
      "0m",
      "m",
      "-1m",
      "1.5h",
      "1w",
      "15 m",
      "99999999d",
    ]
  ) expect(() => parseDuration(text)).toThrow(VaultError);
  try {
    parseDuration("15");
  } catch (thrown) {
    expect((thrown as VaultError).hint).toContain("15 of what?");
  }
});

Deno.test("nothing but VaultError escapes from junk, and what is read is positive", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[0-9smhd]{1,30}$/)),
      (text) => {
        try {
          const ms = parseDuration(text);
          expect(Number.isSafeInteger(ms) && ms > 0).toBe(true);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(VaultError);
        }
      },
    ),
  );
});

Deno.test("durations are shown in their two largest units", () => {
  for (
    const [ms, text] of [
      [-5, "0 s"],
      [400, "0 s"],
      [40_000, "40 s"],
      [900_000, "15 min"],
      [3_661_000, "1 h 1 min"],
      [3_601_000, "1 h"],
      [86_400_000 * 2.5, "2 d 12 h"],
    ] as const
  ) expect(formatDuration(ms)).toBe(text);
});
