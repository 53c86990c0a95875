import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { CrashDisk } from "../journal/testing/crash_disk.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { faultOf, pattern } from "./conformance.ts";
import { drainIntoFile, DrainIntoStore } from "./drain_target.ts";
import { FaultStore } from "./fault_store.ts";
import { FileStore } from "./file_store.ts";
import { JournaledStore } from "./journaled_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { FakeFile } from "./testing.ts";
import { read, settle, SIZE_BYTES } from "./testing/held_target.ts";
import { intoMemory, noTime, openJournal } from "./testing/journaled.ts";

function noSpace(): Error {
  return Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
}

/** Cannot tell before it is written to that it has no room, as where files share their bytes. */
class FullPlace {
  isFull = true;
  readonly store = new FaultStore(
    new MemoryStore(SIZE_BYTES),
    ({ kind }) =>
      kind === "write" && this.isFull ? { before: noSpace() } : undefined,
  );
}

/** A store over such a place, and the pauses that its drain makes. */
async function storeWithoutRoom() {
  const place = new FullPlace();
  const sleeps: { ms: number; wake: () => void }[] = [];
  const clock: Clock = {
    ...noTime,
    sleep: (ms) =>
      new Promise((wake) => ms === 0 ? wake() : sleeps.push({ ms, wake })),
  };
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  const target = new DrainIntoStore(place.store, { clock, batchBytes: 1 });
  const store = new JournaledStore({ target, journal, clock });
  return { place, sleeps, journal, store };
}

Deno.test("a target that finds no room stops the drain until it does, and the volume goes on", async () => {
  const { place, sleeps, store } = await storeWithoutRoom();
  store.write(0, new Uint8Array(512).fill(1));
  await settle();
  expect(store.trouble).toBe("Could not drain: No space to write: ENOSPC");
  expect(sleeps.map(({ ms }) => ms)).toEqual([1000]);
  expect(store.health.state).toBe("ok");
  store.write(512, new Uint8Array(512).fill(2));
  await store.flush();
  expect(read(store, 0, 1024)[1023]).toBe(2);
  place.isFull = false;
  sleeps[0]!.wake();
  await settle();
  expect(store.trouble).toBeUndefined();
  expect(store.undrainedBytes).toBe(0);
  await store.close();
});

Deno.test("who is patient waits until the target takes what was written, and nobody waits for him; who is not is told", async () => {
  const { place, sleeps, store } = await storeWithoutRoom();
  store.write(0, new Uint8Array(512).fill(1));
  await settle();
  let isDrained = false;
  const drained = store.drained().then(() => isDrained = true);
  const impatient = faultOf(() => store.drain());
  sleeps.shift()!.wake();
  await settle();
  expect([await impatient, isDrained]).toEqual(["no-space", false]);
  // At once: it does not stand behind who is patient.
  expect(store.write(512, new Uint8Array(512).fill(2))).toBeUndefined();
  place.isFull = false;
  sleeps.shift()!.wake();
  await drained;
  expect(read(store, 0, 512)[0]).toBe(1);
  await store.close();
});

Deno.test("where the target has no room, writers wait for none that nobody makes", async () => {
  const { place, sleeps, store, journal } = await storeWithoutRoom();
  const bytes = pattern(16 * 1024, 7);
  const writes: Promise<void>[] = [];
  while (!journal.full) {
    const pending = store.write(0, bytes);
    if (pending) writes.push(pending);
    await settle();
  }
  const last = writes.at(-1)!;
  const tryAgain = async () => {
    await settle();
    sleeps.splice(0).forEach(({ wake }) => wake());
  };
  await tryAgain();
  expect(await faultOf(() => last)).toBe("no-space");
  const drained = faultOf(() => store.drain());
  await tryAgain();
  expect(await drained).toBe("no-space");
  expect(store.health).toMatchObject({
    state: "ok",
    noRoom: expect.stringContaining("ENOSPC"),
  });
  await store.flush();
  place.isFull = false;
  await tryAgain();
  await store.write(512, bytes);
  expect(store.health).toEqual({ state: "ok" });
  await store.drain();
  expect(equalBytes(read(store, 512, bytes.length), bytes)).toBe(true);
  await store.close();
});

Deno.test("what the target has no room for is not taken", async () => {
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  const target = drainIntoFile(file, { clock: noTime });
  const store = new JournaledStore({ target, journal, clock: noTime });
  store.write(0, pattern(4096, 1));
  await store.drain();
  file.failing.write = "ENOSPC";
  expect(await faultOf(() => store.write(8192, pattern(512, 2)))).toBe(
    "no-space",
  );
  expect(store.health).toMatchObject({
    noRoom: expect.stringContaining("ENOSPC"),
  });
  expect(store.undrainedBytes).toBe(0);
  // What is there may be written over, and given back.
  store.write(0, pattern(4096, 3));
  store.unmap({ offset: 512, length: 512 });
  delete file.failing.write;
  await store.drain();
  store.write(8192, pattern(512, 2));
  expect(store.health).toEqual({ state: "ok" });
  await store.close();
});

Deno.test("a target that is full gets what the journal took and can do without", async () => {
  const disk = new CrashDisk(new Dice(1));
  const folder = disk.folder("j");
  const journal = await openJournal(folder, { maxFiles: 9 });
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  const target = drainIntoFile(file, { clock: noTime });
  const store = new JournaledStore({ target, journal, clock: noTime });
  for (let n = 0; n < 30; n++) await store.write(0, pattern(16 * 1024, n));
  await store.drain();
  const before = folder.list().length;
  file.anchor = () => {
    if (folder.list().length < before) return true;
    throw noSpace();
  };
  await store.write(32 * 1024, pattern(512, 1));
  expect(folder.list().length).toBeLessThan(before);
  expect(equalBytes(read(store, 32 * 1024, 512), pattern(512, 1))).toBe(true);
  expect(store.health).toEqual({ state: "ok" });
  await store.close();
});

Deno.test("room that is given back is there for what is written with it", async () => {
  const done: string[] = [];
  const inner = new FaultStore(new MemoryStore(SIZE_BYTES), ({ kind }) => {
    done.push(kind);
    return undefined;
  });
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  const target = new DrainIntoStore(inner, { clock: noTime });
  const store = new JournaledStore({ target, journal, clock: noTime });
  store.write(0, pattern(512, 1));
  store.unmap({ offset: 4096, length: 512 });
  await store.drain();
  expect(done).toEqual(["unmap", "write", "flush"]);
  await store.close();
});

Deno.test("a target that fails for good fails the volume, which still reads, and what was flushed is there when it is opened again", async () => {
  const disk = new CrashDisk(new Dice(1));
  const file = new FakeFile(SIZE_BYTES, { canPunch: true });
  const journal = await openJournal(disk.folder("j"));
  const target = new DrainIntoStore(new FileStore(file), {
    clock: noTime,
    batchBytes: 2048,
  });
  const store = new JournaledStore({ target, journal, clock: noTime });
  store.write(0, new Uint8Array(512).fill(1));
  await store.flush();
  file.failing.sync = "EIO";
  store.write(512, new Uint8Array(4096).fill(2));
  await settle();
  expect(store.health).toEqual({
    state: "failed",
    why: "Could not drain: Could not sync: Cannot sync: EIO",
  });
  expect(await faultOf(() => store.write(0, new Uint8Array(512)))).toBe(
    "failed",
  );
  expect(await faultOf(() => store.flush())).toBe("failed");
  expect(await faultOf(() => store.resize(512))).toBe("failed");
  expect(read(store, 0, 1024)[1023]).toBe(2);
  await store.close();
  const again = await openJournal(disk.folder("j"));
  const reopened = new JournaledStore({
    target: intoMemory(SIZE_BYTES),
    journal: again,
    clock: noTime,
  });
  expect([...read(reopened, 511, 2)]).toEqual([1, 2]);
  await reopened.close();
});

Deno.test("a failed sync of the journal fails the volume for good", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await openJournal(disk.folder("j"));
  const store = new JournaledStore({
    target: intoMemory(SIZE_BYTES),
    journal,
    clock: noTime,
  });
  store.write(0, new Uint8Array(512).fill(1));
  disk.failing = { sync: /journal/ };
  expect(await faultOf(() => store.flush())).toBe("medium");
  disk.failing = {};
  expect(await faultOf(() => store.flush())).toBe("failed");
  expect(store.health.state).toBe("failed");
  expect(read(store, 0, 1)[0]).toBe(1);
  await store.close();
});

Deno.test("a write without space is refused, and the next may succeed", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await openJournal(disk.folder("j"));
  const store = new JournaledStore({
    target: intoMemory(SIZE_BYTES),
    journal,
    clock: noTime,
  });
  disk.failing = { write: /journal/, code: "ENOSPC" };
  expect(await faultOf(() => store.write(0, new Uint8Array(512)))).toBe(
    "no-space",
  );
  expect(store.health.state).toBe("ok");
  disk.failing = {};
  store.write(0, new Uint8Array(512).fill(3));
  await store.flush();
  expect(read(store, 0, 1)[0]).toBe(3);
  await store.close();
});

Deno.test("a store that is refused from outside takes no more, drains no more, and reads on", async () => {
  let now = 5000;
  const clock: Clock = { ...noTime, now: () => now };
  const inner = new MemoryStore(SIZE_BYTES);
  const target = new DrainIntoStore(inner, { clock, batchBytes: 4096 });
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  const store = new JournaledStore({ target, journal, clock });
  expect(store.undrainedSinceMs).toBeUndefined();
  store.write(0, new Uint8Array(512).fill(1));
  now = 9000;
  store.write(512, new Uint8Array(512).fill(2));
  expect(store.undrainedSinceMs).toBe(5000);
  const why = new Error("another has it");
  store.refuse(why);
  expect(store.health).toEqual({ state: "failed", why: "another has it" });
  expect(store.failedBy).toBe(why);
  expect(await faultOf(() => store.write(0, new Uint8Array(4096)))).toBe(
    "failed",
  );
  await settle();
  expect(read(store, 0, 1024)[1023]).toBe(2);
  const drained = new Uint8Array(1024);
  inner.read(0, drained);
  expect(drained[0]).toBe(0);
  await store.close();
});

Deno.test("the age of what is not drained is that of the oldest of it", async () => {
  let now = 1000;
  const clock: Clock = { ...noTime, now: () => now };
  const target = intoMemory(SIZE_BYTES, 4096);
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  const store = new JournaledStore({ target, journal, clock });
  store.write(0, new Uint8Array(4096));
  await settle();
  expect(store.undrainedSinceMs).toBeUndefined();
  now = 7000;
  store.write(0, new Uint8Array(512));
  now = 60_000;
  store.write(0, new Uint8Array(512));
  expect(store.undrainedSinceMs).toBe(7000);
  await store.close();
});
