/**
 * SCSI commands of one session: each is planned by its logical unit when it arrives, carried out when its data are there, and answered
 * once.
 */

import { PeerError } from "../base/errors.ts";
import type { Pdu } from "../iscsi/framer.ts";
import { initiatorTaskTagOf, RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import { decodeLun } from "../iscsi/pdu/lun.ts";
import {
  REJECT_INVALID_PDU_FIELD,
  REJECT_TASK_IN_PROGRESS,
  REJECT_TOO_MANY_IMMEDIATE_COMMANDS,
} from "../iscsi/pdu/reject.ts";
import {
  decodeScsiCommand,
  type ScsiCommand,
} from "../iscsi/pdu/scsi_command.ts";
import type { Outcome, Plan } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import { flush, type Refusal, writeFrom, writeProtected } from "./access.ts";
import { cdbOf, illegalRequest, unitOf } from "./addressing.ts";
import { bytesSource, DataIn, type Source, storeSource } from "./data_in.ts";
import { DataOut } from "./data_out.ts";
import { changes, execute } from "./execute.ts";
import { type Done, GOOD } from "./job.ts";
import { MAX_IMMEDIATE_COMMANDS } from "./limits.ts";
import type { Phase } from "./phase.ts";
import { dataOutLength, residualFor, Task } from "./task.ts";
import { Tasks } from "./tasks.ts";

/** INVALID FIELD IN COMMAND INFORMATION UNIT (SPC-4 table 56). */
const INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT = 0x0e03;

/** What a task does before anybody has looked at its CDB. Never answered. */
const NOTHING: Plan = { kind: "sequence", steps: [] };

export class Commands {
  readonly tasks: Tasks;
  readonly #phase: Phase;
  readonly #dataIn: DataIn;
  readonly #dataOut: DataOut;
  #lent: Promise<unknown> | undefined;

  constructor(phase: Phase) {
    this.#phase = phase;
    this.tasks = new Tasks(phase.window, (task) => this.#aborted(task));
    this.#dataIn = new DataIn({
      phase,
      sent: (task) => this.#end(task),
      abandoned: (task) => this.#abandon(task),
      refused: (task, refusal) => this.#respond(task, refusal),
    });
    this.#dataOut = new DataOut({
      phase,
      tasks: this.tasks,
      complete: (task, data) => this.#run(task, data),
      piece: (task, { offset, data }) => this.#piece(task, offset, data),
      failed: (task, code) => this.#fault(task, code),
    });
  }

  /** A store still reads from what was received: resolves when that may be overwritten. Undefined where nothing is lent. */
  takeLent(): Promise<unknown> | undefined {
    const lent = this.#lent;
    this.#lent = undefined;
    return lent;
  }

  /** Takes a SCSI Command whose turn it is; one that is rejected takes no place in the window. */
  receive(pdu: Pdu): void {
    const command = decodeScsiCommand(pdu.bytes);
    const cdb = cdbOf(command, pdu);
    const reason = cdb
      ? this.#reasonAgainst(command)
      : REJECT_INVALID_PDU_FIELD;
    if (!cdb || reason !== undefined) {
      if (!command.immediate) this.#phase.window.complete();
      this.#phase.replies.reject(
        reason ?? REJECT_INVALID_PDU_FIELD,
        pdu.bytes,
      );
      return;
    }
    this.#phase.session.commands++;
    const lun = decodeLun(command.lun);
    const older = lun === undefined
      ? undefined
      : this.#phase.session.target.units.get(lun)?.taskSet.before(command.attr);
    if (older) return this.#wait(pdu.copy(), older);
    const task = this.#taskOf(command, lun);
    task.plan = this.#planOf(task, cdb);
    this.#dataOut.begin(task, command.final, pdu.data);
  }

  dataOut(pdu: Pdu): void {
    const early = this.tasks.get(initiatorTaskTagOf(pdu.bytes))?.early;
    if (!early) return this.#dataOut.receive(pdu);
    const { firstBurstLength } = this.#phase.parameters;
    const bytes = early.reduce((sum, { dataLength }) => sum + dataLength, 0);
    // What nobody asked for is no more than that (RFC 7143 section 13.14).
    if (bytes + pdu.dataLength > firstBurstLength) {
      throw new PeerError("More unsolicited data than FirstBurstLength");
    }
    early.push(pdu.copy());
  }

  /** The command has its turn when older tasks of its unit are over; not before it is looked at. */
  #wait(pdu: Pdu, older: readonly Task[]): void {
    const command = decodeScsiCommand(pdu.bytes);
    const task = this.#taskOf(command, decodeLun(command.lun));
    task.early = [];
    task.waitsForPeer = true;
    this.tasks.add(task);
    const turn = Promise.all(older.map((each) => each.settled()));
    turn.then(() => {
      if (task.over) return;
      const { early = [] } = task;
      task.early = undefined;
      task.waitsForPeer = false;
      task.plan = this.#planOf(task, cdbOf(command, pdu) ?? command.cdb);
      this.#dataOut.begin(task, command.final, pdu.data);
      for (const data of early) this.#dataOut.receive(data);
      this.#phase.replies.out.flushSoon();
    }).catch(this.#phase.defect);
  }

  #reasonAgainst(command: ScsiCommand): number | undefined {
    const tag = command.initiatorTaskTag;
    if (tag === RESERVED_TAG) return REJECT_INVALID_PDU_FIELD;
    if (this.tasks.get(tag)) return REJECT_TASK_IN_PROGRESS;
    if (command.immediate && this.tasks.immediate >= MAX_IMMEDIATE_COMMANDS) {
      return REJECT_TOO_MANY_IMMEDIATE_COMMANDS;
    }
    return undefined;
  }

  /** A task that does nothing yet. */
  #taskOf(command: ScsiCommand, lun: number | undefined): Task {
    const { target, nexus } = this.#phase.session;
    const { volume, isThere } = unitOf(target, lun);
    return new Task({
      initiatorTaskTag: command.initiatorTaskTag,
      lunField: command.lun,
      lun: isThere ? lun : undefined,
      volume,
      nexus,
      attr: command.attr,
      immediate: command.immediate,
      read: command.read,
      write: command.write,
      expectedLength: command.expectedDataTransferLength,
      plan: NOTHING,
    });
  }

  #planOf(task: Task, cdb: Uint8Array): Plan {
    const { lun, volume, nexus } = task;
    const { none } = this.#phase.session.target;
    const unit = lun === undefined ? none : volume.unit;
    const plan = unit.plan(nexus, cdb, task.expectedOut);
    // No command of ours goes both ways, and none that takes data is carried out without.
    if (task.read && (task.write || dataOutLength(plan) > 0)) {
      return illegalRequest(INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT);
    }
    return nexus.readOnly && changes(plan)
      ? { kind: "answer", outcome: writeProtected(volume, nexus) }
      : plan;
  }

  /** All data of the task are there: `data` is its buffer, or a view of what was received. */
  #run(task: Task, data: Uint8Array): void {
    const { plan } = task;
    switch (plan.kind) {
      case "read":
        return this.#send(task, storeSource(task, plan.extent));
      case "write":
        return this.#write(task, data);
      case "answer":
        return this.#respond(task, plan.outcome);
    }
    // Less than the plan asked for, where the initiator had expected less: the plan says what that means.
    task.dataOut = this.#own(task, data);
    const done = execute(task.volume, task, plan);
    if (done instanceof Promise) {
      this.#later(task, done.then((done) => this.#finish(task, done)));
    } else this.#finish(task, done);
  }

  #finish(task: Task, done: Done): void {
    // It was aborted while what it had begun went on.
    if (task.over) return;
    if (task.aborted) return this.#abandon(task);
    if (done.data && done.outcome.status === Status.GOOD) {
      this.#send(task, bytesSource(done.data));
    } else this.#respond(task, done.outcome);
  }

  #send(task: Task, source: Source): void {
    if (!this.#dataIn.send(task, source)) {
      return this.#respond(task, GOOD, source.length);
    }
    if (!task.over) this.tasks.add(task);
  }

  #write(task: Task, data: Uint8Array): void {
    const written = data.length === 0
      ? undefined
      : this.#put(task, task.bufferBase, data);
    if (written instanceof Promise) {
      this.#later(
        task,
        written.then((refusal) => this.#written(task, refusal)),
      );
    } else this.#written(task, written);
  }

  #written(task: Task, refusal: Refusal): void {
    if (task.aborted) return this.#abandon(task);
    if (refusal) return this.#respond(task, refusal);
    if (task.plan.kind !== "write" || !task.plan.fua) {
      return this.#respond(task, GOOD);
    }
    this.#later(
      task,
      flush(task.volume, task.nexus).then((refusal) =>
        this.#finish(task, { outcome: refusal ?? GOOD })
      ),
    );
  }

  /** One sequence of a long write. False where the task has ended with it. */
  #piece(
    task: Task,
    offset: number,
    data: Uint8Array,
  ): boolean | Promise<boolean> {
    if (data.length === 0) return true;
    const written = this.#put(task, offset, data);
    if (!(written instanceof Promise)) return this.#pieceWritten(task, written);
    task.busy = true;
    return written.then((refusal) => {
      task.busy = false;
      return this.#pieceWritten(task, refusal);
    });
  }

  #pieceWritten(task: Task, refusal: Refusal): boolean {
    if (task.aborted) this.#abandon(task);
    else if (refusal) this.#respond(task, refusal);
    else if (task.fault !== undefined) this.#fault(task, task.fault);
    else return true;
    return false;
  }

  /** Writes `data` of a WRITE, which belong at `offset` of its extent. */
  #put(
    task: Task,
    offset: number,
    data: Uint8Array,
  ): Refusal | Promise<Refusal> {
    const { plan, volume } = task;
    if (plan.kind !== "write") return undefined;
    const most = (plan.wholeBytes ?? plan.extent.length) - offset;
    if (most <= 0) return undefined;
    const waits = volume.waits || !volume.order.idle;
    const whole = data.length > most ? data.subarray(0, most) : data;
    const from = waits ? this.#own(task, whole) : whole;
    const at = plan.extent.offset + offset;
    const written = writeFrom(volume, task.nexus, { offset: at, from });
    if (written instanceof Promise && !task.buffer) this.#lend(written);
    return written;
  }

  /** `data` where they may stay until the task is over. */
  #own(task: Task, data: Uint8Array): Uint8Array {
    if (task.buffer || data.length === 0) return data;
    task.buffer = this.#dataOut.take(data.length);
    task.buffer.set(data);
    return task.buffer.subarray(0, data.length);
  }

  #lend(until: Promise<unknown>): void {
    const before = this.#lent;
    this.#lent = before ? Promise.all([before, until]) : until;
  }

  /** The initiator broke the rules of the task's data. */
  #fault(task: Task, code: number): void {
    if (task.busy) {
      task.fault = code;
      return;
    }
    this.#respond(task, task.volume.unit.aborted(task.nexus, code));
  }

  /** A task that still collects is over at once; one that the store works for when that has ended. */
  #aborted(task: Task): void {
    const mayEnd = task.waitsForPeer || task.detached ||
      (task.transfer && !task.busy);
    if (mayEnd) this.#abandon(task);
  }

  /** What was aborted is over: without a response, unless whoever aborted it wants one. */
  #abandon(task: Task): void {
    if (!task.verdict) return this.#end(task);
    this.#respond(task, task.verdict);
    this.#phase.replies.out.flushSoon();
  }

  #respond(task: Task, outcome: Outcome, dataInLength?: number): void {
    const residual = residualFor(task, outcome, dataInLength);
    this.#end(task);
    this.#phase.replies.scsiResponse({
      initiatorTaskTag: task.initiatorTaskTag,
      outcome,
      residual,
      expDataSn: task.pdusSent,
    });
  }

  #end(task: Task): void {
    this.#dataOut.release(task);
    this.tasks.end(task);
  }

  /** The rest of the task happens later: it is kept until then, and its answer goes out by itself. */
  #later(task: Task, work: Promise<void>): void {
    this.tasks.add(task);
    work.then(
      () => this.#phase.replies.out.flushSoon(),
      (thrown) => {
        this.#phase.defect(thrown);
        if (!task.over) this.#end(task);
      },
    );
  }
}
