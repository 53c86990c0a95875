/**
 * Task Management Function Response (RFC 7143 section 11.6).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x22      |1| Reserved    | Response      | Reserved      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| Reserved                                                      |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36/ Reserved                                                      /
 *     48/ header digest (optional)                                      /
 */

import { putU32, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  expectBhs,
  FINAL_BIT,
  INITIATOR_TASK_TAG_AT,
} from "./bhs.ts";
import { TASK_MANAGEMENT_RESPONSE } from "./opcode.ts";

const RESPONSE_AT = 2;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;

/** Responses (RFC 7143 section 11.6.1). */
export const FUNCTION_COMPLETE = 0;
export const TASK_DOES_NOT_EXIST = 1;
export const LUN_DOES_NOT_EXIST = 2;
export const TASK_STILL_ALLEGIANT = 3;
export const REASSIGNMENT_NOT_SUPPORTED = 4;
export const FUNCTION_NOT_SUPPORTED = 5;
export const FUNCTION_AUTHORIZATION_FAILED = 6;
/** RFC 7144 section 4. */
export const FUNCTION_SUCCEEDED = 7;
export const FUNCTION_REJECTED = 255;

export interface TaskManagementResponse {
  readonly response: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

/** @throws {PeerError} where it is too short or another PDU */
export function decodeTaskManagementResponse(
  bytes: Uint8Array,
): TaskManagementResponse {
  expectBhs(bytes, TASK_MANAGEMENT_RESPONSE);
  return {
    response: bytes[RESPONSE_AT]!,
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeTaskManagementResponse(
  fields: TaskManagementResponse,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(into, at, TASK_MANAGEMENT_RESPONSE, FINAL_BIT);
  into[at + RESPONSE_AT] = fields.response;
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
}
