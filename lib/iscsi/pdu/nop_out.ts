/**
 * NOP-Out (RFC 7143 section 11.18).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|I| 0x00      |1| Reserved    | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag or 0xffffffff                              |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32/ Reserved                                                      /
 *     48/ header digest (optional), ping data, data digest (optional)   /
 */

import { putU24, putU32, u24, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
} from "./bhs.ts";
import { IMMEDIATE_BIT, NOP_OUT } from "./opcode.ts";

const TARGET_TRANSFER_TAG_AT = 20;
const CMD_SN_AT = 24;
const EXP_STAT_SN_AT = 28;

export interface NopOut {
  readonly immediate: boolean;
  readonly dataSegmentLength: number;
  readonly lun: Uint8Array;
  /** 0xffffffff: no NOP-In is asked for. */
  readonly initiatorTaskTag: number;
  /** Other than 0xffffffff: the answer to the NOP-In with that tag. */
  readonly targetTransferTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeNopOut(bytes: Uint8Array): NopOut {
  expectBhs(bytes, NOP_OUT);
  return {
    immediate: (bytes[0]! & IMMEDIATE_BIT) !== 0,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    targetTransferTag: u32(bytes, TARGET_TRANSFER_TAG_AT),
    cmdSn: u32(bytes, CMD_SN_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeNopOut(
  fields: NopOut,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    NOP_OUT | (fields.immediate ? IMMEDIATE_BIT : 0),
    FINAL_BIT,
  );
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + TARGET_TRANSFER_TAG_AT, fields.targetTransferTag);
  putU32(into, at + CMD_SN_AT, fields.cmdSn);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
}
