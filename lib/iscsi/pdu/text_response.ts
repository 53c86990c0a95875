/**
 * Text Response (RFC 7143 section 11.11).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x24      |F|C| Reserved  | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36/ Reserved                                                      /
 *     48/ header digest (optional), text, data digest (optional)        /
 */

import { putU24, putU32, u24, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  CONTINUE_BIT,
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
} from "./bhs.ts";
import { TEXT_RESPONSE } from "./opcode.ts";

const TARGET_TRANSFER_TAG_AT = 20;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;

export interface TextResponse {
  readonly final: boolean;
  readonly continue: boolean;
  readonly dataSegmentLength: number;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeTextResponse(bytes: Uint8Array): TextResponse {
  expectBhs(bytes, TEXT_RESPONSE);
  const flags = bytes[FLAGS_AT]!;
  return {
    final: (flags & FINAL_BIT) !== 0,
    continue: (flags & CONTINUE_BIT) !== 0,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    targetTransferTag: u32(bytes, TARGET_TRANSFER_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeTextResponse(
  fields: TextResponse,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    TEXT_RESPONSE,
    (fields.final ? FINAL_BIT : 0) | (fields.continue ? CONTINUE_BIT : 0),
  );
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + TARGET_TRANSFER_TAG_AT, fields.targetTransferTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
}
