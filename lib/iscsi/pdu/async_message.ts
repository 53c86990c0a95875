/**
 * Asynchronous Message (RFC 7143 section 11.9).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x32      |1| Reserved    | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| 0xffffffff                                                    |
 *     20| Reserved                                                      |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| AsyncEvent    | AsyncVCode    | Parameter1 or Reserved        |
 *     40| Parameter2 or Reserved        | Parameter3 or Reserved        |
 *     44| Reserved                                                      |
 *     48/ header digest (optional)                                      /
 *       / sense data or iSCSI event data, data digest (optional)        /
 */

import { putU16, putU24, putU32, u16, u24, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
  RESERVED_TAG,
} from "./bhs.ts";
import { ASYNC_MESSAGE } from "./opcode.ts";

const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const ASYNC_EVENT_AT = 36;
const ASYNC_VCODE_AT = 37;
const PARAMETER1_AT = 38;
const PARAMETER2_AT = 40;
const PARAMETER3_AT = 42;

/** Events (RFC 7143 section 11.9.1). */
export const EVENT_SCSI = 0;
export const EVENT_LOGOUT_REQUESTED = 1;
export const EVENT_CONNECTION_DROP = 2;
export const EVENT_SESSION_DROP = 3;
export const EVENT_RENEGOTIATE = 4;
export const EVENT_TASKS_TERMINATED = 5;
export const EVENT_VENDOR = 255;

export interface AsyncMessage {
  readonly dataSegmentLength: number;
  readonly lun: Uint8Array;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly asyncEvent: number;
  readonly asyncVCode: number;
  readonly parameter1: number;
  readonly parameter2: number;
  readonly parameter3: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeAsyncMessage(bytes: Uint8Array): AsyncMessage {
  expectBhs(bytes, ASYNC_MESSAGE);
  return {
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    lun: lunView(bytes),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    asyncEvent: bytes[ASYNC_EVENT_AT]!,
    asyncVCode: bytes[ASYNC_VCODE_AT]!,
    parameter1: u16(bytes, PARAMETER1_AT),
    parameter2: u16(bytes, PARAMETER2_AT),
    parameter3: u16(bytes, PARAMETER3_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeAsyncMessage(
  fields: AsyncMessage,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(into, at, ASYNC_MESSAGE, FINAL_BIT);
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, RESERVED_TAG);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  into[at + ASYNC_EVENT_AT] = fields.asyncEvent;
  into[at + ASYNC_VCODE_AT] = fields.asyncVCode;
  putU16(into, at + PARAMETER1_AT, fields.parameter1);
  putU16(into, at + PARAMETER2_AT, fields.parameter2);
  putU16(into, at + PARAMETER3_AT, fields.parameter3);
}
