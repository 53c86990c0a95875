import { expect } from "expect";
import { median, summarise, table, type Turn } from "./report.ts";
import { WORKLOADS } from "./workload.ts";

Deno.test("medians of odd and even numbers of turns", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

Deno.test("the table shows ratios and what is below them", () => {
  const turn = (key: Turn["key"], perSecond: number): Turn => ({
    ...{ key, perSecond, workload: "4k-read-32" },
    ...{ cpuPerGib: 2, cpuByProcess: {} },
  });
  const lines = summarise(
    WORKLOADS.filter(({ name }) => name === "4k-read-32"),
    [
      turn("a", 14),
      turn("a", 100),
      turn("a", 13),
      turn("b", 28),
      turn("c", 10),
    ],
  );
  const text = table(lines, ["a", "b", "c"]);
  expect(text).toMatch(/4k-read-32 +14 +28 +10 +1\.40 +0\.50 +>= 1\.5 +BELOW/);
});
