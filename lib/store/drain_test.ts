/** How a journal is drained into a target that carries out several batches at once. */
import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { CrashDisk } from "../journal/testing/crash_disk.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { bytesOf } from "./conformance.ts";
import type { DrainBatch, DrainTarget } from "./drain_target.ts";
import { JournaledStore } from "./journaled_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { settle } from "./testing/held_target.ts";
import { noTime, openJournal } from "./testing/journaled.ts";

const SIZE_BYTES = 64 * 1024;
const AT_ONCE = 3;
/** Four entries of a sector. */
const BATCH_BYTES = 4 * 1024;

interface Held extends DrainBatch {
  /** What its pieces held when it came. */
  readonly came: readonly (Uint8Array | undefined)[];
  readonly told: PromiseWithResolvers<void>;
}

/** Has several batches until it is told what becomes of the first of them; then they are over in order. */
class BusyTarget implements DrainTarget {
  readonly answersAtOnce = false;
  readonly atOnce = AT_ONCE;
  readonly batchBytes = BATCH_BYTES;
  unreleasedAtOnce = AT_ONCE;
  readonly inner = new MemoryStore(SIZE_BYTES);
  readonly held: Held[] = [];
  /** The first entry of each batch that came. */
  readonly firsts: number[] = [];
  /** The last entry that it has carried out. */
  done = 0;
  /** The most that it had at once. */
  most = 0;
  /** Whether it takes a copy of what comes, and says so. */
  releases = false;
  #failed: { readonly first: number; readonly why: unknown } | undefined;

  get sizeBytes(): number {
    return SIZE_BYTES;
  }
  read(offset: number, into: Uint8Array): Promise<void> {
    return Promise.resolve().then(() => this.inner.read(offset, into));
  }
  nextMapped: DrainTarget["nextMapped"] = (at) => this.inner.nextMapped(at);
  allocatedBytes: DrainTarget["allocatedBytes"] = () => 0;
  retryAfterMs: DrainTarget["retryAfterMs"] = () => 1;
  resize(): Promise<void> {
    throw new Error("It stays as long as it is");
  }
  close: DrainTarget["close"] = () => this.inner.close();

  async apply(batch: DrainBatch): Promise<void> {
    const { first, pieces } = batch;
    this.firsts.push(first);
    if (this.#failed && first > this.#failed.first) throw this.#failed.why;
    this.#failed = undefined;
    // Neither a gap nor what is behind one.
    const expected = (this.held.at(-1)?.last ?? this.done) + 1;
    expect(first).toBe(expected);
    const came = pieces
      .map((one) => one.kind === "write" ? one.data.slice() : undefined);
    const told = Promise.withResolvers<void>();
    this.held.push({ ...batch, came, told });
    this.most = Math.max(this.most, this.held.length);
    if (this.releases) batch.release?.();
    await told.promise;
  }

  /** Carries out the first that it has. */
  letGo(): void {
    const { pieces, came, last, told } = this.held.shift()!;
    for (const [n, piece] of pieces.entries()) {
      if (piece.kind === "zero") void this.inner.unmap(piece);
      else {
        if (!this.releases) expect(piece.data).toEqual(came[n]);
        void this.inner.write(piece.offset, came[n]!);
      }
    }
    this.done = last;
    told.resolve();
  }

  /** Fails the first that it has, and with it all; those behind it when the returned function is called. */
  failing(why: unknown): () => void {
    const [first, ...rest] = this.held.splice(0);
    this.#failed = { first: first!.first, why };
    first!.told.reject(why);
    return () => {
      for (const { told } of rest) told.reject(why);
    };
  }

  /** The same at once. */
  fail(why: unknown): void {
    this.failing(why)();
  }
}

async function busy() {
  const target = new BusyTarget();
  const disk = new CrashDisk(new Dice(1));
  const journal = await openJournal(disk.folder("j"));
  const store = new JournaledStore({ target, journal, clock: noTime });
  /** As many entries as a batch has, each its own sector. */
  const batch = async (n: number) => {
    for (let entry = 0; entry < 4; entry++) {
      const at = (4 * n + entry) * 512 % SIZE_BYTES;
      await store.write(at, new Uint8Array(512).fill(1 + 4 * n + entry));
    }
  };
  return { target, disk, journal, store, batch };
}

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

Deno.test("what a batch lies in is used for the next as soon as the target says so, and otherwise when it is applied", async () => {
  const { target, store, batch } = await busy();
  const rooms = () =>
    new Set(target.held.map(({ pieces }) => {
      const [piece] = pieces;
      return piece?.kind === "write" ? piece.data.buffer : undefined;
    })).size;
  for (const [n, releases] of [true, false].entries()) {
    target.releases = releases;
    for (let m = 0; m < AT_ONCE; m++) await batch(AT_ONCE * n + m);
    await settle();
    expect(rooms()).toBe(releases ? 1 : AT_ONCE);
    for (let m = 0; m < AT_ONCE; m++) target.letGo();
    await settle();
  }
  expect(store.undrainedBytes).toBe(0);
  expect(await bytesOf(store)).toEqual(await bytesOf(target.inner));
  await store.close();
});

Deno.test("where the target says how many it has unreleased, the next is read when one is released or over", async () => {
  const { target, store, batch } = await busy();
  target.unreleasedAtOnce = 1;
  for (let n = 0; n < 5; n++) await batch(n);
  await settle();
  const came = (...firsts: number[]) =>
    settle().then(() => expect(target.firsts).toEqual(firsts));
  await came(1);
  target.held[0]!.release!();
  await came(1, 5);
  // A second time it is nobody's.
  target.held[0]!.release!();
  await came(1, 5);
  target.releases = true;
  target.letGo();
  await came(1, 5);
  target.letGo();
  await came(1, 5, 9, 13, 17);
  for (let n = 0; n < 3; n++) target.letGo();
  await settle();
  expect(store.undrainedBytes).toBe(0);
  await store.close();
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
      if (dice.once(6)) target.fail(new Error("Not now"));
      else target.letGo();
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
