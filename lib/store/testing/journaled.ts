/** Journaled stores on files in memory, small enough that their files come round again and again. */

import type { Clock } from "../../base/clock.ts";
import type { Folder } from "../../base/folder.ts";
import { Journal } from "../../journal/journal.ts";
import { CrashDisk } from "../../journal/testing/crash_disk.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import { DrainIntoStore, type DrainTarget } from "../drain_target.ts";
import { JournaledStore } from "../journaled_store.ts";
import { MemoryStore } from "../memory_store.ts";

/** Time in which nobody waits, and nothing comes of itself. */
export const noTime: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  after: () => () => {},
};

/** Time that passes by itself: what is to be done later is done some turns later. */
export const soon: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: async () => {
    for (let turn = 0; turn < 3; turn++) await undefined;
  },
  after(_ms, then) {
    let wanted = true;
    void (async () => {
      for (let turn = 0; turn < 30; turn++) await undefined;
      if (wanted) then();
    })();
    return () => wanted = false;
  },
};

export const FILE_BYTES = 64 * 1024;

/** Each journal has a number of its own. */
let opened = 0;

export function openJournal(
  folder: Folder,
  options: { readonly fileBytes?: number; readonly maxFiles?: number } = {},
): Promise<Journal> {
  const dice = new Dice(opened++);
  return Journal.open({
    folder,
    random: (length) => dice.bytes(length),
    fileBytes: FILE_BYTES,
    maxFiles: 4,
    ...options,
  });
}

export function intoMemory(
  sizeBytes: number,
  batchBytes?: number,
): DrainTarget {
  return new DrainIntoStore(new MemoryStore(sizeBytes), {
    clock: noTime,
    ...(batchBytes !== undefined && { batchBytes }),
  });
}

/** A store on a journal in memory and a target. */
export async function journaled(target: DrainTarget): Promise<JournaledStore> {
  const journal = await openJournal(new CrashDisk(new Dice(1)).folder("j"));
  return new JournaledStore({ target, journal, clock: noTime });
}

/** A target whose every answer has to be waited for. */
export function slow(target: DrainTarget): DrainTarget {
  return {
    answersAtOnce: false,
    batchBytes: target.batchBytes,
    atOnce: target.atOnce,
    get sizeBytes() {
      return target.sizeBytes;
    },
    async read(offset, into) {
      for (let turn = 0; turn < 3; turn++) await undefined;
      await target.read(offset, into);
      for (let turn = 0; turn < 3; turn++) await undefined;
    },
    nextMapped: (offset) => target.nextMapped(offset),
    allocatedBytes: () => target.allocatedBytes(),
    lastApplied: () => target.lastApplied(),
    apply: (batch) => target.apply(batch),
    retryAfterMs: (thrown, attempt) => target.retryAfterMs(thrown, attempt),
    resize: (sizeBytes) => target.resize(sizeBytes),
    close: () => target.close(),
  };
}
