/**
 * Reject (RFC 7143 section 11.17).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x3f      |1| Reserved    | Reason        | Reserved      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| 0xffffffff                                                    |
 *     20| Reserved                                                      |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| DataSN/R2TSN or Reserved                                      |
 *     40| Reserved                                                      |
 *     44| Reserved                                                      |
 *     48/ header digest (optional)                                      /
 *       / complete header of the bad PDU, data digest (optional)        /
 */

import { putU24, putU32, u24, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  INITIATOR_TASK_TAG_AT,
  RESERVED_TAG,
} from "./bhs.ts";
import { REJECT } from "./opcode.ts";

const REASON_AT = 2;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const DATA_SN_AT = 36;

/** Reasons (RFC 7143 section 11.17.1). */
export const REJECT_DATA_DIGEST_ERROR = 0x02;
export const REJECT_SNACK = 0x03;
export const REJECT_PROTOCOL_ERROR = 0x04;
export const REJECT_COMMAND_NOT_SUPPORTED = 0x05;
export const REJECT_TOO_MANY_IMMEDIATE_COMMANDS = 0x06;
export const REJECT_TASK_IN_PROGRESS = 0x07;
export const REJECT_INVALID_DATA_ACK = 0x08;
export const REJECT_INVALID_PDU_FIELD = 0x09;
export const REJECT_LONG_OP = 0x0a;
export const REJECT_WAITING_FOR_LOGOUT = 0x0c;

export interface Reject {
  readonly reason: number;
  readonly dataSegmentLength: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly dataSn: number;
}

/** @throws {PeerError} where it is too short or another PDU */
export function decodeReject(bytes: Uint8Array): Reject {
  expectBhs(bytes, REJECT);
  return {
    reason: bytes[REASON_AT]!,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    dataSn: u32(bytes, DATA_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeReject(
  fields: Reject,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(into, at, REJECT, FINAL_BIT);
  into[at + REASON_AT] = fields.reason;
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putU32(into, at + INITIATOR_TASK_TAG_AT, RESERVED_TAG);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  putU32(into, at + DATA_SN_AT, fields.dataSn);
}
