/**
 * What the copy manager of a target keeps of copies: how many are under way, and for each nexus and list identifier how the newest one
 * goes or went. A nexus has at most 256 identifiers, and what is kept of it goes with it.
 *
 *     running ──end──> good, failed ──another of the same identifier──> running
 */

import type { Outcome } from "../plan.ts";
import { Status } from "../status.ts";
import { MAX_CONCURRENT_COPIES } from "./limits.ts";

/** How one copy goes. */
export class CopyRecord {
  state: "running" | "good" | "failed" = "running";
  segmentsProcessed = 0;
  /** Written to destinations. */
  bytesWritten = 0;
  /** How it ended, where that was not GOOD; forgotten once it was told. */
  failure: Outcome | undefined;
}

export class Copies {
  readonly #byNexus = new Map<number, Map<number, CopyRecord>>();
  #running = 0;

  /** Copies under way. */
  get running(): number {
    return this.#running;
  }

  /** A record of a copy that begins; `duplicate` where one of that identifier is under way, `full` where there are too many. */
  begin(
    nexusId: number,
    listId: number | undefined,
  ): CopyRecord | "duplicate" | "full" {
    if (listId !== undefined) {
      if (this.get(nexusId, listId)?.state === "running") return "duplicate";
    }
    if (this.#running >= MAX_CONCURRENT_COPIES) return "full";
    this.#running++;
    const record = new CopyRecord();
    if (listId !== undefined) this.#of(nexusId).set(listId, record);
    return record;
  }

  /** It has ended; undefined: nobody waits for its outcome any more. */
  end(record: CopyRecord, outcome: Outcome | undefined): void {
    this.#running--;
    const failed = outcome?.status !== Status.GOOD;
    record.state = failed ? "failed" : "good";
    if (failed) record.failure = outcome ?? { status: Status.TASK_ABORTED };
  }

  get(nexusId: number, listId: number): CopyRecord | undefined {
    return this.#byNexus.get(nexusId)?.get(listId);
  }

  /** The nexus has ended: nobody can ask any more. */
  forget(nexusId: number): void {
    this.#byNexus.delete(nexusId);
  }

  #of(nexusId: number): Map<number, CopyRecord> {
    let records = this.#byNexus.get(nexusId);
    if (!records) this.#byNexus.set(nexusId, records = new Map());
    return records;
  }
}
