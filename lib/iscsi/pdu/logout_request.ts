/**
 * Logout Request (RFC 7143 section 11.14).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|I| 0x06      |1| Reason Code | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| CID or Reserved               | Reserved                      |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32/ Reserved                                                      /
 *     48/ header digest (optional)                                      /
 */

import { putU16, putU32, u16, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  expectBhs,
  FINAL_BIT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
} from "./bhs.ts";
import { IMMEDIATE_BIT, LOGOUT_REQUEST } from "./opcode.ts";

const REASON_MASK = 0x7f;
const CID_AT = 20;
const CMD_SN_AT = 24;
const EXP_STAT_SN_AT = 28;

/** Reason codes (RFC 7143 section 11.14.1). */
export const CLOSE_SESSION = 0;
export const CLOSE_CONNECTION = 1;
export const REMOVE_CONNECTION_FOR_RECOVERY = 2;

export interface LogoutRequest {
  readonly immediate: boolean;
  readonly reasonCode: number;
  readonly initiatorTaskTag: number;
  /** Meaningful where not the whole session is closed. */
  readonly cid: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

/** @throws {PeerError} where it is too short or another PDU */
export function decodeLogoutRequest(bytes: Uint8Array): LogoutRequest {
  expectBhs(bytes, LOGOUT_REQUEST);
  return {
    immediate: (bytes[0]! & IMMEDIATE_BIT) !== 0,
    reasonCode: bytes[FLAGS_AT]! & REASON_MASK,
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    cid: u16(bytes, CID_AT),
    cmdSn: u32(bytes, CMD_SN_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeLogoutRequest(
  fields: LogoutRequest,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    LOGOUT_REQUEST | (fields.immediate ? IMMEDIATE_BIT : 0),
    FINAL_BIT | (fields.reasonCode & REASON_MASK),
  );
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU16(into, at + CID_AT, fields.cid);
  putU32(into, at + CMD_SN_AT, fields.cmdSn);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
}
