/** From turns to medians, and from medians to a page of text. */
import type { Contender } from "./contenders.ts";
import type { Workload } from "./workload.ts";

/** One turn of one contender on one workload. */
export interface Turn {
  readonly key: Contender["key"];
  readonly workload: string;
  readonly perSecond: number;
  /** Processor seconds of all the contender's processes for a GiB. */
  readonly cpuPerGib: number;
  readonly cpuByProcess: Readonly<Record<string, number>>;
}

export interface Line {
  readonly workload: Workload;
  /** Requests a second, by contender. */
  readonly perSecond: Readonly<Partial<Record<Contender["key"], number>>>;
  readonly cpuPerGib: Readonly<Partial<Record<Contender["key"], number>>>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function summarise(
  workloads: readonly Workload[],
  turns: readonly Turn[],
): Line[] {
  return workloads.map((workload) => {
    const perSecond: Partial<Record<Contender["key"], number>> = {};
    const cpuPerGib: Partial<Record<Contender["key"], number>> = {};
    for (const key of new Set(turns.map((turn) => turn.key))) {
      const own = turns.filter((turn) =>
        turn.key === key && turn.workload === workload.name
      );
      if (own.length === 0) continue;
      perSecond[key] = median(own.map((turn) => turn.perSecond));
      cpuPerGib[key] = median(own.map((turn) => turn.cpuPerGib));
    }
    return { workload, perSecond, cpuPerGib };
  });
}

/** `x / y`, or undefined where one of them was not measured. */
export function ratio(
  x: number | undefined,
  y: number | undefined,
): number | undefined {
  return x === undefined || y === undefined || y === 0 ? undefined : x / y;
}

/** The table of figures: requests a second, ratios with the wanted one, processor seconds a GiB. */
export function table(
  lines: readonly Line[],
  keys: readonly Contender["key"][],
): string {
  const has = (key: Contender["key"]) => keys.includes(key);
  const ratios = [
    ...(has("a") && has("c") ? [["a", "c"] as const] : []),
    ...(has("a") && has("b") ? [["a", "b"] as const] : []),
    ...(has("d") && has("b") ? [["d", "b"] as const] : []),
    ...(has("c") && has("b") && !has("a") ? [["c", "b"] as const] : []),
  ];
  const head = [
    "load",
    ...keys.map((key) => `${key} /s`),
    ...ratios.map(([x, y]) => `${x}/${y}`),
    ...(has("a") && has("c") ? ["wanted", ""] : []),
    ...keys.map((key) => `${key} cpu s/GiB`),
  ];
  const rows = lines.map(({ workload, perSecond, cpuPerGib }) => {
    const reached = ratio(perSecond.a, perSecond.c);
    return [
      workload.name,
      ...keys.map((key) => number(perSecond[key], 0)),
      ...ratios.map(([x, y]) => number(ratio(perSecond[x], perSecond[y]), 2)),
      ...(has("a") && has("c")
        ? [
          `>= ${workload.target.toFixed(1)}`,
          reached !== undefined && reached >= workload.target ? "ok" : "BELOW",
        ]
        : []),
      ...keys.map((key) => number(cpuPerGib[key], 2)),
    ];
  });
  return columns([head, ...rows]);
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? "-" : value.toFixed(digits);
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) =>
    Math.max(...rows.map((row) => row[at]!.length))
  );
  return rows.map((row) =>
    row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)
    )
      .join("  ").trimEnd()
  ).join("\n");
}
