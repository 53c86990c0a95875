/**
 * Every PDU that a target sends in full feature phase, built in place in the queue of what is sent. This is the only owner of StatSN.
 *
 * A PDU that carries a status uses up one StatSN; an R2T, a Data-In without status and a ping only show the next one
 * (RFC 7143 section 4.2.2.2).
 */

import { serialAdd } from "../base/serial.ts";
import {
  dataStart,
  type Digests,
  pduLength,
  sealPdu,
} from "../iscsi/layout.ts";
import {
  encodeAsyncMessage,
  EVENT_LOGOUT_REQUESTED,
} from "../iscsi/pdu/async_message.ts";
import { BHS_BYTES, RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import { encodeDataIn } from "../iscsi/pdu/data_in.ts";
import { encodeLogoutResponse } from "../iscsi/pdu/logout_response.ts";
import { encodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { encodeR2t } from "../iscsi/pdu/r2t.ts";
import { encodeReject } from "../iscsi/pdu/reject.ts";
import {
  encodeScsiResponse,
  encodeSense,
  RESPONSE_COMPLETED,
  SENSE_LENGTH_BYTES,
} from "../iscsi/pdu/scsi_response.ts";
import { encodeTaskManagementResponse } from "../iscsi/pdu/task_management_response.ts";
import { encodeTextResponse } from "../iscsi/pdu/text_response.ts";
import type { R2tAsk, ReadTransfer, Residual } from "../iscsi/transfer.ts";
import type { Outcome } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import type { Outgoing } from "./outgoing.ts";

/** Where the command window stands: CommandWindow, or whatever stands in for it. */
export interface CommandNumbers {
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

export interface RepliesOptions {
  readonly out: Outgoing;
  readonly numbers: CommandNumbers;
  readonly digests: Digests;
  /** The StatSN that the next status carries. */
  readonly statSn: number;
}

const NO_LUN = new Uint8Array(8);
const NO_DATA = new Uint8Array(0);

export const NO_RESIDUAL: Residual = Object.freeze({
  overflow: false,
  underflow: false,
  residualCount: 0,
});

export class Replies {
  readonly out: Outgoing;
  readonly #numbers: CommandNumbers;
  readonly #digests: Digests;
  readonly #dataStart: number;
  #statSn: number;

  constructor(options: RepliesOptions) {
    this.out = options.out;
    this.#numbers = options.numbers;
    this.#digests = options.digests;
    this.#dataStart = dataStart(options.digests);
    this.#statSn = options.statSn;
  }

  /** The StatSN that the next status carries. */
  get statSn(): number {
    return this.#statSn;
  }

  /** Room for a PDU with that much data; gives where its header goes. */
  begin(dataLength: number): number {
    return this.out.claim(pduLength(dataLength, this.#digests));
  }

  /** Where the data of the PDU that begins at `at` go, in the bytes of the queue. */
  dataAt(at: number): number {
    return at + this.#dataStart;
  }

  /**
   * The Data-In that was begun at `at` and whose data are in place. The last one carries GOOD and `residual`, where `withStatus`.
   */
  dataIn(
    at: number,
    pdu: {
      readonly initiatorTaskTag: number;
      readonly transfer: ReadTransfer;
      readonly withStatus: boolean;
      readonly residual: Residual;
    },
  ): void {
    const { transfer, withStatus, residual } = pdu;
    const { dataSegmentLength } = transfer;
    encodeDataIn(
      {
        final: transfer.final,
        acknowledge: false,
        overflow: withStatus && residual.overflow,
        underflow: withStatus && residual.underflow,
        hasStatus: withStatus,
        status: Status.GOOD,
        dataSegmentLength,
        initiatorTaskTag: pdu.initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
        statSn: withStatus ? this.#nextStatSn() : 0,
        expCmdSn: this.#numbers.expCmdSn,
        maxCmdSn: this.#numbers.maxCmdSn,
        dataSn: transfer.dataSn,
        bufferOffset: transfer.bufferOffset,
        residualCount: withStatus ? residual.residualCount : 0,
      },
      this.out.bytes,
      at,
    );
    this.#seal(at, dataSegmentLength);
  }

  scsiResponse(pdu: {
    readonly initiatorTaskTag: number;
    readonly outcome: Outcome;
    readonly residual: Residual;
    /** Data-In and R2T PDUs that the command has sent. */
    readonly expDataSn: number;
  }): void {
    const { outcome, residual } = pdu;
    const sense = outcome.sense ?? NO_DATA;
    const dataSegmentLength = sense.length === 0
      ? 0
      : SENSE_LENGTH_BYTES + sense.length;
    const at = this.begin(dataSegmentLength);
    encodeScsiResponse(
      {
        bidirectionalOverflow: false,
        bidirectionalUnderflow: false,
        overflow: residual.overflow,
        underflow: residual.underflow,
        response: RESPONSE_COMPLETED,
        status: outcome.status,
        dataSegmentLength,
        initiatorTaskTag: pdu.initiatorTaskTag,
        snackTag: 0,
        statSn: this.#nextStatSn(),
        expCmdSn: this.#numbers.expCmdSn,
        maxCmdSn: this.#numbers.maxCmdSn,
        expDataSn: pdu.expDataSn,
        bidirectionalReadResidualCount: 0,
        residualCount: residual.residualCount,
      },
      this.out.bytes,
      at,
    );
    if (dataSegmentLength > 0) {
      encodeSense(sense, this.out.bytes, this.dataAt(at));
    }
    this.#seal(at, dataSegmentLength);
  }

  r2t(lun: Uint8Array, initiatorTaskTag: number, ask: R2tAsk): void {
    const at = this.begin(0);
    encodeR2t(
      { lun, initiatorTaskTag, ...ask, ...this.#shown() },
      this.out.bytes,
      at,
    );
    this.#seal(at, 0);
  }

  /** The answer to a NOP-Out, with its data. */
  pong(initiatorTaskTag: number, lun: Uint8Array, data: Uint8Array): void {
    const at = this.begin(data.length);
    encodeNopIn(
      {
        dataSegmentLength: data.length,
        lun,
        initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
        ...this.#used(),
      },
      this.out.bytes,
      at,
    );
    this.out.bytes.set(data, this.dataAt(at));
    this.#seal(at, data.length);
  }

  /** Asks the initiator for a sign of life. */
  ping(targetTransferTag: number): void {
    const at = this.begin(0);
    encodeNopIn(
      {
        dataSegmentLength: 0,
        lun: NO_LUN,
        initiatorTaskTag: RESERVED_TAG,
        targetTransferTag,
        ...this.#shown(),
      },
      this.out.bytes,
      at,
    );
    this.#seal(at, 0);
  }

  text(pdu: {
    readonly initiatorTaskTag: number;
    readonly lun: Uint8Array;
    /** RESERVED_TAG with the last one. */
    readonly targetTransferTag: number;
    readonly final: boolean;
    readonly continue: boolean;
    readonly data: Uint8Array;
  }): void {
    const { data } = pdu;
    const at = this.begin(data.length);
    encodeTextResponse(
      { ...pdu, dataSegmentLength: data.length, ...this.#used() },
      this.out.bytes,
      at,
    );
    this.out.bytes.set(data, this.dataAt(at));
    this.#seal(at, data.length);
  }

  taskManagement(initiatorTaskTag: number, response: number): void {
    const at = this.begin(0);
    encodeTaskManagementResponse(
      { response, initiatorTaskTag, ...this.#used() },
      this.out.bytes,
      at,
    );
    this.#seal(at, 0);
  }

  logout(
    pdu: {
      readonly initiatorTaskTag: number;
      readonly response: number;
      readonly time2Wait: number;
    },
  ): void {
    const at = this.begin(0);
    encodeLogoutResponse(
      { ...pdu, time2Retain: 0, ...this.#used() },
      this.out.bytes,
      at,
    );
    this.#seal(at, 0);
  }

  /** Refuses `bad`, whose header goes back as the reject's data (RFC 7143 section 11.17). */
  reject(reason: number, bad: Uint8Array): void {
    const header = bad.subarray(0, BHS_BYTES);
    const at = this.begin(BHS_BYTES);
    encodeReject(
      {
        reason,
        dataSegmentLength: header.length,
        dataSn: 0,
        ...this.#used(),
      },
      this.out.bytes,
      at,
    );
    this.out.bytes.set(header, this.dataAt(at));
    this.#seal(at, BHS_BYTES);
  }

  /** Asks for a logout within so many seconds (RFC 7143 section 11.9.1, event 1). */
  logoutRequest(seconds: number): void {
    const at = this.begin(0);
    encodeAsyncMessage(
      {
        dataSegmentLength: 0,
        lun: NO_LUN,
        asyncEvent: EVENT_LOGOUT_REQUESTED,
        asyncVCode: 0,
        parameter1: 0,
        parameter2: 0,
        parameter3: Math.min(seconds, 0xffff),
        ...this.#used(),
      },
      this.out.bytes,
      at,
    );
    this.#seal(at, 0);
  }

  #seal(at: number, dataLength: number): void {
    sealPdu(this.out.bytes, at, { dataLength, digests: this.#digests });
  }

  #nextStatSn(): number {
    const statSn = this.#statSn;
    this.#statSn = serialAdd(statSn, 1);
    return statSn;
  }

  #used() {
    return {
      statSn: this.#nextStatSn(),
      expCmdSn: this.#numbers.expCmdSn,
      maxCmdSn: this.#numbers.maxCmdSn,
    };
  }

  #shown() {
    return {
      statSn: this.#statSn,
      expCmdSn: this.#numbers.expCmdSn,
      maxCmdSn: this.#numbers.maxCmdSn,
    };
  }
}
