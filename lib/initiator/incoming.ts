/**
 * What a target sends in full feature phase, PDU by PDU, and what the session is told of it.
 *
 * StatSN must come without a gap at error recovery level 0. PDUs that use a number up: SCSI Response, Data-In with status,
 * the responses to task management, text and logout, Asynchronous Message, Reject, and a NOP-In that answers a NOP-Out.
 */

import { PeerError } from "../base/errors.ts";
import { serialAdd } from "../base/serial.ts";
import type { Pdu } from "../iscsi/framer.ts";
import {
  type AsyncMessage,
  decodeAsyncMessage,
} from "../iscsi/pdu/async_message.ts";
import {
  BHS_BYTES,
  initiatorTaskTagOf,
  opcodeOf,
  RESERVED_TAG,
} from "../iscsi/pdu/bhs.ts";
import { decodeDataIn } from "../iscsi/pdu/data_in.ts";
import { decodeLogoutResponse } from "../iscsi/pdu/logout_response.ts";
import { decodeNopIn } from "../iscsi/pdu/nop_in.ts";
import {
  ASYNC_MESSAGE,
  DATA_IN,
  DATA_OUT,
  LOGOUT_RESPONSE,
  NOP_IN,
  R2T,
  REJECT,
  SCSI_RESPONSE,
  TASK_MANAGEMENT_RESPONSE,
  TEXT_RESPONSE,
} from "../iscsi/pdu/opcode.ts";
import { decodeR2t } from "../iscsi/pdu/r2t.ts";
import { decodeReject } from "../iscsi/pdu/reject.ts";
import { decodeScsiResponse, decodeSense } from "../iscsi/pdu/scsi_response.ts";
import { decodeTaskManagementResponse } from "../iscsi/pdu/task_management_response.ts";
import { decodeTextResponse } from "../iscsi/pdu/text_response.ts";
import type { CommandResult } from "./command.ts";
import type { DataRange } from "./sender.ts";
import type { Task } from "./task.ts";

/** What of a session the PDUs change. */
export interface Replies {
  readonly tasks: ReadonlyMap<number, Task>;
  expStatSn: number;
  window(expCmdSn: number, maxCmdSn: number): void;
  reply(tag: number, answer: unknown): void;
  rejected(tag: number | undefined, reason: number): void;
  event(message: AsyncMessage, data: Uint8Array): void;
  sendData(task: Task, range: DataRange): void;
  pong(lun: Uint8Array, targetTransferTag: number): void;
}

const NO_SENSE = new Uint8Array(0);

export class Incoming {
  readonly #session: Replies;

  constructor(session: Replies) {
    this.#session = session;
  }

  /** @throws {PeerError} where the target breaks the protocol: the session cannot go on */
  receive(pdu: Pdu): void {
    if (!pdu.dataDigestOk) {
      throw new PeerError("A data segment does not match its digest");
    }
    switch (opcodeOf(pdu.bytes)) {
      case DATA_IN:
        return this.#dataIn(pdu);
      case SCSI_RESPONSE:
        return this.#scsiResponse(pdu);
      case R2T:
        return this.#r2t(pdu);
      case NOP_IN:
        return this.#nopIn(pdu);
      case TASK_MANAGEMENT_RESPONSE: {
        const fields = decodeTaskManagementResponse(pdu.bytes);
        this.#counted(fields);
        return this.#session.reply(fields.initiatorTaskTag, fields.response);
      }
      case TEXT_RESPONSE: {
        const response = decodeTextResponse(pdu.bytes);
        this.#counted(response);
        const data = pdu.data.slice();
        return this.#session.reply(response.initiatorTaskTag, {
          response,
          data,
        });
      }
      case LOGOUT_RESPONSE: {
        const fields = decodeLogoutResponse(pdu.bytes);
        this.#counted(fields);
        return this.#session.reply(fields.initiatorTaskTag, fields);
      }
      case ASYNC_MESSAGE: {
        const message = decodeAsyncMessage(pdu.bytes);
        this.#counted(message);
        return this.#session.event(
          { ...message, lun: message.lun.slice() },
          pdu.data.slice(),
        );
      }
      case REJECT:
        return this.#reject(pdu);
      default:
        throw new PeerError(
          `Not a target's PDU: opcode 0x${opcodeOf(pdu.bytes).toString(16)}`,
        );
    }
  }

  #dataIn(pdu: Pdu): void {
    const fields = decodeDataIn(pdu.bytes);
    const task = this.#task(fields.initiatorTaskTag);
    task.take(fields, pdu.data);
    if (!fields.hasStatus) {
      return this.#session.window(fields.expCmdSn, fields.maxCmdSn);
    }
    if (!fields.final) throw new PeerError("Data-In has S without F");
    this.#counted(fields);
    this.#finish(task, {
      status: fields.status,
      response: 0,
      sense: NO_SENSE,
      overflow: fields.overflow,
      underflow: fields.underflow,
      residualCount: fields.residualCount,
    });
  }

  #scsiResponse(pdu: Pdu): void {
    const fields = decodeScsiResponse(pdu.bytes);
    const task = this.#task(fields.initiatorTaskTag);
    this.#counted(fields);
    this.#finish(task, {
      status: fields.status,
      response: fields.response,
      sense: decodeSense(pdu.data).slice(),
      overflow: fields.overflow,
      underflow: fields.underflow,
      residualCount: fields.residualCount,
    });
  }

  #finish(task: Task, how: Omit<CommandResult, "dataIn">): void {
    this.#session.reply(task.initiatorTaskTag, { ...how, dataIn: task.dataIn });
  }

  #r2t(pdu: Pdu): void {
    const fields = decodeR2t(pdu.bytes);
    const task = this.#task(fields.initiatorTaskTag);
    task.checkR2t(fields);
    this.#session.sendData(task, {
      start: fields.bufferOffset,
      end: fields.bufferOffset + fields.desiredDataTransferLength,
      targetTransferTag: fields.targetTransferTag,
    });
    this.#session.window(fields.expCmdSn, fields.maxCmdSn);
  }

  #nopIn(pdu: Pdu): void {
    const fields = decodeNopIn(pdu.bytes);
    if (fields.initiatorTaskTag === RESERVED_TAG) {
      this.#session.window(fields.expCmdSn, fields.maxCmdSn);
    } else {
      this.#counted(fields);
      this.#session.reply(fields.initiatorTaskTag, pdu.data.slice());
    }
    if (fields.targetTransferTag !== RESERVED_TAG) {
      this.#session.pong(fields.lun.slice(), fields.targetTransferTag);
    }
  }

  #reject(pdu: Pdu): void {
    const fields = decodeReject(pdu.bytes);
    this.#counted(fields);
    const header = pdu.data;
    // Data that was rejected leaves its command to a SCSI Response (RFC 7143 section 7.8).
    const tag = header.length < BHS_BYTES || opcodeOf(header) === DATA_OUT
      ? undefined
      : initiatorTaskTagOf(header);
    this.#session.rejected(tag, fields.reason);
  }

  #task(tag: number): Task {
    const task = this.#session.tasks.get(tag);
    if (task === undefined) {
      throw new PeerError(`No command has task tag ${tag}`);
    }
    return task;
  }

  /** A PDU that uses up a StatSN. */
  #counted(
    fields: {
      readonly statSn: number;
      readonly expCmdSn: number;
      readonly maxCmdSn: number;
    },
  ): void {
    if (fields.statSn !== this.#session.expStatSn) {
      throw new PeerError(
        `StatSN is ${fields.statSn}, expected ${this.#session.expStatSn}`,
      );
    }
    this.#session.expStatSn = serialAdd(fields.statSn, 1);
    this.#session.window(fields.expCmdSn, fields.maxCmdSn);
  }
}
