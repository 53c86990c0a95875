/** A target that has several batches at once, and is told what becomes of them. */

import { expect } from "expect";
import { CrashDisk } from "../../journal/testing/crash_disk.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import type { DrainBatch, DrainTarget } from "../drain_target.ts";
import { JournaledStore } from "../journaled_store.ts";
import { MemoryStore } from "../memory_store.ts";
import { noTime, openJournal } from "./journaled.ts";

/** Of its volume. */
export const SIZE_BYTES = 64 * 1024;
/** How many batches it has. */
export const AT_ONCE = 3;
/** Four entries of a sector. */
const BATCH_BYTES = 4 * 1024;

interface Held extends DrainBatch {
  /** What its pieces held when it came. */
  readonly came: readonly (Uint8Array | undefined)[];
  readonly told: PromiseWithResolvers<void>;
}

/** Has several batches until it is told what becomes of the first of them; then they are over in order. */
export class BusyTarget implements DrainTarget {
  readonly answersAtOnce = false;
  readonly atOnce = AT_ONCE;
  readonly batchBytes = BATCH_BYTES;
  unreleasedAtOnce: number = AT_ONCE;
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
  #failed: { readonly why: unknown } | undefined;

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

  lastApplied(): Promise<number> {
    this.#failed = undefined;
    expect(this.held).toEqual([]);
    return Promise.resolve(this.done);
  }

  async apply(batch: DrainBatch): Promise<void> {
    const { first, pieces } = batch;
    this.firsts.push(first);
    if (this.#failed) throw this.#failed.why;
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
    const held = this.held.shift()!;
    this.#carryOut(held);
    held.told.resolve();
  }

  /** Carries out so many, and fails all that it has: their giver hears of none. */
  loseAnswers(count: number, why: unknown): void {
    for (const held of this.held.slice(0, count)) this.#carryOut(held);
    this.fail(why);
  }

  #carryOut({ pieces, came, last }: Held): void {
    for (const [n, piece] of pieces.entries()) {
      if (piece.kind === "zero") void this.inner.unmap(piece);
      else {
        if (!this.releases) expect(piece.data).toEqual(came[n]);
        void this.inner.write(piece.offset, came[n]!);
      }
    }
    this.done = last;
  }

  /** Fails the first that it has, and with it all; those behind it when the returned function is called. */
  failing(why: unknown): () => void {
    const [first, ...rest] = this.held.splice(0);
    this.#failed = { why };
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

/** One that a journal is drained into. */
export async function busy() {
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
