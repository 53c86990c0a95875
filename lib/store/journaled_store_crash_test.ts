/**
 * Power cuts and kills under a journaled file: after any of them the volume is what some prefix of its operations makes, each whole, and no older
 * than the last flush that was answered. CRASH_SEEDS=20000 tries so many lives in place of some hundreds, CRASH_SEED=n one of them again.
 */
import { expect } from "expect";
import type { Clock } from "../base/clock.ts";
import { drainIntoFile } from "./drain_target.ts";
import { JournaledStore } from "./journaled_store.ts";
import {
  crashRun,
  type CrashSubject,
  type CrashTally,
} from "./testing/crash_run.ts";
import { openJournal } from "./testing/journaled.ts";
import { type Contract, KILLED, PREFIX } from "./testing/oracle.ts";

const ONE = Deno.env.get("CRASH_SEED");
const SEEDS = Number(Deno.env.get("CRASH_SEEDS") ?? 300);
const SIZE_BYTES = 64 * 512;

/** Nothing that was answered is missing, and nothing is there in part. */
const KILLED_WHOLE: Contract = { ...KILLED, torn: false };

/** Time that passes by itself: what is to be done later is done some turns later. */
const soon: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: async () => {
    for (let turn = 0; turn < 3; turn++) await undefined;
  },
  after(_ms, then) {
    let wanted = true;
    void (async () => {
      for (let turn = 0; turn < 30; turn++) await undefined;
      if (wanted) then();
    })();
    return () => wanted = false;
  },
};

/** Small files and batches: the journal comes round many times in each life. */
function journaledFile(batchBytes: number): CrashSubject {
  return {
    open: async (process) => {
      const journal = await openJournal(process.folder("journal"), {
        fileBytes: 48 * 512,
        maxFiles: 3,
      });
      const file = process.open("data", SIZE_BYTES);
      const target = drainIntoFile(file, { clock: soon, batchBytes });
      return new JournaledStore({ target, journal, clock: soon });
    },
    sizeBytes: SIZE_BYTES,
    afterCut: PREFIX,
    afterKill: KILLED_WHOLE,
  };
}

for (const batchBytes of [512, 16 * 1024]) {
  Deno.test(`a journaled file, drained ${batchBytes} bytes at a time, is a prefix of its operations whatever is cut or killed`, async () => {
    const sum: Record<string, number> = {};
    const seeds = ONE === undefined ? [...Array(SEEDS).keys()] : [Number(ONE)];
    for (const seed of seeds) {
      const tally = await crashRun(journaledFile(batchBytes), seed);
      for (const name of Object.keys(tally) as (keyof CrashTally)[]) {
        sum[name] = (sum[name] ?? 0) + tally[name];
      }
    }
    if (ONE !== undefined) return;
    // It has not gone blind.
    expect(sum.cuts).toBeGreaterThan(SEEDS);
    expect(sum.losses).toBeGreaterThan(SEEDS / 2);
    expect(sum.kills).toBeGreaterThan(SEEDS / 2);
    expect(sum.operations).toBeGreaterThan(20 * SEEDS);
  });
}
