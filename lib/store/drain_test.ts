/** How a journal is drained into a target that carries out several batches at once. */
import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { bytesOf } from "./conformance.ts";
import { JournaledStore } from "./journaled_store.ts";
import {
  AT_ONCE,
  busy,
  BusyTarget,
  SIZE_BYTES,
} from "./testing/busy_target.ts";
import { settle } from "./testing/held_target.ts";
import { noTime, openJournal } from "./testing/journaled.ts";

Deno.test("a batch goes to the target as soon as the first of those there is over, and no more than it takes", async () => {
  const { target, journal, store, batch } = await busy();
  for (let n = 0; n < 6; n++) await batch(n);
  await settle();
  expect(target.firsts).toEqual([1, 5, 9]);
  expect(journal.from.sequence).toBe(1);
  target.letGo();
  await settle();
  expect(target.firsts).toEqual([1, 5, 9, 13]);
  expect(journal.from.sequence).toBe(5);
  target.letGo();
  target.letGo();
  await settle();
  expect(target.firsts).toEqual([1, 5, 9, 13, 17, 21]);
  expect(journal.from.sequence).toBe(13);
  for (let n = 0; n < 3; n++) target.letGo();
  await settle();
  expect(store.undrainedBytes).toBe(0);
  expect(target.most).toBe(AT_ONCE);
  await store.close();
});

Deno.test("one that comes while others are under way goes beside them, and what is less than one waits", async () => {
  const { target, store, batch } = await busy();
  await batch(0);
  await settle();
  expect(target.firsts).toEqual([1]);
  await store.write(0, new Uint8Array(512).fill(9));
  await settle();
  expect(target.firsts).toEqual([1]);
  await batch(1);
  await settle();
  expect(target.firsts).toEqual([1, 5]);
  // Somebody waits for all of it; what comes after that is no reason for one more small one.
  const drained = store.drained();
  await settle();
  expect(target.firsts).toEqual([1, 5, 9]);
  target.letGo();
  await store.write(512, new Uint8Array(512).fill(8));
  await settle();
  expect(target.firsts).toEqual([1, 5, 9]);
  for (let n = 0; n < 2; n++) target.letGo();
  await drained;
  await settle();
  await store.close();
});

Deno.test("where one fails, those behind it come again behind it, those before it do not, and none is taken meanwhile", async () => {
  const { target, journal, store, batch } = await busy();
  for (let n = 0; n < 5; n++) await batch(n);
  await settle();
  target.letGo();
  await settle();
  expect(target.firsts.splice(0)).toEqual([1, 5, 9, 13]);
  expect(store.trouble).toBeUndefined();
  target.fail(new Error("Not now"));
  await settle();
  expect(target.firsts.splice(0)).toEqual([5, 9, 13]);
  expect(store.trouble).toBe("Could not drain: Not now");
  expect(journal.from.sequence).toBe(5);
  target.letGo();
  await settle();
  expect(store.trouble).toBeUndefined();
  for (let n = 0; n < 3; n++) {
    target.letGo();
    await settle();
  }
  expect(target.firsts).toEqual([17]);
  expect(store.undrainedBytes).toBe(0);
  expect(await bytesOf(store)).toEqual(await bytesOf(target.inner));
  await store.close();
});

Deno.test("where one fails while the next is read, that is not handed over, and nothing is before all that were under way are over", async () => {
  const { target, store, batch } = await busy();
  await batch(0);
  await batch(1);
  await settle();
  expect(target.firsts.splice(0)).toEqual([1, 5]);
  await batch(2);
  const over = target.failing(new Error("Not now"));
  await settle();
  expect(target.firsts).toEqual([]);
  over();
  await settle();
  expect(target.firsts).toEqual([1, 5, 9]);
  for (let n = 0; n < 3; n++) target.letGo();
  await settle();
  await store.close();
});

Deno.test("what has arrived although nobody heard of it does not come again, and is read below", async () => {
  const { target, journal, store, batch } = await busy();
  for (let n = 0; n < 3; n++) await batch(n);
  await settle();
  expect(target.firsts.splice(0)).toEqual([1, 5, 9]);
  target.loseAnswers(2, new Error("No answer"));
  await settle();
  expect(target.firsts).toEqual([9]);
  expect(journal.from.sequence).toBe(9);
  expect(store.undrainedBytes).toBe(4 * 1024);
  // Nothing lies over it any more.
  void target.inner.write(0, new Uint8Array(512).fill(77));
  const found = await bytesOf(store);
  expect([found[0], found[512], found[8 * 512]]).toEqual([77, 2, 9]);
  target.letGo();
  await settle();
  expect(store.undrainedBytes).toBe(0);
  await store.close();
});

Deno.test("what a target has from before does not come again when the journal is opened, however much else there is", async () => {
  const { target, disk, store, batch } = await busy();
  for (let n = 0; n < 3; n++) await batch(n);
  await store.write(0, new Uint8Array(512).fill(99));
  await settle();
  expect(target.firsts).toEqual([1, 5, 9]);
  await store.flush();
  const later = new BusyTarget();
  void later.inner.write(0, new Uint8Array(12 * 512).fill(50));
  later.done = 6;
  const again = new JournaledStore({
    target: later,
    journal: await openJournal(disk.copy().folder("j")),
    clock: noTime,
  });
  const read = async () => {
    const found = await bytesOf(again);
    return [0, 1, 5, 6].map((sector) => found[sector * 512]);
  };
  expect(await read()).toEqual([99, 2, 6, 7]);
  const drained = again.drained();
  await settle();
  expect(later.firsts).toEqual([7, 11]);
  // Of those that it has, it says what they are.
  expect(await read()).toEqual([99, 50, 50, 7]);
  for (let n = 0; n < 2; n++) later.letGo();
  await drained;
  expect(again.undrainedBytes).toBe(0);
  await again.close();
});

Deno.test("closing waits for what is under way, remembers what of it arrived, and takes nothing more", async () => {
  const { target, disk, store, batch } = await busy();
  for (let n = 0; n < 5; n++) await batch(n);
  await settle();
  let closed = false;
  const closing = store.close().then(() => closed = true);
  await settle();
  target.letGo();
  await settle();
  expect([closed, target.firsts]).toEqual([false, [1, 5, 9]]);
  target.letGo();
  target.letGo();
  await closing;
  expect(target.firsts).toEqual([1, 5, 9]);
  const journal = await openJournal(disk.folder("j"));
  expect(journal.from.sequence).toBe(13);
  await journal.close();
});

Deno.test("whatever fails and whatever is written meanwhile, all arrives in order, and is read as it was written", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const dice = new Dice(seed);
    const { target, store } = await busy();
    target.releases = seed % 2 === 1;
    if (seed % 4 > 1) target.unreleasedAtOnce = 1;
    const model = new Uint8Array(SIZE_BYTES);
    const act = () => {
      if (target.held.length === 0) return;
      const what = dice.next(6);
      if (what === 0) target.fail(new Error("Not now"));
      else if (what === 1) {
        target.loseAnswers(dice.next(4), new Error("No answer"));
      } else target.letGo();
    };
    /** Lets the target do something until that is over. */
    const acting = async (pending: void | Promise<void>) => {
      let over = pending === undefined;
      const ended = pending?.finally(() => over = true);
      for (let turn = 0; !over; turn++) {
        if (turn > 1000) throw new Error(`Seed ${seed}: it hangs`);
        await settle(20);
        if (!over) act();
      }
      await ended;
    };
    for (let n = 0; n < 150; n++) {
      const offset = dice.next(SIZE_BYTES / 512 - 8) * 512;
      const length = (1 + dice.next(8)) * 512;
      const value = dice.once(4) ? 0 : 1 + n;
      await acting(
        value === 0
          ? store.unmap({ offset, length })
          : store.write(offset, new Uint8Array(length).fill(value)),
      );
      model.fill(value, offset, offset + length);
      await settle(dice.next(40));
      if (dice.once(3)) act();
      const found = await bytesOf(store);
      if (!equalBytes(found, model)) throw new Error(`Seed ${seed}, step ${n}`);
    }
    await acting(store.drained());
    expect(equalBytes(await bytesOf(target.inner), model)).toBe(true);
    expect(target.most).toBe(seed % 4 === 2 ? 1 : AT_ONCE);
    await store.close();
  }
});
