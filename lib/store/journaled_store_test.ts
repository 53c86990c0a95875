import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { CrashDisk } from "../journal/testing/crash_disk.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { bytesOf, pattern } from "./conformance.ts";
import { DrainIntoStore } from "./drain_target.ts";
import { JournaledStore } from "./journaled_store.ts";
import { MemoryStore } from "./memory_store.ts";
import {
  drained,
  HeldTarget,
  holding,
  read,
  settle,
  SIZE_BYTES,
} from "./testing/held_target.ts";
import {
  intoMemory,
  journaled,
  noTime,
  openJournal,
  slow,
} from "./testing/journaled.ts";

Deno.test("what is read while it is drained is what was written last", async () => {
  const { held, store } = await holding();
  store.write(0, new Uint8Array(4096).fill(1));
  await settle();
  expect(held.batches.length).toBe(1);
  // Half of what is on its way is written again, another part becomes zeros.
  store.write(0, new Uint8Array(1024).fill(2));
  store.unmap({ offset: 2048, length: 512 });
  const expected = new Uint8Array(4096).fill(1);
  expected.fill(2, 0, 1024).fill(0, 2048, 2560);
  expect(read(store, 0, 4096)).toEqual(expected);
  held.letGo();
  await settle();
  expect(held.inner.allocatedBytes()).toBe(4096);
  expect(read(store, 0, 4096)).toEqual(expected);
  for (let n = 0; n < 4; n++) {
    held.letGo();
    await settle();
  }
  expect(store.undrainedBytes).toBe(0);
  expect(read(store, 0, 4096)).toEqual(expected);
  expect((await bytesOf(held.inner)).subarray(0, 4096)).toEqual(expected);
  await store.close();
});

Deno.test("whatever is written while whatever is drained, it reads like plain bytes, and all of it arrives", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const dice = new Dice(seed);
    const { held, store } = await holding(1 + dice.next(20_000));
    const model = new Uint8Array(SIZE_BYTES);
    for (let n = 0; n < 150; n++) {
      const offset = dice.next(SIZE_BYTES / 512) * 512 +
        (dice.once(8) ? dice.next(500) : 0);
      const length = Math.min(dice.next(20) * 256, SIZE_BYTES - offset);
      if (dice.once(3)) {
        const pending = store.unmap({ offset, length });
        await drained(held, pending);
        model.fill(0, offset, offset + length);
      } else {
        const data = new Uint8Array(length).fill(1 + n);
        await drained(held, store.write(offset, data));
        model.set(data, offset);
      }
      if (dice.once(3)) held.letGo();
      if (dice.once(2)) await settle(dice.next(80));
      const at = dice.next(SIZE_BYTES - 4096);
      const found = read(store, at, 4096);
      if (!equalBytes(found, model.subarray(at, at + 4096))) {
        throw new Error(`Seed ${seed}, step ${n}: other bytes at ${at}`);
      }
    }
    // A change of size waits for all of it.
    const resized = store.resize(SIZE_BYTES);
    await drained(held, resized);
    expect(equalBytes(await bytesOf(held.inner), model)).toBe(true);
    expect(equalBytes(await bytesOf(store), model)).toBe(true);
    expect(store.nextMapped(0)?.offset).toBe(held.inner.nextMapped(0)?.offset);
    await store.close();
  }
});

Deno.test("zeros are told from other zeros that stand at the same place in another file", async () => {
  const { held, journal, store } = await holding();
  const [place, length] = [512, 512];
  store.unmap({ offset: place, length });
  await settle();
  const first = journal.from.number;
  store.write(place, new Uint8Array(length).fill(1));
  // The rest of the file, and the next one begins with zeros for the same sector.
  while (journal.fits(9)) store.write(8192, new Uint8Array(4096));
  while (journal.fits(1)) store.unmap({ offset: 8192, length });
  await store.unmap({ offset: place, length });
  const [zeros] = [...journal.entries(journal.from, journal.appended)].slice(
    -1,
  );
  expect([zeros!.at.sector, zeros!.at.number]).toEqual([1, first + 1]);
  for (let batch = 0; batch < 30; batch++) {
    held.letGo();
    await settle();
    expect(read(store, place, length)).toEqual(new Uint8Array(length));
  }
  await store.close();
});

Deno.test("nothing is drained before it is stable", async () => {
  const { held, disk, store } = await holding();
  let stable = false;
  const folder = disk.syncs;
  disk.failing = {};
  store.write(0, new Uint8Array(512).fill(1));
  // The sync that the drain has begun is one more; until it is over nothing goes out.
  expect(disk.syncs).toBeLessThanOrEqual(folder + 1);
  expect(held.batches.length).toBe(0);
  void store.flush().then(() => stable = true);
  await settle();
  expect(stable).toBe(true);
  expect(held.batches.length).toBe(1);
  held.letGo();
  await store.close();
});

Deno.test("a full journal makes writers wait, says why, and loses nothing", async () => {
  const { held, store } = await holding(2 ** 30);
  const model = new Uint8Array(SIZE_BYTES);
  let pending: Promise<void> | undefined;
  let count = 0;
  for (; !pending; count++) {
    if (count > 200) throw new Error("It is never full");
    const data = new Uint8Array(8192).fill(1 + count);
    const offset = (count % 8) * 8192;
    pending = store.write(offset, data) ?? undefined;
    model.set(data, offset);
    // A new file has to be begun: that is no reason yet to drain.
    if (!pending) continue;
    await settle();
    if (held.held.length === 0) {
      await pending;
      pending = undefined;
    }
  }
  expect(store.trouble).toMatch(
    /^The journal is full: [0-9]+ bytes in 4 files wait to be drained$/,
  );
  let order = "";
  void pending.then(() => order += "first ");
  const second = store.write(0, new Uint8Array(512).fill(0xaa))!;
  model.fill(0xaa, 0, 512);
  void second.then(() => order += "second");
  await settle();
  expect(order).toBe("");
  await drained(held, second);
  expect(order).toBe("first second");
  expect(store.trouble).toBeUndefined();
  expect(await bytesOf(store)).toEqual(model);
  held.letGo();
  await settle();
  const closed = store.close();
  await drained(held, closed);
});

Deno.test("writers that wait for a sector's other bytes are not mixed up", async () => {
  const store = await journaled(slow(intoMemory(SIZE_BYTES, 2 ** 30)));
  await store.write(0, pattern(2048, 1));
  await store.resize(SIZE_BYTES);
  // All of them in one sector, and none of it is in the journal.
  const writes = Array.from(
    { length: 20 },
    (_, n) => store.write(n * 7, new Uint8Array(7).fill(n)),
  );
  const cleared = store.unmap({ offset: 140, length: 1000 });
  await Promise.all([...writes, cleared]);
  const expected = pattern(2048, 1);
  for (let n = 0; n < 20; n++) expected.fill(n, n * 7, n * 7 + 7);
  expected.fill(0, 140, 1140);
  const into = new Uint8Array(2048);
  await store.read(0, into);
  expect(into).toEqual(expected);
  await store.close();
});

Deno.test("closing drains nothing that is not under way, and what was written is there when it is opened again", async () => {
  const { held, disk, store } = await holding(2 ** 30);
  store.write(100, pattern(3000, 4));
  await store.close();
  expect(held.batches).toEqual([]);
  const journal = await openJournal(disk.folder("j"));
  const reopened = new JournaledStore({
    target: intoMemory(SIZE_BYTES),
    journal,
    clock: noTime,
  });
  expect(read(reopened, 100, 3000)).toEqual(pattern(3000, 4));
  await reopened.close();
});

Deno.test("what was written is drained after a while, even where it is little", async () => {
  const timers: (() => void)[] = [];
  const clock: Clock = {
    ...noTime,
    after: (_ms, then) => (timers.push(then), () => {}),
  };
  const inner = new MemoryStore(SIZE_BYTES);
  const target = new DrainIntoStore(inner, { clock });
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  const store = new JournaledStore({ target, journal, clock });
  store.write(0, pattern(512, 1));
  store.write(512, pattern(512, 2));
  await settle();
  expect([timers.length, inner.allocatedBytes()]).toEqual([1, 0]);
  timers[0]!();
  await settle();
  expect(inner.allocatedBytes()).toBe(4096);
  expect(store.undrainedBytes).toBe(0);
  await store.close();
});

Deno.test("what was written while others were drained is drained, too, although its time was over meanwhile", async () => {
  let timers: (() => void)[] = [];
  const clock: Clock = {
    ...noTime,
    after(_ms, then) {
      timers.push(then);
      return () => timers = timers.filter((other) => other !== then);
    },
  };
  const pass = () => timers.splice(0).forEach((then) => then());
  const held = new HeldTarget(SIZE_BYTES);
  const disk = new CrashDisk(new Dice(1));
  const journal = await openJournal(disk.folder("j"));
  const store = new JournaledStore({ target: held.target, journal, clock });
  store.write(0, new Uint8Array(512).fill(1));
  pass();
  await settle();
  expect(held.batches).toHaveLength(1);
  store.write(512, new Uint8Array(512).fill(2));
  pass();
  await settle();
  for (let n = 0; n < 3; n++) {
    held.letGo();
    await settle();
    pass();
    await settle();
  }
  expect(store.undrainedBytes).toBe(0);
  await store.close();
});

Deno.test("whoever watches is told before anything changes", async () => {
  const { held, store } = await holding();
  store.write(0, pattern(4096, 1));
  const seen: unknown[] = [];
  const unwatch = store.watch!((extent) =>
    seen.push([extent, read(store, 0, 1)[0]])
  );
  store.write(0, pattern(512, 2));
  store.unmap({ offset: 100, length: 1000 });
  await drained(held, store.resize(8192));
  unwatch();
  store.write(0, pattern(512, 3));
  expect(seen).toEqual([
    [{ offset: 0, length: 512 }, 1],
    [{ offset: 100, length: 1000 }, 3],
    [{ offset: 8192, length: SIZE_BYTES - 8192 }, 3],
  ]);
  await drained(held, store.close());
  const waiting = await journaled(slow(intoMemory(SIZE_BYTES)));
  expect(waiting.watch).toBeUndefined();
  await waiting.close();
});

Deno.test("an atomic write is stable when it resolves, and one operation of the journal", async () => {
  const { disk, store, held } = await holding(2 ** 30);
  await store.atomic.write(512, new Uint8Array(2048).fill(7));
  const after = new JournaledStore({
    target: intoMemory(SIZE_BYTES),
    journal: await openJournal(disk.survivor().folder("j")),
    clock: noTime,
  });
  expect(read(after, 512, 2048)).toEqual(new Uint8Array(2048).fill(7));
  await after.close();
  expect(held.batches).toEqual([]);
});

Deno.test("drained, all of it is in the target, and scrubbed, nothing is in the journal", async () => {
  const { held, disk, store } = await holding(2 ** 30);
  const secret = new Uint8Array(1024).fill(0xa5);
  store.write(512, secret);
  await drained(held, store.drain());
  const there = new Uint8Array(1024);
  held.inner.read(512, there);
  expect(equalBytes(there, secret)).toBe(true);
  expect(store.undrainedBytes).toBe(0);
  const traces = () =>
    disk.folder("j").list().filter((name) =>
      disk.bytes(`j/${name}`).includes(0xa5)
    );
  store.unmap({ offset: 0, length: SIZE_BYTES });
  await drained(held, store.drain());
  expect(traces()).toHaveLength(1);
  store.write(8192, new Uint8Array(512).fill(1));
  await drained(held, store.scrub());
  expect(traces()).toEqual([]);
  expect(read(store, 8192, 1)[0]).toBe(1);
  expect(read(store, 512, 1)[0]).toBe(0);
  store.write(0, new Uint8Array(512).fill(2));
  await drained(held, store.close());
});
