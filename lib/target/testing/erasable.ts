/** A disk on a store that can be made to wait and to fail, with the note that it keeps of its being erased. */

import type { Clock } from "../../base/clock.ts";
import { fromHex as parseHex } from "../../base/bytes.ts";
import { silent } from "../../base/log.ts";
import { Disk } from "../../scsi/disk.ts";
import type { ErasureAsk } from "../../scsi/erasure.ts";
import { FaultStore, type Schedule } from "../../store/fault_store.ts";
import { MemoryStore } from "../../store/memory_store.ts";
import { execute } from "../execute.ts";
import type { Done, Job } from "../job.ts";
import { Volume } from "../volume.ts";
import { NEXUS } from "./jobs.ts";

export const BLOCK = 512;
/** Not a whole number of pieces. */
export const SIZE_BYTES = 4 * 1024 * 1024 + BLOCK;

/** Nothing to wait for: pieces follow each other as fast as they can. */
export const hurried: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  after: () => () => {},
};

export interface Scene {
  readonly volume: Volume;
  readonly memory: MemoryStore;
  /** The note, as another process would find it. */
  readonly note: { ask: ErasureAsk | undefined };
  run(cdb: string, list?: string, job?: Partial<Job>): Promise<string>;
  bytes(): Uint8Array;
}

export function erasable(
  options: {
    schedule?: Schedule;
    clock?: Clock;
    memory?: MemoryStore;
    interrupted?: ErasureAsk;
  } = {},
): Scene {
  const memory = options.memory ?? new MemoryStore(SIZE_BYTES);
  const store = options.schedule
    ? new FaultStore(memory, options.schedule)
    : memory;
  const note: Scene["note"] = { ask: options.interrupted };
  const unit = new Disk({
    identity: {
      vendor: "VAULT",
      product: "DISK",
      revision: "1",
      serial: "1",
      naa: "3000000000000001",
      targetName: "iqn.2026-01.example:disk",
    },
    geometry: { blockSizeBytes: BLOCK, sizeBytes: SIZE_BYTES },
    readOnly: false,
    erasureNotes: {
      write: (ask) => note.ask = ask,
      clear: () => note.ask = undefined,
    },
    ...(options.interrupted && { interrupted: options.interrupted }),
  });
  unit.join(NEXUS);
  unit.plan(NEXUS, new Uint8Array(6));
  const clock = options.clock ?? hurried;
  const volume = new Volume({ unit, store, clock, log: silent });
  return {
    volume,
    memory,
    note,
    run: async (cdb, list = "", job = {}) => {
      const whole: Job = {
        nexus: NEXUS,
        dataOut: fromHex(list),
        readOnly: false,
        aborted: false,
        ...job,
      };
      const plan = unit.plan(NEXUS, fromHex(cdb));
      return verdictOf(await execute(volume, whole, plan));
    },
    bytes: () => {
      const all = new Uint8Array(SIZE_BYTES);
      memory.read(0, all);
      return all;
    },
  };
}

function fromHex(digits: string): Uint8Array {
  return parseHex(digits) ?? new Uint8Array(0);
}

/** As tables say it: `GOOD`, `2 04/1b`. */
export function verdictOf({ outcome: { status, sense } }: Done): string {
  if (!sense) return status === 0 ? "GOOD" : `status ${status}`;
  const two = (byte: number) => byte.toString(16).padStart(2, "0");
  return `${sense[2]} ${two(sense[12]!)}/${two(sense[13]!)}`;
}
