/**
 * The data of one task: which Data-Out may come and which R2T to send (RFC 7143 sections 4.2.5.2, 11.7 and 11.8), and how
 * read data is cut into Data-In PDUs. DataPDUInOrder and DataSequenceInOrder are always Yes here, so offsets only grow.
 *
 *     a write:  immediate data │ unsolicited Data-Out … F │ R2T 0: Data-Out … F │ R2T 1: Data-Out … F │
 *               └── at most FirstBurstLength ───────────┘ └─ at most MaxBurstLength each ───────────┘
 */

import { PeerError } from "../base/errors.ts";
import type { Parameters } from "./parameters.ts";
import { RESERVED_TAG } from "./pdu/bhs.ts";

/** Additional sense codes (ASC << 8 | ASCQ) for faults of a transfer, with ABORTED COMMAND (RFC 7143 section 11.4.7.2). */
export const UNEXPECTED_UNSOLICITED_DATA = 0x0c0c;
export const INCORRECT_AMOUNT_OF_DATA = 0x0c0d;
export const PROTOCOL_SERVICE_CRC_ERROR = 0x4705;

/**
 * The initiator broke the rules of this task's data. The task cannot go on: end it with CHECK CONDITION, ABORTED COMMAND and
 * `code`, and drop the Data-Out PDUs that still come for it.
 */
export class TransferError extends PeerError {
  override readonly name = "TransferError";
  /** ASC << 8 | ASCQ. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What an R2T asks for. */
export interface R2tAsk {
  readonly r2tSn: number;
  readonly targetTransferTag: number;
  readonly bufferOffset: number;
  readonly desiredDataTransferLength: number;
}

/** The fields of a Data-Out that matter here. */
export interface DataOutHeader {
  readonly final: boolean;
  readonly dataSegmentLength: number;
  readonly targetTransferTag: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
}

export interface WriteTransferOptions {
  /** The command's Expected Data Transfer Length. */
  readonly expectedLength: number;
  /** Bytes that the command asks for by its CDB; 0 for one that was refused but whose unsolicited data still comes. */
  readonly neededLength: number;
  /** The command's F bit: no unsolicited Data-Out follows. */
  readonly final: boolean;
  /** The command's DataSegmentLength. */
  readonly immediateLength: number;
  readonly parameters: Pick<
    Parameters,
    | "initialR2T"
    | "immediateData"
    | "firstBurstLength"
    | "maxBurstLength"
    | "maxOutstandingR2T"
  >;
}

/** The data of one write. Holds no bytes: the owner copies each segment to its buffer offset. */
export class WriteTransfer {
  /** Bytes to solicit and keep: what is needed and expected both. */
  readonly length: number;
  readonly #expected: number;
  readonly #maxBurst: number;
  readonly #maxOutstanding: number;
  /** Most that may come without an R2T, immediate data included. */
  readonly #unsolicitedLimit: number;
  /** Whether the unsolicited sequence is still open. */
  #unsolicited: boolean;
  /** All bytes before this offset have come. */
  #received: number;
  /** All bytes before this offset have come or were asked for. */
  #asked: number;
  #nextR2tSn = 0;
  /** Next DataSN of the open sequence. */
  #dataSn = 0;
  /** R2Ts not yet answered in full, oldest first. */
  readonly #outstanding: R2tAsk[] = [];

  /** @throws {TransferError} where the command itself has more immediate or unsolicited data than was agreed on */
  constructor(options: WriteTransferOptions) {
    const { expectedLength, immediateLength, parameters, final } = options;
    this.length = Math.min(options.neededLength, expectedLength);
    this.#expected = expectedLength;
    this.#maxBurst = parameters.maxBurstLength;
    this.#maxOutstanding = parameters.maxOutstandingR2T;
    this.#unsolicitedLimit = Math.min(
      parameters.firstBurstLength,
      expectedLength,
    );
    if (immediateLength > 0 && !parameters.immediateData) {
      throw new TransferError(
        UNEXPECTED_UNSOLICITED_DATA,
        "Immediate data came although ImmediateData is No",
      );
    }
    if (immediateLength > this.#unsolicitedLimit) {
      throw new TransferError(
        immediateLength > expectedLength
          ? INCORRECT_AMOUNT_OF_DATA
          : UNEXPECTED_UNSOLICITED_DATA,
        `${immediateLength} bytes of immediate data, ${this.#unsolicitedLimit} are allowed`,
      );
    }
    if (!final && parameters.initialR2T) {
      throw new TransferError(
        UNEXPECTED_UNSOLICITED_DATA,
        "Unsolicited data was announced although InitialR2T is Yes",
      );
    }
    // A command that has sent all it may by itself announces nothing more, whatever its F bit says.
    this.#unsolicited = !final && immediateLength < this.#unsolicitedLimit;
    this.#received = immediateLength;
    this.#asked = immediateLength;
  }

  /** Whether all bytes that are wanted have come and nothing more is on its way. */
  get done(): boolean {
    return !this.#unsolicited && this.#received >= this.length;
  }

  /** Bytes that have come, from the start of the buffer on. */
  get receivedLength(): number {
    return this.#received;
  }

  /**
   * Takes note of a Data-Out.
   *
   * @returns how many of its bytes to keep, at its buffer offset; the rest lies beyond what is needed
   * @throws {TransferError} where the initiator may not send it
   */
  receive(pdu: DataOutHeader): number {
    const end = pdu.targetTransferTag === RESERVED_TAG
      ? this.#unsolicitedEnd()
      : this.#solicitedEnd(pdu.targetTransferTag);
    if (pdu.dataSn !== this.#dataSn) {
      throw new TransferError(
        PROTOCOL_SERVICE_CRC_ERROR,
        `DataSN is ${pdu.dataSn}, expected ${this.#dataSn}`,
      );
    }
    if (pdu.bufferOffset !== this.#received) {
      throw new TransferError(
        PROTOCOL_SERVICE_CRC_ERROR,
        `Buffer Offset is ${pdu.bufferOffset}, expected ${this.#received}`,
      );
    }
    const upTo = pdu.bufferOffset + pdu.dataSegmentLength;
    if (upTo > end) {
      throw new TransferError(
        this.#unsolicited
          ? UNEXPECTED_UNSOLICITED_DATA
          : INCORRECT_AMOUNT_OF_DATA,
        `Data up to byte ${upTo}, ${end} were allowed`,
      );
    }
    this.#received = upTo;
    this.#dataSn++;
    if (this.#unsolicited) this.#endUnsolicited(pdu.final, end);
    else this.#endSolicited(pdu.final, end);
    const keep = Math.min(upTo, this.length) - pdu.bufferOffset;
    return keep > 0 ? keep : 0;
  }

  /**
   * The next R2T to send, under a Target Transfer Tag of the owner's choice, or undefined where none is due now. To be asked
   * until undefined at the start and after every Data-Out.
   */
  nextR2t(targetTransferTag: number): R2tAsk | undefined {
    if (
      this.#unsolicited || this.#asked >= this.length ||
      this.#outstanding.length >= this.#maxOutstanding
    ) return undefined;
    const ask: R2tAsk = {
      r2tSn: this.#nextR2tSn++,
      targetTransferTag,
      bufferOffset: this.#asked,
      desiredDataTransferLength: Math.min(
        this.#maxBurst,
        this.length - this.#asked,
      ),
    };
    this.#asked += ask.desiredDataTransferLength;
    this.#outstanding.push(ask);
    return ask;
  }

  /** Where the unsolicited sequence must end at the latest. */
  #unsolicitedEnd(): number {
    if (!this.#unsolicited) {
      throw new TransferError(
        UNEXPECTED_UNSOLICITED_DATA,
        "Unsolicited data came after the unsolicited sequence had ended",
      );
    }
    return this.#unsolicitedLimit;
  }

  /** Where the sequence that the oldest R2T asked for ends. */
  #solicitedEnd(targetTransferTag: number): number {
    const ask = this.#outstanding[0];
    if (ask === undefined || ask.targetTransferTag !== targetTransferTag) {
      throw new TransferError(
        PROTOCOL_SERVICE_CRC_ERROR,
        `No R2T is due with Target Transfer Tag 0x${
          targetTransferTag.toString(16)
        }`,
      );
    }
    return ask.bufferOffset + ask.desiredDataTransferLength;
  }

  #endUnsolicited(final: boolean, end: number): void {
    if (!final && this.#received < end) return;
    if (!final) {
      throw new TransferError(
        INCORRECT_AMOUNT_OF_DATA,
        "The unsolicited sequence is full and its last PDU has no F bit",
      );
    }
    this.#unsolicited = false;
    this.#asked = this.#received;
    this.#dataSn = 0;
  }

  #endSolicited(final: boolean, end: number): void {
    if (final !== (this.#received === end)) {
      throw new TransferError(
        INCORRECT_AMOUNT_OF_DATA,
        final
          ? `The sequence ended at byte ${this.#received}, expected ${end}`
          : "The sequence is full and its last PDU has no F bit",
      );
    }
    if (!final) return;
    this.#outstanding.shift();
    this.#dataSn = 0;
  }
}

/** How a read's bytes are cut: at the peer's MaxRecvDataSegmentLength, and with F at every MaxBurstLength. */
export class ReadTransfer {
  /** Bytes to send in all. */
  readonly length: number;
  readonly #maxSegment: number;
  readonly #maxBurst: number;
  #offset = 0;
  #burst = 0;

  /** The current PDU's fields, valid after {@linkcode ReadTransfer.next} gave true. */
  bufferOffset = 0;
  dataSegmentLength = 0;
  dataSn = -1;
  /** F: the last of its sequence. */
  final = false;
  /** The last of all: the one that may carry the status. */
  last = false;

  constructor(
    options: {
      /** Bytes that the command has to give. */
      readonly dataLength: number;
      /** The command's Expected Data Transfer Length: never more than this is sent. */
      readonly expectedLength: number;
      readonly parameters: Pick<
        Parameters,
        "maxRecvDataSegmentLength" | "maxBurstLength"
      >;
    },
  ) {
    this.length = Math.min(options.dataLength, options.expectedLength);
    this.#maxSegment = options.parameters.maxRecvDataSegmentLength;
    this.#maxBurst = options.parameters.maxBurstLength;
  }

  /** Moves on to the next Data-In; false where all was sent. A read of 0 bytes has none. Allocates nothing. */
  next(): boolean {
    const rest = this.length - this.#offset;
    if (rest <= 0) return false;
    const room = this.#maxBurst - this.#burst;
    const segment = Math.min(rest, this.#maxSegment, room);
    this.bufferOffset = this.#offset;
    this.dataSegmentLength = segment;
    this.dataSn++;
    this.last = segment === rest;
    this.final = this.last || segment === room;
    this.#offset += segment;
    this.#burst = this.final ? 0 : this.#burst + segment;
    return true;
  }
}

/** The O and U bits and the count beside them (RFC 7143 section 11.4.5). */
export interface Residual {
  readonly overflow: boolean;
  readonly underflow: boolean;
  readonly residualCount: number;
}

/** How far what a command gave or took, `actualLength`, is from what the initiator expected. */
export function residualOf(
  actualLength: number,
  expectedLength: number,
): Residual {
  return {
    overflow: actualLength > expectedLength,
    underflow: actualLength < expectedLength,
    residualCount: Math.abs(actualLength - expectedLength),
  };
}
