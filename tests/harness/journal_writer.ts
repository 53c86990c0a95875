/**
 * A process that writes to a journaled file until it is killed: `deno run -A tests/harness/journal_writer.ts FOLDER NEXT`. It numbers its writes
 * from NEXT on and prints the number of the last one that a flush has covered.
 */
import { Journal } from "../../lib/journal/journal.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { openFile } from "../../lib/os/file.ts";
import { openFolder } from "../../lib/os/folder.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { drainIntoFile } from "../../lib/store/drain_target.ts";
import { JournaledStore } from "../../lib/store/journaled_store.ts";
import type { Store } from "../../lib/store/store.ts";

export const BLOCKS = 400;
export const BLOCK_BYTES = 4096;

/** Small files and batches, so that files come round while it runs. */
export async function openJournaledFile(folder: string): Promise<Store> {
  const journal = await Journal.open({
    folder: openFolder(`${folder}/journal`),
    random: (length) => systemPrimitives.random(length),
    fileBytes: 512 * 1024,
    maxFiles: 4,
  });
  const target = drainIntoFile(openFile(`${folder}/data`), {
    clock: systemClock,
    batchBytes: 128 * 1024,
  });
  return new JournaledStore({ target, journal, clock: systemClock });
}

/** Where the write of that number goes: any block comes now and then. */
export function blockOf(number: number): number {
  return (Math.imul(number, 0x9e3779b1) >>> 0) % BLOCKS;
}

async function write(folder: string, first: number): Promise<void> {
  const store = await openJournaledFile(folder);
  const block = new Uint8Array(BLOCK_BYTES);
  const words = new Uint32Array(block.buffer);
  for (let number = first;; number++) {
    words.fill(number);
    const pending = store.write(blockOf(number) * BLOCK_BYTES, block);
    if (pending) await pending;
    if (number % 9 !== 0) continue;
    await store.flush();
    Deno.stdout.writeSync(new TextEncoder().encode(`${number}\n`));
  }
}

if (import.meta.main) await write(Deno.args[0]!, Number(Deno.args[1]));
