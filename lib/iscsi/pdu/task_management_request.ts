/**
 * Task Management Function Request (RFC 7143 section 11.5).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|I| 0x02      |1| Function    | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Logical Unit Number (LUN) or Reserved                         |
 *     16| Initiator Task Tag                                            |
 *     20| Referenced Task Tag or 0xffffffff                             |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32| RefCmdSN or Reserved                                          |
 *     36| ExpDataSN or Reserved                                         |
 *     40| Reserved                                                      |
 *     48/ header digest (optional)                                      /
 */

import { putU32, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  expectBhs,
  FINAL_BIT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
} from "./bhs.ts";
import { IMMEDIATE_BIT, TASK_MANAGEMENT_REQUEST } from "./opcode.ts";

const FUNCTION_MASK = 0x7f;
const REFERENCED_TASK_TAG_AT = 20;
const CMD_SN_AT = 24;
const EXP_STAT_SN_AT = 28;
const REF_CMD_SN_AT = 32;
const EXP_DATA_SN_AT = 36;

/** Functions (RFC 7143 section 11.5.1). */
export const ABORT_TASK = 1;
export const ABORT_TASK_SET = 2;
export const CLEAR_ACA = 3;
export const CLEAR_TASK_SET = 4;
export const LOGICAL_UNIT_RESET = 5;
export const TARGET_WARM_RESET = 6;
export const TARGET_COLD_RESET = 7;
export const TASK_REASSIGN = 8;
/** Functions of RFC 7144 section 4. */
export const QUERY_TASK = 9;
export const QUERY_TASK_SET = 10;
export const I_T_NEXUS_RESET = 11;
export const QUERY_ASYNC_EVENT = 12;

export interface TaskManagementRequest {
  readonly immediate: boolean;
  readonly function: number;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly referencedTaskTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly refCmdSn: number;
  readonly expDataSn: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeTaskManagementRequest(
  bytes: Uint8Array,
): TaskManagementRequest {
  expectBhs(bytes, TASK_MANAGEMENT_REQUEST);
  return {
    immediate: (bytes[0]! & IMMEDIATE_BIT) !== 0,
    function: bytes[FLAGS_AT]! & FUNCTION_MASK,
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    referencedTaskTag: u32(bytes, REFERENCED_TASK_TAG_AT),
    cmdSn: u32(bytes, CMD_SN_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
    refCmdSn: u32(bytes, REF_CMD_SN_AT),
    expDataSn: u32(bytes, EXP_DATA_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeTaskManagementRequest(
  fields: TaskManagementRequest,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    TASK_MANAGEMENT_REQUEST | (fields.immediate ? IMMEDIATE_BIT : 0),
    FINAL_BIT | (fields.function & FUNCTION_MASK),
  );
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + REFERENCED_TASK_TAG_AT, fields.referencedTaskTag);
  putU32(into, at + CMD_SN_AT, fields.cmdSn);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
  putU32(into, at + REF_CMD_SN_AT, fields.refCmdSn);
  putU32(into, at + EXP_DATA_SN_AT, fields.expDataSn);
}
