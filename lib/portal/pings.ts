/**
 * Answers an initiator's pings in the target's place. A link may be without a connection for a minute, and its initiators must not notice:
 * they wait for the answer to a command for as long as it takes, but for that to a ping for seconds only. So a NOP-Out that wants an
 * answer gets it here, always, and the target never sees it. Whether the target still lives is the link's affair.
 *
 * An answer uses up a status number (RFC 7143 section 11.19.2). After the first one the initiator counts further than the target does, so
 * from then on every StatSN that passes is raised by the number of answers, and every ExpStatSN lowered by it:
 *
 *     initiator's StatSN  =  target's StatSN + answered
 *
 * Where the two have agreed to recover lost PDUs (ErrorRecoveryLevel above 0, which few can), nothing is answered here: SNACKs and answers
 * that are sent again speak of numbers that are past.
 *
 * Only immediate pings can be answered so: another one has its place in the order of commands, and goes through.
 */

import { putU32, u24, u32 } from "../base/bytes.ts";
import { serialAdd, serialLess } from "../base/serial.ts";
import { crc32c } from "../base/crc32c.ts";
import {
  dataStart,
  digestAt,
  type Digests,
  pduLength,
  putDigest,
  sealPdu,
} from "../iscsi/layout.ts";
import {
  ahsBytesOf,
  BHS_BYTES,
  DATA_SEGMENT_LENGTH_AT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
  isImmediate,
  opcodeOf,
  RESERVED_TAG,
  TOTAL_AHS_LENGTH_AT,
} from "../iscsi/pdu/bhs.ts";
import { decodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { encodeNopIn } from "../iscsi/pdu/nop_in.ts";
import {
  DATA_IN,
  NOP_IN,
  NOP_OUT,
  OPCODE_MASK,
  R2T,
} from "../iscsi/pdu/opcode.ts";

/** Where every PDU of a target has its StatSN, ExpCmdSN and MaxCmdSN, and every PDU of an initiator its ExpStatSN. */
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const EXP_STAT_SN_AT = 28;
/** The S bit of Data-In: it ends its command, and its StatSN counts (RFC 7143 section 11.7.3). */
const STATUS_BIT = 0x01;
const NO_LUN = new Uint8Array(8);

export class Pings {
  readonly #digests: Digests;
  readonly #maxDataBytes: number;
  /** Answers given so far. */
  #answered = 0;
  /** The target's next StatSN, and what it last said of commands. */
  #statSn: number;
  #expCmdSn: number;
  #maxCmdSn: number;
  /** The highest ExpStatSN that the target has been told since the first answer, as the target counts. */
  #expStatSn = 0;

  /**
   * `response`: the header of the Login Response that ended the login. `maxDataBytes`: the longest data segment that the initiator
   * takes.
   */
  constructor(
    response: Uint8Array,
    options: { digests: Digests; maxDataBytes: number },
  ) {
    this.#digests = options.digests;
    this.#maxDataBytes = options.maxDataBytes;
    this.#statSn = serialAdd(u32(response, STAT_SN_AT), 1);
    this.#expCmdSn = u32(response, EXP_CMD_SN_AT);
    this.#maxCmdSn = u32(response, MAX_CMD_SN_AT);
  }

  /** Whole PDUs of the target, changed in place where the initiator counts further. */
  fromTarget(run: Uint8Array): Uint8Array {
    for (let at = 0; at < run.length; at += this.#lengthAt(run, at)) {
      this.#expCmdSn = u32(run, at + EXP_CMD_SN_AT);
      this.#maxCmdSn = u32(run, at + MAX_CMD_SN_AT);
      const opcode = run[at]! & OPCODE_MASK;
      if (opcode === DATA_IN && (run[at + FLAGS_AT]! & STATUS_BIT) === 0) {
        continue;
      }
      const statSn = u32(run, at + STAT_SN_AT);
      const asks = opcode === R2T || (opcode === NOP_IN &&
        u32(run, at + INITIATOR_TASK_TAG_AT) === RESERVED_TAG);
      this.#statSn = asks ? statSn : serialAdd(statSn, 1);
      if (this.#answered > 0) {
        this.#change(run, at + STAT_SN_AT, {
          value: serialAdd(statSn, this.#answered),
          begin: at,
        });
      }
    }
    return run;
  }

  /** Whole PDUs of the initiator, none of them a NOP-Out that {@linkcode answer} answers, changed in place like the target's. */
  fromInitiator(run: Uint8Array): Uint8Array {
    if (this.#answered === 0) return run;
    for (let at = 0; at < run.length; at += this.#lengthAt(run, at)) {
      const expected = u32(run, at + EXP_STAT_SN_AT);
      const value = serialAdd(expected, -this.#answered);
      // The initiator may not have seen the last answer yet; what it has acknowledged stays so.
      if (serialLess(this.#expStatSn, value)) this.#expStatSn = value;
      this.#change(run, at + EXP_STAT_SN_AT, {
        value: this.#expStatSn,
        begin: at,
      });
    }
    return run;
  }

  /** The NOP-In for one PDU, where that is a ping to be answered here. */
  answer(pdu: Uint8Array): Uint8Array | undefined {
    if (opcodeOf(pdu) !== NOP_OUT || !isImmediate(pdu)) return undefined;
    const {
      initiatorTaskTag,
      targetTransferTag,
      dataSegmentLength,
      expStatSn,
    } = decodeNopOut(pdu);
    const isPing = initiatorTaskTag !== RESERVED_TAG &&
      targetTransferTag === RESERVED_TAG;
    if (!isPing || !this.#isWhole(pdu)) return undefined;
    const digests = this.#digests;
    const dataLength = Math.min(dataSegmentLength, this.#maxDataBytes);
    const answer = new Uint8Array(pduLength(dataLength, digests));
    encodeNopIn(
      {
        dataSegmentLength: dataLength,
        lun: NO_LUN,
        initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
        statSn: serialAdd(this.#statSn, this.#answered),
        expCmdSn: this.#expCmdSn,
        maxCmdSn: this.#maxCmdSn,
      },
      answer,
      0,
    );
    const from = dataStart(digests, ahsBytesOf(pdu));
    answer.set(pdu.subarray(from, from + dataLength), dataStart(digests));
    sealPdu(answer, 0, { dataLength, digests });
    // All before it have passed unchanged.
    if (this.#answered === 0) this.#expStatSn = expStatSn;
    this.#answered++;
    return answer;
  }

  /** Whether its digests hold: what was damaged on its way is the target's to refuse. */
  #isWhole(pdu: Uint8Array): boolean {
    const headerEnd = BHS_BYTES + ahsBytesOf(pdu);
    const { header, data } = this.#digests;
    if (header && crc32c(pdu, 0, headerEnd) !== digestAt(pdu, headerEnd)) {
      return false;
    }
    const dataLength = u24(pdu, DATA_SEGMENT_LENGTH_AT);
    if (!data || dataLength === 0) return true;
    const begin = dataStart(this.#digests, ahsBytesOf(pdu));
    const end = pdu.length - 4;
    return crc32c(pdu, begin, end) === digestAt(pdu, end);
  }

  /** Writes a number into a header, and its digest anew; one that did not hold before does not hold after. */
  #change(
    run: Uint8Array,
    where: number,
    to: { value: number; begin: number },
  ): void {
    const { value, begin } = to;
    const end = begin + BHS_BYTES + run[begin + TOTAL_AHS_LENGTH_AT]! * 4;
    const held = this.#digests.header &&
      crc32c(run, begin, end) === digestAt(run, end);
    putU32(run, where, value);
    if (held) putDigest(run, end, crc32c(run, begin, end));
  }

  #lengthAt(run: Uint8Array, at: number): number {
    return pduLength(
      u24(run, at + DATA_SEGMENT_LENGTH_AT),
      this.#digests,
      run[at + TOTAL_AHS_LENGTH_AT]! * 4,
    );
  }
}
