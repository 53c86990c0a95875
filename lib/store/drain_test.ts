/** When a journal is drained, and in how many writes. */

import { expect } from "expect";
import type { Clock } from "../base/clock.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { CrashDisk } from "../journal/testing/crash_disk.ts";
import { BatchBuffers } from "./batch_buffers.ts";
import { DrainIntoStore, type DrainPiece } from "./drain_target.ts";
import { JournaledStore } from "./journaled_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { FILE_BYTES, noTime, openJournal } from "./testing/journaled.ts";

const SECTOR = new Uint8Array(512).fill(7);
const SIZE_BYTES = 64 * 1024;

/** Time that goes on when it is told to. */
class HandTime implements Clock {
  #timers: { readonly ms: number; readonly then: () => void }[] = [];
  now = () => 0;
  monotonic = () => 0;
  sleep = () => Promise.resolve();

  after(ms: number, then: () => void): () => void {
    const timer = { ms, then };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((one) => one !== timer);
  }

  /** Timers of no more than so many milliseconds are over. */
  pass(ms: number): void {
    const over = this.#timers.filter((timer) => timer.ms <= ms);
    this.#timers = this.#timers.filter((timer) => timer.ms > ms);
    for (const { then } of over) then();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await undefined;
}

/** A store that drains from 1 KiB on, and lets up to 8 KiB wait. */
async function patient({ mayWaitBytes = 8192, maxFiles = 4 } = {}) {
  const clock = new HandTime();
  const batches: number[] = [];
  const memory = new MemoryStore(SIZE_BYTES);
  const target = new DrainIntoStore(memory, { clock, batchBytes: 1024 });
  const apply = target.apply.bind(target);
  target.apply = (batch) => {
    batches.push(batch.last);
    return apply(batch);
  };
  const disk = new CrashDisk(new Dice(1));
  const journal = await openJournal(disk.folder("j"), { maxFiles });
  const store = new JournaledStore({
    ...{ target, journal, clock },
    mayWaitBytes,
  });
  return { clock, batches, store, journal };
}

Deno.test("while somebody writes without a pause what was written waits, and is drained once nobody does", async () => {
  const { clock, batches, store } = await patient();
  for (let n = 0; n < 5; n++) {
    await store.write(n * 512, SECTOR);
    clock.pass(50);
    await settle();
  }
  expect(batches).toEqual([]);
  clock.pass(50);
  await settle();
  expect(batches.at(-1)).toBeGreaterThanOrEqual(4);
  await store.close();
});

Deno.test("what waits is not more than may wait, however long somebody writes", async () => {
  const { clock, batches, store } = await patient();
  for (let n = 0; n < 40; n++) {
    await store.write(n * 512, SECTOR);
    clock.pass(50);
    await settle();
    expect(store.undrainedBytes).toBeLessThan(8192 + 1024);
  }
  expect(batches.length).toBeGreaterThan(10);
  await store.close();
});

Deno.test("what may wait does not, where somebody waits for it, or its time is over", async () => {
  const { clock, store } = await patient();
  for (let n = 0; n < 6; n++) await store.write(n * 512, SECTOR);
  await store.drain();
  expect(store.undrainedBytes).toBe(0);
  for (let n = 0; n < 6; n++) await store.write(n * 512, SECTOR);
  await settle();
  expect(store.undrainedBytes).toBeGreaterThan(0);
  clock.pass(5000);
  await settle();
  expect(store.undrainedBytes).toBe(0);
  await store.close();
});

Deno.test("files that a burst has taken are given back when nobody has written for a while, or at once to who wants a copy", async () => {
  const { clock, store, journal } = await patient({
    ...{ mayWaitBytes: 8 * FILE_BYTES, maxFiles: 12 },
  });
  for (let n = 0; n < 500; n++) await store.write((n % 100) * 512, SECTOR);
  clock.pass(5000);
  while (store.undrainedBytes > 0) await settle();
  clock.pass(9999);
  await settle();
  expect(journal.sizeBytes).toBe(9 * FILE_BYTES);
  clock.pass(10_000);
  await settle();
  // One that is being written, and four that are spare.
  expect(journal.sizeBytes).toBe(5 * FILE_BYTES);
  for (let n = 0; n < 500; n++) await store.write((n % 100) * 512, SECTOR);
  expect(journal.sizeBytes).toBeGreaterThan(7 * FILE_BYTES);
  await store.drain();
  expect(journal.sizeBytes).toBe(5 * FILE_BYTES);
  await store.write(0, SECTOR);
  await store.close();
});

Deno.test("short writes to places beside each other are one, and all bytes are where they belong", async () => {
  const memory = new MemoryStore(4 << 20);
  const dice = new Dice(3);
  const pieces: DrainPiece[] = [];
  const expected = new Uint8Array(memory.sizeBytes);
  for (let offset = 0; offset < memory.sizeBytes;) {
    const kind = dice.next(10);
    const room = memory.sizeBytes - offset;
    const most = kind === 0 ? 100_000 : 8192;
    const length = Math.min(room, 512 * (1 + dice.next(most / 512)));
    if (kind === 1) pieces.push({ kind: "zero", offset, length });
    else if (kind > 2) {
      const data = dice.bytes(length);
      expected.set(data, offset);
      pieces.push({ kind: "write", offset, data });
    }
    offset += length;
  }
  let writes = 0;
  const write = memory.write.bind(memory);
  memory.write = (offset, from) => {
    writes++;
    return write(offset, from);
  };
  const target = new DrainIntoStore(memory, { clock: noTime });
  await target.apply({ first: 1, last: 2, pieces });
  const found = new Uint8Array(memory.sizeBytes);
  await memory.read(0, found);
  expect(found).toEqual(expected);
  expect(writes).toBeLessThan(pieces.length / 2);
});

Deno.test("memory for batches is used again, and given back after a while", () => {
  const clock = new HandTime();
  const buffers = new BatchBuffers(clock, 512);
  const first = buffers.take();
  buffers.putBack(first);
  buffers.rest();
  expect(buffers.take()).toBe(first);
  buffers.putBack(first);
  // Nobody rests: it is kept.
  clock.pass(60_000);
  expect(buffers.take()).toBe(first);
  buffers.putBack(first);
  buffers.rest();
  clock.pass(60_000);
  expect(buffers.take()).not.toBe(first);
});
