/**
 * Logout Response (RFC 7143 section 11.15).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x26      |1| Reserved    | Response      | Reserved      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| Reserved                                                      |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| Reserved                                                      |
 *     40| Time2Wait                     | Time2Retain                   |
 *     44| Reserved                                                      |
 *     48/ header digest (optional)                                      /
 */

import { putU16, putU32, u16, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  expectBhs,
  FINAL_BIT,
  INITIATOR_TASK_TAG_AT,
} from "./bhs.ts";
import { LOGOUT_RESPONSE } from "./opcode.ts";

const RESPONSE_AT = 2;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const TIME2WAIT_AT = 40;
const TIME2RETAIN_AT = 42;

/** Responses (RFC 7143 section 11.15.1). */
export const LOGOUT_CLOSED = 0;
export const LOGOUT_CID_NOT_FOUND = 1;
export const LOGOUT_RECOVERY_NOT_SUPPORTED = 2;
export const LOGOUT_CLEANUP_FAILED = 3;

export interface LogoutResponse {
  readonly response: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  /** In seconds. */
  readonly time2Wait: number;
  /** In seconds. */
  readonly time2Retain: number;
}

/** @throws {PeerError} where it is too short or another PDU */
export function decodeLogoutResponse(bytes: Uint8Array): LogoutResponse {
  expectBhs(bytes, LOGOUT_RESPONSE);
  return {
    response: bytes[RESPONSE_AT]!,
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    time2Wait: u16(bytes, TIME2WAIT_AT),
    time2Retain: u16(bytes, TIME2RETAIN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeLogoutResponse(
  fields: LogoutResponse,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(into, at, LOGOUT_RESPONSE, FINAL_BIT);
  into[at + RESPONSE_AT] = fields.response;
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  putU16(into, at + TIME2WAIT_AT, fields.time2Wait);
  putU16(into, at + TIME2RETAIN_AT, fields.time2Retain);
}
