/**
 * One SCSI command of one session, from its arrival to its response.
 *
 *     waiting ──older tasks over──> collecting ──all data there──> running ──> over
 *        │                              │                            │
 *        └──────────────────── fault, abort ─────────────────────────┴──────> over
 *
 * Whatever way it ends, it is over exactly once, and nothing of it touches the volume afterwards.
 */

import type { Pdu } from "../iscsi/framer.ts";
import {
  type Residual,
  residualOf,
  type WriteTransfer,
} from "../iscsi/transfer.ts";
import type { Nexus } from "../scsi/nexus.ts";
import type { Outcome, Plan } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import type { Job } from "./job.ts";
import type { Volume } from "./volume.ts";

export interface TaskOptions {
  readonly initiatorTaskTag: number;
  /** The eight bytes of the field, lent. */
  readonly lunField: Uint8Array;
  readonly lun: number | undefined;
  readonly volume: Volume;
  readonly nexus: Nexus;
  /** Task attribute. */
  readonly attr: number;
  readonly immediate: boolean;
  readonly read: boolean;
  readonly write: boolean;
  readonly expectedLength: number;
  /** Of one that waits for older tasks, what it may do meanwhile: nothing. */
  readonly plan: Plan;
}

const NO_DATA = new Uint8Array(0);

export class Task implements Job {
  readonly initiatorTaskTag: number;
  /** A view of the command until its data are collected, then a copy. */
  lunField: Uint8Array;
  readonly lun: number | undefined;
  readonly volume: Volume;
  readonly nexus: Nexus;
  readonly attr: number;
  readonly readOnly: boolean;
  /** Takes no place in the command window. */
  readonly immediate: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** Expected Data Transfer Length. */
  readonly expectedLength: number;
  plan: Plan;
  aborted = false;
  /** Of one that is aborted, what its initiator is told nevertheless. */
  verdict: Outcome | undefined;
  detached = false;
  over = false;
  dataOut: Uint8Array = NO_DATA;

  /** Data-Out that has come while it waits for older tasks. */
  early: Pdu[] | undefined;
  /** While data are collected. */
  transfer: WriteTransfer | undefined;
  /** What is collected, from `bufferBase` on; not there before the first piece. */
  buffer: Uint8Array | undefined;
  bufferBase = 0;
  /** The store works on the buffer: it must not be given to anybody else. */
  busy = false;
  /** Only the initiator is waited for: it may end at once. */
  waitsForPeer = false;
  /** The share of the session's memory that was granted for it. */
  grantedBytes = 0;
  /** The request for it, while it waits. */
  waitingFor: (() => void) | undefined;
  /** ASC << 8 | ASCQ of what went wrong with the data, told once all of them have come. */
  fault: number | undefined;
  /** Data-In and R2T PDUs sent, and the bytes of the former. */
  pdusSent = 0;
  bytesSent = 0;

  #waiters: (() => void)[] | undefined;

  constructor(options: TaskOptions) {
    this.initiatorTaskTag = options.initiatorTaskTag;
    this.lunField = options.lunField;
    this.lun = options.lun;
    this.volume = options.volume;
    this.nexus = options.nexus;
    this.attr = options.attr;
    this.readOnly = options.nexus.readOnly ?? false;
    this.immediate = options.immediate;
    this.read = options.read;
    this.write = options.write;
    this.expectedLength = options.expectedLength;
    this.plan = options.plan;
  }

  /** Bytes that the initiator expects to get. */
  get expectedIn(): number {
    return this.read ? this.expectedLength : 0;
  }

  /** Bytes that the initiator expects to give. */
  get expectedOut(): number {
    return this.write ? this.expectedLength : 0;
  }

  /** Resolves when it is over. */
  settled(): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => (this.#waiters ??= []).push(resolve));
  }

  /** It is over; whoever waited for that goes on. */
  end(): void {
    this.over = true;
    for (const wake of this.#waiters ?? []) wake();
    this.#waiters = undefined;
  }
}

/** Bytes that the plan wants from the initiator. */
export function dataOutLength(plan: Plan): number {
  switch (plan.kind) {
    case "write":
      return plan.extent.length;
    case "data-out":
      return plan.length;
    case "sequence": {
      for (const step of plan.steps) {
        const length = dataOutLength(step);
        if (length > 0) return length;
      }
      return 0;
    }
    default:
      return 0;
  }
}

/** What the command would have moved, beside what the initiator expected (RFC 7143 section 11.4.5). */
export function residualFor(
  task: Task,
  outcome: Outcome,
  dataInLength: number | undefined,
): Residual {
  const { expectedLength } = task;
  const wanted = dataInLength ?? dataOutLength(task.plan);
  const sameWay = dataInLength === undefined ? task.write : task.read;
  const moved = sameWay || expectedLength === 0 ? wanted : 0;
  // A command that failed has moved no more than what was sent of it, unless it wanted more than the initiator would give.
  return residualOf(
    outcome.status === Status.GOOD || moved > expectedLength
      ? moved
      : task.bytesSent,
    expectedLength,
  );
}
