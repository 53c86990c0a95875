/**
 * Power cuts and kills under a journaled file: after any of them the volume is what some prefix of its operations makes, each whole, and no older
 * than the last flush that was answered. CRASH_SEEDS=20000 tries so many lives in place of some hundreds, CRASH_SEED=n one of them again.
 */
import { expect } from "expect";
import { drainIntoFile } from "./drain_target.ts";
import { JournaledStore } from "./journaled_store.ts";
import { crashRuns, type CrashSubject } from "./testing/crash_run.ts";
import { openJournal, soon } from "./testing/journaled.ts";
import { KILLED_WHOLE, PREFIX } from "./testing/oracle.ts";

const SEEDS = 300;
const SIZE_BYTES = 64 * 512;

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
    const runs = await crashRuns(SEEDS, () => journaledFile(batchBytes));
    if (!runs) return;
    const { seeds, tally } = runs;
    // It has not gone blind.
    expect(tally.cuts).toBeGreaterThan(seeds);
    expect(tally.losses).toBeGreaterThan(seeds / 2);
    expect(tally.kills).toBeGreaterThan(seeds / 2);
    expect(tally.operations).toBeGreaterThan(20 * seeds);
  });
}
