/**
 * SCSI Data-In (RFC 7143 section 11.7).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x25      |F|A|. . .|O|U|S| Reserved      |Status or Rsvd |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| StatSN or Reserved                                            |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| DataSN                                                        |
 *     40| Buffer Offset                                                 |
 *     44| Residual Count                                                |
 *     48/ header digest (optional), data, data digest (optional)        /
 */

import { putU24, putU32, u24, u32 } from "../../base/bytes.ts";
import {
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
} from "./bhs.ts";
import { DATA_IN } from "./opcode.ts";

const ACKNOWLEDGE_BIT = 0x40;
const OVERFLOW_BIT = 0x04;
const UNDERFLOW_BIT = 0x02;
const STATUS_BIT = 0x01;
const STATUS_AT = 3;
const TARGET_TRANSFER_TAG_AT = 20;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const DATA_SN_AT = 36;
const BUFFER_OFFSET_AT = 40;
const RESIDUAL_AT = 44;

export interface DataIn {
  /** F: the last PDU of its sequence. */
  readonly final: boolean;
  /** A: a DataACK SNACK is asked for. Error recovery levels above 0 only. */
  readonly acknowledge: boolean;
  readonly overflow: boolean;
  readonly underflow: boolean;
  /** S: the PDU carries the command's status, and no SCSI Response follows. */
  readonly hasStatus: boolean;
  /** SAM status, with S. */
  readonly status: number;
  readonly dataSegmentLength: number;
  /** With A only. Absent or zeros otherwise. */
  readonly lun?: Uint8Array | undefined;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  /** With S only. */
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
  /** With S and one of O and U. */
  readonly residualCount: number;
}

/** The header's fields; the LUN is a view, given with A alone. @throws {PeerError} where it is too short or another PDU */
export function decodeDataIn(bytes: Uint8Array): DataIn {
  expectBhs(bytes, DATA_IN);
  const flags = bytes[FLAGS_AT]!;
  return {
    final: (flags & FINAL_BIT) !== 0,
    acknowledge: (flags & ACKNOWLEDGE_BIT) !== 0,
    overflow: (flags & OVERFLOW_BIT) !== 0,
    underflow: (flags & UNDERFLOW_BIT) !== 0,
    hasStatus: (flags & STATUS_BIT) !== 0,
    status: bytes[STATUS_AT]!,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    lun: (flags & ACKNOWLEDGE_BIT) !== 0 ? lunView(bytes) : undefined,
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    targetTransferTag: u32(bytes, TARGET_TRANSFER_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    dataSn: u32(bytes, DATA_SN_AT),
    bufferOffset: u32(bytes, BUFFER_OFFSET_AT),
    residualCount: u32(bytes, RESIDUAL_AT),
  };
}

/** Writes the 48-byte header at `at`. Every byte is set, so the arena may hold anything before. */
export function encodeDataIn(
  fields: DataIn,
  into: Uint8Array,
  at: number,
): void {
  into[at] = DATA_IN;
  into[at + FLAGS_AT] = (fields.final ? FINAL_BIT : 0) |
    (fields.acknowledge ? ACKNOWLEDGE_BIT : 0) |
    (fields.overflow ? OVERFLOW_BIT : 0) |
    (fields.underflow ? UNDERFLOW_BIT : 0) |
    (fields.hasStatus ? STATUS_BIT : 0);
  into[at + 2] = 0;
  into[at + STATUS_AT] = fields.status;
  into[at + 4] = 0;
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putU32(into, at + 8, 0);
  putU32(into, at + 12, 0);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + TARGET_TRANSFER_TAG_AT, fields.targetTransferTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  putU32(into, at + DATA_SN_AT, fields.dataSn);
  putU32(into, at + BUFFER_OFFSET_AT, fields.bufferOffset);
  putU32(into, at + RESIDUAL_AT, fields.residualCount);
}
