/**
 * SNACK Request (RFC 7143 section 11.16). Error recovery level 0 has no use for it: a target there rejects it.
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x10      |1|. . .| Type  | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag or 0xffffffff                              |
 *     20| Target Transfer Tag or SNACK Tag or 0xffffffff                |
 *     24| Reserved                                                      |
 *     28| ExpStatSN                                                     |
 *     32| Reserved                                                      |
 *     40| BegRun                                                        |
 *     44| RunLength                                                     |
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
import { SNACK_REQUEST } from "./opcode.ts";

const TYPE_MASK = 0x0f;
const TARGET_TRANSFER_TAG_AT = 20;
const EXP_STAT_SN_AT = 28;
const BEG_RUN_AT = 40;
const RUN_LENGTH_AT = 44;

/** Types (RFC 7143 section 11.16.1). */
export const SNACK_DATA_R2T = 0;
export const SNACK_STATUS = 1;
export const SNACK_DATA_ACK = 2;
export const SNACK_R_DATA = 3;

export interface SnackRequest {
  readonly type: number;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly expStatSn: number;
  readonly begRun: number;
  readonly runLength: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeSnackRequest(bytes: Uint8Array): SnackRequest {
  expectBhs(bytes, SNACK_REQUEST);
  return {
    type: bytes[FLAGS_AT]! & TYPE_MASK,
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    targetTransferTag: u32(bytes, TARGET_TRANSFER_TAG_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
    begRun: u32(bytes, BEG_RUN_AT),
    runLength: u32(bytes, RUN_LENGTH_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeSnackRequest(
  fields: SnackRequest,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(into, at, SNACK_REQUEST, FINAL_BIT | (fields.type & TYPE_MASK));
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + TARGET_TRANSFER_TAG_AT, fields.targetTransferTag);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
  putU32(into, at + BEG_RUN_AT, fields.begRun);
  putU32(into, at + RUN_LENGTH_AT, fields.runLength);
}
