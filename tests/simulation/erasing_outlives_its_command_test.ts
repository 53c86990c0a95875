/** SANITIZE goes on through everything that ends commands and sessions, and nobody gets at the medium before it is over. */
import { expect } from "expect";
import { FaultStore } from "../../lib/store/fault_store.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import { type Client, served } from "./served_disk.ts";

const SIZE_BYTES = 3 * 1024 * 1024;
const ABORT_TASK = 1;
const LOGICAL_UNIT_RESET = 5;
const TARGET_COLD_RESET = 7;
const IN_PROGRESS = "2 04/1b";

const READY = Uint8Array.of(0, 0, 0, 0, 0, 0);
const READ = Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
const OVERWRITE = Uint8Array.of(0x48, 0x01, 0, 0, 0, 0, 0, 0, 5, 0);
const LIST = Uint8Array.of(1, 0, 0, 1, 0xaa);

/** What TEST UNIT READY says once unit attentions are taken. */
async function ready(client: Client): Promise<string> {
  for (;;) {
    const { verdict } = await client.run({ cdb: READY });
    if (!verdict.startsWith("6 ")) return verdict;
  }
}

/** A store that stays in the middle of a write, counted from 0, until it is released. */
function halting(at: number) {
  const delay = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const memory = new MemoryStore(SIZE_BYTES);
  const store = new FaultStore(memory, ({ kind, index }) => {
    if (kind !== "write" || index !== at) return undefined;
    begun.resolve();
    return { delay: delay.promise };
  });
  return { memory, store, atWork: begun.promise, release: delay.resolve };
}

Deno.test("a sanitizing outlives ABORT TASK, resets and its session", async () => {
  const { memory, store, atWork, release } = halting(1);
  await using disk = served(store);
  const client = await disk.connect();
  const other = await disk.connect("other");
  let tag = 0;
  const asked = client.session.command({
    lun: 0,
    cdb: OVERWRITE,
    dataOut: LIST,
    onTag: (it) => tag = it,
  });
  const ended = asked.then(() => "answered", () => "aborted");
  await atWork;
  expect(await ready(other)).toBe(IN_PROGRESS);
  expect((await other.run({ cdb: READ, dataInLength: 512 })).verdict)
    .toMatch(new RegExp(`^${IN_PROGRESS}`));
  const abort = { function: ABORT_TASK, referencedTaskTag: tag };
  expect(await client.session.taskManagement(abort)).toBe(0);
  expect(await ended).toBe("aborted");
  expect(await ready(client)).toBe(IN_PROGRESS);
  expect(await other.session.taskManagement({ function: LOGICAL_UNIT_RESET }))
    .toBe(0);
  expect(await ready(other)).toBe(IN_PROGRESS);
  await client.session.logout();
  expect(await other.session.taskManagement({ function: TARGET_COLD_RESET }))
    .toBe(0);
  const late = await disk.connect("late");
  expect(await ready(late)).toBe(IN_PROGRESS);
  release();
  await disk.volume.order.settled();
  expect(await ready(late)).toBe("GOOD");
  const all = new Uint8Array(SIZE_BYTES);
  memory.read(0, all);
  expect(all.every((byte) => byte === 0xaa)).toBe(true);
});

Deno.test("a disk that is let go of in the middle waits for one piece and no more", async () => {
  const { memory, store, atWork, release } = halting(0);
  {
    await using disk = served(store);
    const client = await disk.connect();
    const cdb = OVERWRITE.slice();
    // IMMED.
    cdb[1] = 0x81;
    expect((await client.run({ cdb, dataOut: LIST })).verdict).toBe("GOOD");
    await atWork;
    const gone = disk.targets.drain(0);
    release();
    await gone;
    const last = new Uint8Array(512);
    memory.read(SIZE_BYTES - 512, last);
    expect(last.every((byte) => byte === 0)).toBe(true);
  }
});
