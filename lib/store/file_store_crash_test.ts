/**
 * Power cuts and kills under the store on a file: it keeps what it has promised of them, and stores that do not are found out.
 * CRASH_SEEDS=20000 tries so many lives in place of some hundreds, CRASH_SEED=n one of them again.
 */
import { expect } from "expect";
import type { File } from "../base/file.ts";
import { FaultStore } from "./fault_store.ts";
import { FileStore } from "./file_store.ts";
import type { Store } from "./store.ts";
import { crashRun, crashRuns, type CrashSubject } from "./testing/crash_run.ts";
import { KILLED, PREFIX, VOLATILE } from "./testing/oracle.ts";

const SEEDS = 400;
/** So many lives at the most until a store that breaks its promise is found out. */
const FEW = 200;
const SIZE_BYTES = 64 * 512;

const fileStore: CrashSubject = {
  open: (process) => new FileStore(process.open("data", SIZE_BYTES)),
  sizeBytes: SIZE_BYTES,
  afterCut: VOLATILE,
  afterKill: KILLED,
};

Deno.test("a store on a file keeps its promise whatever is cut or killed", async () => {
  const runs = await crashRuns(SEEDS, () => fileStore);
  if (!runs) return;
  const { seeds, tally } = runs;
  // It has not gone blind.
  expect(tally.cuts).toBeGreaterThan(seeds);
  expect(tally.losses).toBeGreaterThan(seeds / 2);
  expect(tally.kills).toBeGreaterThan(seeds / 2);
  expect(tally.operations).toBeGreaterThan(20 * seeds);
});

Deno.test("a store whose every change is stable at once is a prefix of them", async () => {
  const runs = await crashRuns(SEEDS, () => ({
    ...fileStore,
    open: async (process) => {
      const data = process.open("data", SIZE_BYTES);
      // What is opened may have to wait, and a crash comes then, too.
      await data.sync();
      return new FileStore(stableAtOnce(data));
    },
    afterCut: PREFIX,
  }));
  if (!runs) return;
  expect(runs.tally.cuts).toBeGreaterThan(runs.seeds);
  expect(runs.tally.early).toBeGreaterThan(0);
});

Deno.test("so is one whose changes are beside each other for a while", async () => {
  const runs = await crashRuns(SEEDS, () => ({
    ...fileStore,
    open: (process) =>
      new FaultStore(
        new FileStore(stableAtOnce(process.open("data", SIZE_BYTES))),
        ({ index }) => ({ delay: turns(index % 9) }),
      ),
    afterCut: PREFIX,
  }));
  if (runs) expect(runs.tally.cuts).toBeGreaterThan(runs.seeds);
});

Deno.test("the same seed is the same life", async () => {
  const once = await crashRun(fileStore, 7);
  expect(await crashRun(fileStore, 7)).toEqual(once);
});

/** What the harness says of a store that breaks its promise. */
const BROKEN: readonly {
  readonly what: string;
  readonly subject: CrashSubject;
  readonly said: RegExp;
}[] = [
  {
    what: "a plain file, as a prefix",
    subject: { ...fileStore, afterCut: PREFIX },
    said: /^After .*cut: No row of the operations leaves what was found/,
  },
  {
    what: "flushes that sync nothing",
    subject: changed(() => ({ flush: () => Promise.resolve() })),
    said: /^After .*cut: Block \d+ holds .* and ought to hold/,
  },
  {
    what: "a write that is late",
    subject: changed((store) => {
      const late: (() => void)[] = [];
      return {
        write(offset, from) {
          const bytes = from.slice();
          late.push(() => store.write(offset, bytes));
          if (late.length > 2) late.shift()!();
        },
      };
    }),
    said: /^After (.*kill|close): /,
  },
  {
    what: "an atomic write that is none",
    subject: changed((store) => ({
      atomic: {
        maxBytes: SIZE_BYTES,
        write: async (offset, from) => {
          await store.write(offset, from);
          await store.flush();
        },
      },
    })),
    said: /^After .*cut: Block \d+ holds .* \(atomic write, /,
  },
  {
    what: "a change of size that is not stable",
    subject: changed((store) => ({
      resize: (sizeBytes) => {
        void store.resize(sizeBytes).catch(() => {});
        return Promise.resolve();
      },
    })),
    said: /^After .*cut: .*(The volume's length|change of size)/,
  },
];

for (const { what, subject, said } of BROKEN) {
  Deno.test(`found out: ${what}`, async () => {
    const lives = async () => {
      for (let seed = 0; seed < FEW; seed++) await crashRun(subject, seed);
    };
    await expect(lives()).rejects.toThrow(said);
    await expect(lives()).rejects.toThrow(/; CRASH_SEED=\d+ repeats it$/);
  });
}

/** The store on a file, with some of its methods replaced. */
function changed(change: (store: Store) => Partial<Store>): CrashSubject {
  return {
    ...fileStore,
    open: async (process) => {
      const store = await fileStore.open(process);
      const changes = change(store);
      return new Proxy(store, {
        get(_target, name: keyof Store) {
          if (name in changes) return changes[name];
          const value = store[name];
          return typeof value === "function" ? value.bind(store) : value;
        },
      });
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await undefined;
}

function stableAtOnce(file: File): File {
  const then = <T>(value: T): T => {
    file.syncNow();
    return value;
  };
  return {
    read: (offset, into) => file.read(offset, into),
    write: (offset, from) => then(file.write(offset, from)),
    sync: () => file.sync(),
    syncNow: () => file.syncNow(),
    size: () => file.size(),
    truncate: (sizeBytes) => then(file.truncate(sizeBytes)),
    punch: (offset, length) => then(file.punch(offset, length)),
    anchor: (offset, length) => file.anchor(offset, length),
    nextData: (offset) => file.nextData(offset),
    allocated: () => file.allocated(),
    close: () => file.close(),
  };
}
