/** One lane: a contender's disk for one run, and the tests that are put to it one after the other. */
import type { Contender } from "./contenders.ts";
import { type RunName, RUNS } from "./runs.ts";
import { judge, type Judgement } from "./suite.ts";

export interface Lane {
  readonly contender: Contender;
  readonly run: RunName;
  readonly tests: readonly string[];
}

/** What one test said of one contender in one run. */
export interface Result extends Judgement {
  readonly contender: Contender["name"];
  readonly run: RunName;
  readonly test: string;
  readonly ms: number;
}

/** A lane for each run and contender, with the tests that it holds; that of the slowest test first. */
export function lanesOf(
  contenders: readonly Contender[],
  tests: readonly string[],
): readonly Lane[] {
  return RUNS.toReversed().flatMap((run) =>
    contenders.map((contender) => ({
      contender,
      run: run.name,
      tests: tests.filter((test) => run.holds(test)),
    }))
  );
}

/** Cuts a lane in parts that each have a disk of their own, each every `count`th test: long ones stand side by side. */
export function split(lane: Lane, count: number): readonly Lane[] {
  return Array.from({ length: count }, (_, part) => ({
    ...lane,
    tests: lane.tests.filter((_, at) => at % count === part),
  })).filter(({ tests }) => tests.length > 0);
}

/** Puts a lane's tests to a fresh disk and hands over each result when it is there. */
export async function walk(
  { contender, run, tests }: Lane,
  heed: (result: Result) => void,
): Promise<void> {
  if (tests.length === 0) return;
  await using disk = await contender.open(run);
  for (const test of tests) {
    const began = performance.now();
    const judgement = await judge(test, disk.urls);
    const ms = Math.round(performance.now() - began);
    heed({ contender: contender.name, run, test, ms, ...judgement });
  }
}

/** Runs lanes side by side, at most `width` at a time. Once one has rejected, no other is begun, and this rejects. */
export async function walkAll(
  lanes: readonly Lane[],
  options: { width: number; heed: (result: Result) => void },
): Promise<void> {
  const waiting = [...lanes];
  const walker = async () => {
    for (let lane; (lane = waiting.shift());) {
      try {
        await walk(lane, options.heed);
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: options.width }, walker),
  );
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
