/**
 * Ready To Transfer (RFC 7143 section 11.8).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x31      |1| Reserved    | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN                                                           |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag                                           |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| R2TSN                                                         |
 *     40| Buffer Offset                                                 |
 *     44| Desired Data Transfer Length                                  |
 *     48/ header digest (optional)                                      /
 */

import { putU32, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  expectBhs,
  FINAL_BIT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
} from "./bhs.ts";
import { R2T as OPCODE } from "./opcode.ts";

const TARGET_TRANSFER_TAG_AT = 20;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const R2T_SN_AT = 36;
const BUFFER_OFFSET_AT = 40;
const DESIRED_LENGTH_AT = 44;

export interface R2t {
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  /** The next StatSN; an R2T does not use it up. */
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly r2tSn: number;
  readonly bufferOffset: number;
  readonly desiredDataTransferLength: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeR2t(bytes: Uint8Array): R2t {
  expectBhs(bytes, OPCODE);
  return {
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    targetTransferTag: u32(bytes, TARGET_TRANSFER_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    r2tSn: u32(bytes, R2T_SN_AT),
    bufferOffset: u32(bytes, BUFFER_OFFSET_AT),
    desiredDataTransferLength: u32(bytes, DESIRED_LENGTH_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeR2t(fields: R2t, into: Uint8Array, at: number): void {
  beginBhs(into, at, OPCODE, FINAL_BIT);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + TARGET_TRANSFER_TAG_AT, fields.targetTransferTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  putU32(into, at + R2T_SN_AT, fields.r2tSn);
  putU32(into, at + BUFFER_OFFSET_AT, fields.bufferOffset);
  putU32(into, at + DESIRED_LENGTH_AT, fields.desiredDataTransferLength);
}
