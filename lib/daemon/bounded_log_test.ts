import { expect } from "expect";
import { silent } from "../base/log.ts";
import { TestClock } from "../../tunnel/testing/clock.ts";
import { boundedLog, LINES_PERIOD_MS, MAX_LINES } from "./bounded_log.ts";

Deno.test("so many lines of a level are written in a period, and the rest is counted", async () => {
  const clock = new TestClock();
  const lines: string[] = [];
  const log = boundedLog(
    {
      ...silent,
      warn: (message) => lines.push(message),
      error: (message) => lines.push(message),
    },
    clock,
  );
  for (let n = 0; n < MAX_LINES + 7; n++) log.warn("junk");
  expect(lines).toEqual(Array(MAX_LINES).fill("junk"));
  log.error("ours");
  expect(lines.pop()).toBe("ours");
  await clock.pass(LINES_PERIOD_MS + 1);
  lines.length = 0;
  log.warn("junk");
  expect(lines).toEqual(["7 more lines like these were left out", "junk"]);
});
