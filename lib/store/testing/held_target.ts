/** A target that applies a batch when it is let go, for tests of what happens meanwhile. */

import { expect } from "expect";
import { CrashDisk } from "../../journal/testing/crash_disk.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import {
  type DrainBatch,
  DrainIntoStore,
  type DrainTarget,
} from "../drain_target.ts";
import { FileStore } from "../file_store.ts";
import { JournaledStore } from "../journaled_store.ts";
import { FakeFile } from "../testing.ts";
import { noTime, openJournal } from "./journaled.ts";

export const SIZE_BYTES = 64 * 1024;

/** Lets every promise that can go on go on. */
export async function settle(turns = 200): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await undefined;
}

export class HeldTarget {
  readonly inner = new FileStore(new FakeFile(SIZE_BYTES, { canPunch: true }));
  readonly batches: DrainBatch[] = [];
  held: (() => void)[] = [];
  readonly target: DrainTarget;

  constructor(batchBytes = 1) {
    const drain = new DrainIntoStore(this.inner, { clock: noTime, batchBytes });
    const { apply } = drain;
    drain.apply = async (batch) => {
      this.batches.push(batch);
      await new Promise<void>((go) => this.held.push(go));
      await apply.call(drain, batch);
    };
    this.target = drain;
  }

  letGo(): void {
    for (const go of this.held.splice(0)) go();
  }
}

/** A journaled store on one. */
export async function holding(batchBytes = 1) {
  const held = new HeldTarget(batchBytes);
  const disk = new CrashDisk(new Dice(1));
  const journal = await openJournal(disk.folder("j"));
  const store = new JournaledStore({
    target: held.target,
    journal,
    clock: noTime,
  });
  return { held, disk, journal, store };
}

/** What a store gives at once. */
export function read(
  store: JournaledStore,
  offset: number,
  length: number,
): Uint8Array {
  const into = new Uint8Array(length).fill(0xee);
  expect(store.read(offset, into)).toBeUndefined();
  return into;
}

/** Waits, and lets everything go meanwhile. */
export async function drained(
  held: HeldTarget,
  pending: void | Promise<void>,
): Promise<void> {
  if (!pending) return;
  let over = false;
  const ended = pending.finally(() => over = true);
  for (let n = 0; !over; n++) {
    if (n > 5000) throw new Error("It hangs");
    held.letGo();
    await undefined;
  }
  await ended;
}
