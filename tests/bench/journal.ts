/**
 * What strict order costs: a file store beside the same behind a journal, on one disk, in turns in one run.
 *
 *     deno run -A tests/bench/journal.ts
 *     --folder DIR          where the files are (default: the system's folder for temporary files)
 *     --rounds 3            turns of each store on each load; medians are printed
 *     --seconds 3           length of one turn
 *
 * Writes are of 4 KiB at random places of a volume of 1 GiB that holds data everywhere. The journal is drained all the while, as in a daemon.
 */
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { parseArgs } from "node:util";
import { Journal } from "../../lib/journal/journal.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { openFile } from "../../lib/os/file.ts";
import { openFolder } from "../../lib/os/folder.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { stackStore } from "../../lib/store/stack.ts";
import type { Store } from "../../lib/store/store.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    folder: { type: "string" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
  },
});

const VOLUME_BYTES = 2 ** 30;
const BLOCK_BYTES = 4096;
const BLOCKS = VOLUME_BYTES / BLOCK_BYTES;
/** Others have their turn after so many writes, as between the reads of a connection. */
const TURN_WRITES = 32;

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

/** One load: what each of `writers` does over and over, side by side. */
interface Load {
  readonly name: string;
  readonly writers: number;
  readonly flush: boolean;
}

const LOADS: readonly Load[] = [
  { name: "writes", writers: 1, flush: false },
  { name: "write+flush, 1 at a time", writers: 1, flush: true },
  { name: "write+flush, 32 at a time", writers: 32, flush: true },
];

async function writer(
  store: Store,
  { flush, until }: { readonly flush: boolean; readonly until: number },
): Promise<number> {
  const block = crypto.getRandomValues(new Uint8Array(BLOCK_BYTES));
  let count = 0;
  while (performance.now() < until) {
    const offset = Math.floor(Math.random() * BLOCKS) * BLOCK_BYTES;
    block[0] = count;
    const pending = store.write(offset, block);
    if (pending) await pending;
    if (flush) await store.flush();
    else if (count % TURN_WRITES === 0) await new Promise(setImmediate);
    count++;
  }
  return count;
}

/** Writes a second, with what has to be made stable at the end. */
async function rate(store: Store, load: Load): Promise<number> {
  const began = performance.now();
  const until = began + Number(options.seconds) * 1000;
  const counts = await Promise.all(
    Array.from(
      { length: load.writers },
      () => writer(store, { flush: load.flush, until }),
    ),
  );
  await store.flush();
  const seconds = (performance.now() - began) / 1000;
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}

function volumeFile(path: string) {
  const file = openFile(path, { create: true });
  const bytes = new Uint8Array(2 ** 20).fill(0x5a);
  for (let at = 0; at < VOLUME_BYTES; at += bytes.length) file.write(at, bytes);
  return file;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const folder = Deno.makeTempDirSync({
  prefix: "vault-journal-",
  ...(options.folder !== undefined && { dir: options.folder }),
});
try {
  const journal = await Journal.open({
    folder: openFolder(join(folder, "journal")),
    random: (length) => systemPrimitives.random(length),
  });
  const stores: Readonly<Record<string, Store>> = {
    "file": stackStore({
      bottom: { kind: "file", file: volumeFile(join(folder, "plain")) },
      readOnly: false,
    }),
    "journaled file": stackStore({
      bottom: {
        kind: "journaled file",
        file: volumeFile(join(folder, "journaled")),
        journal,
        clock: systemClock,
      },
      readOnly: false,
    }),
  };
  for (const store of Object.values(stores)) await store.flush();
  say(
    `${"4 KiB at random".padEnd(28)}${
      Object.keys(stores).map((name) => name.padStart(16)).join("")
    }           ratio`,
  );
  for (const load of LOADS) {
    const rates: Record<string, number[]> = {};
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const [name, store] of Object.entries(stores)) {
        (rates[name] ??= []).push(await rate(store, load));
      }
    }
    const medians = Object.values(rates).map(median);
    const figures = medians.map((rate) => rate.toFixed(0).padStart(14) + "/s");
    const ratio = (medians[1]! / medians[0]!).toFixed(2);
    say(`${load.name.padEnd(28)}${figures.join("")}${ratio.padStart(16)}`);
  }
  for (const store of Object.values(stores)) await store.close();
} finally {
  Deno.removeSync(folder, { recursive: true });
}
