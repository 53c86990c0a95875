/**
 * Write data on their way in.
 *
 * Data that come whole in one PDU are handed on as they lie in what was received, without a copy. Others are put together in a buffer,
 * and a long WRITE is handed on a sequence at a time. R2Ts go out once the session's budget has room for what they ask for; what comes
 * unsolicited is bounded by FirstBurstLength and the command window.
 */

import type { Pdu } from "../iscsi/framer.ts";
import { RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import { decodeDataOut } from "../iscsi/pdu/data_out.ts";
import { REJECT_DATA_DIGEST_ERROR } from "../iscsi/pdu/reject.ts";
import {
  PROTOCOL_SERVICE_CRC_ERROR,
  TransferError,
  WriteTransfer,
} from "../iscsi/transfer.ts";
import { DataRoom } from "./data_room.ts";
import { DATA_OUT_BUDGET_BYTES, WRITE_PIECE_BYTES } from "./limits.ts";
import type { Phase } from "./phase.ts";
import { dataOutLength, type Task } from "./task.ts";
import type { Tasks } from "./tasks.ts";

export interface DataOutOptions {
  readonly phase: Phase;
  readonly tasks: Tasks;
  /** All data of the task are there; `data` is lent for the call alone where it is a view of what was received. */
  readonly complete: (task: Task, data: Uint8Array) => void;
  /** One sequence of a long WRITE is there. Resolves when `data` may be reused; false where the task has ended. */
  readonly piece: (
    task: Task,
    piece: { readonly offset: number; readonly data: Uint8Array },
  ) => boolean | Promise<boolean>;
  /** The initiator broke the rules of this task's data: it ends with ABORTED COMMAND and the additional sense code. */
  readonly failed: (task: Task, code: number) => void;
}

const NO_DATA = new Uint8Array(0);

/** Of any disk. */
const LONGEST_BLOCK_BYTES = 4096;

export class DataOut {
  readonly #phase: Phase;
  readonly #options: DataOutOptions;
  readonly #room = new DataRoom(DATA_OUT_BUDGET_BYTES);
  #lastTag = 0;

  constructor(options: DataOutOptions) {
    this.#options = options;
    this.#phase = options.phase;
  }

  /** A buffer for data that have to outlive what was received, of at least `length` bytes. */
  take(length: number): Uint8Array {
    return this.#room.take(length);
  }

  give(buffer: Uint8Array): void {
    this.#room.give(buffer);
  }

  /** Begins to collect: `final` is the command's F bit, `immediate` its immediate data. */
  begin(task: Task, final: boolean, immediate: Uint8Array): void {
    let transfer: WriteTransfer;
    try {
      transfer = new WriteTransfer({
        expectedLength: task.expectedOut,
        neededLength: dataOutLength(task.plan),
        final: final || !task.write,
        immediateLength: immediate.length,
        parameters: this.#phase.parameters,
      });
    } catch (thrown) {
      return this.#faulty(task, thrown);
    }
    const data = immediate.subarray(0, transfer.length);
    this.#count(immediate.length);
    if (transfer.done) return this.#options.complete(task, data);
    task.transfer = transfer;
    task.lunField = task.lunField.slice();
    this.#options.tasks.add(task);
    if (data.length > 0) this.#gather(task, 0, data);
    this.#ask(task);
  }

  /** Takes a Data-Out. One for no task that collects is dropped: its task has ended before its data. */
  receive(pdu: Pdu): void {
    const header = decodeDataOut(pdu.bytes);
    const task = this.#options.tasks.get(header.initiatorTaskTag);
    if (!task?.transfer) return;
    const { transfer } = task;
    let keep: number;
    try {
      keep = transfer.receive(header);
    } catch (thrown) {
      return this.#faulty(task, thrown);
    }
    this.#count(header.dataSegmentLength);
    if (!pdu.dataDigestOk) {
      // RFC 7143 section 7.8: the task ends once all that was asked for has come.
      this.#phase.replies.reject(REJECT_DATA_DIGEST_ERROR, pdu.bytes);
      task.fault = PROTOCOL_SERVICE_CRC_ERROR;
    }
    if (task.fault !== undefined) {
      if (header.final) this.#options.failed(task, task.fault);
      return;
    }
    const data = pdu.data.subarray(0, keep);
    if (transfer.done && !task.buffer && header.bufferOffset === 0) {
      return this.#complete(task, data);
    }
    this.#gather(task, header.bufferOffset, data);
    if (header.final) this.#sequenceOver(task);
  }

  /** Lets go of all that the task holds. */
  release(task: Task): void {
    task.transfer = undefined;
    if (task.waitingFor) this.#room.withdraw(task.waitingFor);
    task.waitingFor = undefined;
    if (task.buffer) this.#room.give(task.buffer);
    task.buffer = undefined;
    if (task.grantedBytes > 0) {
      const bytes = task.grantedBytes;
      task.grantedBytes = 0;
      this.#room.release(bytes);
    }
  }

  #sequenceOver(task: Task): void {
    const { transfer, buffer } = task;
    if (!transfer) return;
    const end = Math.min(transfer.receivedLength, transfer.length);
    if (!inPieces(task)) {
      const data = buffer?.subarray(0, end - task.bufferBase) ?? NO_DATA;
      if (transfer.done) this.#complete(task, data);
      else this.#ask(task);
      return;
    }
    // Blocks are handed on whole: where the initiator goes away, none is left half old and half new.
    const cut = transfer.done ? end : end - end % LONGEST_BLOCK_BYTES;
    const written = this.#options.piece(task, {
      offset: task.bufferBase,
      data: buffer?.subarray(0, cut - task.bufferBase) ?? NO_DATA,
    });
    if (written instanceof Promise) {
      written.then((goesOn) => {
        if (goesOn) this.#pieceWritten(task, { cut, end });
        this.#phase.replies.out.flushSoon();
      }).catch(this.#phase.defect);
    } else if (written) this.#pieceWritten(task, { cut, end });
  }

  /** What was handed on ends at `cut`; what has come, at `end`. */
  #pieceWritten(task: Task, { cut, end }: { cut: number; end: number }): void {
    if (!task.transfer) return;
    task.buffer?.copyWithin(0, cut - task.bufferBase, end - task.bufferBase);
    task.bufferBase = cut;
    if (task.transfer.done) this.#complete(task, NO_DATA);
    else this.#ask(task);
  }

  #complete(task: Task, data: Uint8Array): void {
    task.transfer = undefined;
    this.#options.complete(task, data);
  }

  /** Sends the R2T that is due, once there is room for what it asks for. */
  #ask(task: Task): void {
    const { transfer } = task;
    if (!transfer) return;
    if (task.grantedBytes > 0) return this.#sendR2ts(task);
    if (task.waitingFor) return;
    const bytes = wholeBufferBytes(task, this.#phase.parameters.maxBurstLength);
    let now = true;
    const grant = () => {
      task.waitingFor = undefined;
      task.grantedBytes = bytes;
      this.#sendR2ts(task);
      if (!now) this.#phase.replies.out.flushSoon();
    };
    task.waitingFor = grant;
    this.#room.request(bytes, grant);
    now = false;
  }

  #sendR2ts(task: Task): void {
    const { transfer } = task;
    if (!transfer) return;
    for (
      let ask = transfer.nextR2t(this.#nextTag());
      ask;
      ask = transfer.nextR2t(this.#nextTag())
    ) {
      this.#phase.replies.r2t(task.lunField, task.initiatorTaskTag, ask);
      task.pdusSent++;
    }
  }

  #nextTag(): number {
    this.#lastTag = (this.#lastTag + 1) % RESERVED_TAG;
    return this.#lastTag;
  }

  #gather(task: Task, offset: number, data: Uint8Array): void {
    if (data.length === 0) return;
    const at = offset - task.bufferBase;
    const needed = at + data.length;
    if (!task.buffer || task.buffer.length < needed) {
      this.#enlarge(task, at, needed);
    }
    task.buffer?.set(data, at);
  }

  /** Before the grant only as much as may come unsolicited. */
  #enlarge(task: Task, filled: number, needed: number): void {
    const { maxBurstLength, firstBurstLength } = this.#phase.parameters;
    const whole = wholeBufferBytes(task, maxBurstLength);
    const length = task.grantedBytes > 0
      ? whole
      : Math.min(whole, firstBurstLength);
    const larger = this.#room.take(Math.max(length, needed));
    const before = task.buffer;
    if (before) {
      larger.set(before.subarray(0, filled));
      this.#room.give(before);
    }
    task.buffer = larger;
  }

  #faulty(task: Task, thrown: unknown): void {
    if (!(thrown instanceof TransferError)) throw thrown;
    this.#options.failed(task, thrown.code);
  }

  #count(bytes: number): void {
    if (bytes === 0) return;
    const { written } = this.#phase.session;
    written.pdus++;
    written.bytes += bytes;
  }
}

/** Whether the data are handed on a sequence at a time. */
function inPieces(task: Task): boolean {
  return task.plan.kind === "write" &&
    (task.transfer?.length ?? 0) > WRITE_PIECE_BYTES;
}

/** The buffer that the task's data need at most. */
function wholeBufferBytes(task: Task, maxBurstLength: number): number {
  const length = task.transfer?.length ?? 0;
  return inPieces(task) ? Math.min(length, maxBurstLength) : length;
}
