import { expect } from "expect";
import { parseMetrics } from "./metrics_text.ts";

const GOOD = '# HELP a_total x\n# TYPE a_total counter\na_total{v="1"} 2\n' +
  "\n# HELP b y\n# TYPE b gauge\nb -1.5e+21\n";

Deno.test("a page is read, and one that breaks a rule is refused", () => {
  const page = parseMetrics(GOOD);
  expect(
    [...page].map((
      [name, { type, help, samples }],
    ) => [name, type, help, [...samples]]),
  ).toEqual([
    ["a_total", "counter", "x", [['v="1"', 2]]],
    ["b", "gauge", "y", [["", -1.5e21]]],
  ]);
  const bad: readonly (readonly [string, string])[] = [
    [GOOD, GOOD.slice(0, -1)],
    ["b -1.5e+21", "b -1.5e+21\nb 2"],
    ["b -1.5e+21", "b 1,5"],
    ["b -1.5e+21", "b"],
    ["b -1.5e+21", 'a_total{v="2"} 1'],
    ["# TYPE b gauge\n", ""],
    ["# HELP b y\n", ""],
    ["# TYPE b", "# TYPE c"],
    ["# HELP b", "# HELP a_total"],
    ["gauge", "figure"],
    ['v="1"} 2', 'v="1"} -2'],
    ['v="1"', 'v="1",v="2"'],
    ['v="1"', 'v="""'],
    ['v="1"', "v=1"],
    ['v="1"', '1v="1"'],
    ['v="1"', 'v="\\x"'],
  ];
  for (const [from, to] of bad) {
    const text = GOOD.replace(from, () => to);
    expect(text).not.toBe(GOOD);
    expect(() => parseMetrics(text)).toThrow();
  }
});
