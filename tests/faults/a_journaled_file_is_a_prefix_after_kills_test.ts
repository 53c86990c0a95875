/** A process that writes to a journaled file is killed, again and again: what is there is all that it wrote up to some write, and all it flushed. */
import { expect } from "expect";
import {
  BLOCK_BYTES,
  blockOf,
  BLOCKS,
  openJournaledFile,
} from "../harness/journal_writer.ts";
import { Program } from "../harness/process.ts";
import { TempDir } from "../harness/temp_dir.ts";

const KILLS = 8;
const WRITER =
  new URL("../harness/journal_writer.ts", import.meta.url).pathname;

/** Lets a writer write for a while and kills it. Gives the number of the last write that it says was flushed. */
async function writeAndKill(
  folder: string,
  { next, ms }: { readonly next: number; readonly ms: number },
): Promise<number> {
  const args = ["run", "-A", "--no-check", WRITER, folder, String(next)];
  const writer = new Program({ command: Deno.execPath(), args });
  for (let waited = 0; writer.stdout === ""; waited += 10) {
    if (waited > 60_000) throw new Error(`No write: ${writer.stderr}`);
    await new Promise((go) => setTimeout(go, 10));
  }
  await new Promise((go) => setTimeout(go, ms));
  await writer.stop("SIGKILL");
  const lines = writer.stdout.split("\n");
  // What follows the last newline may be half of a number.
  return Number(lines.at(-2));
}

/** The number of the last write that is there; all before it are, and nothing else is. */
async function lastWrite(folder: string): Promise<number> {
  const store = await openJournaledFile(folder);
  const found = new Uint32Array(BLOCKS);
  const block = new Uint8Array(BLOCK_BYTES);
  const words = new Uint32Array(block.buffer);
  for (let n = 0; n < BLOCKS; n++) {
    store.read(n * BLOCK_BYTES, block);
    found[n] = words[0]!;
    expect(words.every((word) => word === found[n])).toBe(true);
  }
  await store.close();
  const last = found.reduce((a, b) => Math.max(a, b));
  const expected = new Uint32Array(BLOCKS);
  for (let number = 1; number <= last; number++) {
    expected[blockOf(number)] = number;
  }
  expect(found).toEqual(expected);
  return last;
}

Deno.test("a journaled file is a prefix of its writes whenever its process is killed", async () => {
  using folder = new TempDir();
  const data = Deno.openSync(folder.at("data"), { create: true, write: true });
  data.truncateSync(BLOCKS * BLOCK_BYTES);
  data.close();
  let last = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const ms = 30 + 70 * kill;
    const flushed = await writeAndKill(folder.path, { next: last + 1, ms });
    expect(flushed).toBeGreaterThan(last);
    last = await lastWrite(folder.path);
    expect(last).toBeGreaterThanOrEqual(flushed);
  }
  // The journal came round: what it holds is much less than what was written.
  expect(last).toBeGreaterThan(1000);
});
