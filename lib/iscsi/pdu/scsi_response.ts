/**
 * SCSI Response (RFC 7143 section 11.4).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x21      |1|. .|o|u|O|U|.| Response      | Status        |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Reserved                                                      |
 *     16| Initiator Task Tag                                            |
 *     20| SNACK Tag or Reserved                                         |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| ExpDataSN or Reserved                                         |
 *     40| Bidirectional Read Residual Count or Reserved                 |
 *     44| Residual Count or Reserved                                    |
 *     48/ header digest (optional)                                      /
 *       / SenseLength (2 bytes), sense data, response data (optional)   /
 *       / data digest (optional)                                        /
 */

import { putU16, putU24, putU32, u16, u24, u32 } from "../../base/bytes.ts";
import { PeerError } from "../../base/errors.ts";
import {
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
} from "./bhs.ts";
import { SCSI_RESPONSE } from "./opcode.ts";

const BIDI_OVERFLOW_BIT = 0x10;
const BIDI_UNDERFLOW_BIT = 0x08;
const OVERFLOW_BIT = 0x04;
const UNDERFLOW_BIT = 0x02;
const RESPONSE_AT = 2;
const STATUS_AT = 3;
const SNACK_TAG_AT = 20;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const EXP_DATA_SN_AT = 36;
const BIDI_RESIDUAL_AT = 40;
const RESIDUAL_AT = 44;

/** Response codes (RFC 7143 section 11.4.3). */
export const RESPONSE_COMPLETED = 0x00;
export const RESPONSE_TARGET_FAILURE = 0x01;

/** Bytes of the SenseLength field that goes before sense data. */
export const SENSE_LENGTH_BYTES = 2;

export interface ScsiResponse {
  /** o: the read part of a bidirectional command had more data than expected. */
  readonly bidirectionalOverflow: boolean;
  /** u: the read part of a bidirectional command had less. */
  readonly bidirectionalUnderflow: boolean;
  /** O: the command had more data than expected. */
  readonly overflow: boolean;
  /** U: the command had less. */
  readonly underflow: boolean;
  readonly response: number;
  /** SAM status; meaningful where `response` is 0x00. */
  readonly status: number;
  readonly dataSegmentLength: number;
  readonly initiatorTaskTag: number;
  readonly snackTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly expDataSn: number;
  readonly bidirectionalReadResidualCount: number;
  readonly residualCount: number;
}

/** @throws {PeerError} where it is too short or another PDU */
export function decodeScsiResponse(bytes: Uint8Array): ScsiResponse {
  expectBhs(bytes, SCSI_RESPONSE);
  const flags = bytes[FLAGS_AT]!;
  return {
    bidirectionalOverflow: (flags & BIDI_OVERFLOW_BIT) !== 0,
    bidirectionalUnderflow: (flags & BIDI_UNDERFLOW_BIT) !== 0,
    overflow: (flags & OVERFLOW_BIT) !== 0,
    underflow: (flags & UNDERFLOW_BIT) !== 0,
    response: bytes[RESPONSE_AT]!,
    status: bytes[STATUS_AT]!,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    snackTag: u32(bytes, SNACK_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    expDataSn: u32(bytes, EXP_DATA_SN_AT),
    bidirectionalReadResidualCount: u32(bytes, BIDI_RESIDUAL_AT),
    residualCount: u32(bytes, RESIDUAL_AT),
  };
}

/** Writes the 48-byte header at `at`. Every byte is set, so the arena may hold anything before. */
export function encodeScsiResponse(
  fields: ScsiResponse,
  into: Uint8Array,
  at: number,
): void {
  into[at] = SCSI_RESPONSE;
  into[at + FLAGS_AT] = FINAL_BIT |
    (fields.bidirectionalOverflow ? BIDI_OVERFLOW_BIT : 0) |
    (fields.bidirectionalUnderflow ? BIDI_UNDERFLOW_BIT : 0) |
    (fields.overflow ? OVERFLOW_BIT : 0) |
    (fields.underflow ? UNDERFLOW_BIT : 0);
  into[at + RESPONSE_AT] = fields.response;
  into[at + STATUS_AT] = fields.status;
  into[at + 4] = 0;
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putU32(into, at + 8, 0);
  putU32(into, at + 12, 0);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + SNACK_TAG_AT, fields.snackTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  putU32(into, at + EXP_DATA_SN_AT, fields.expDataSn);
  putU32(into, at + BIDI_RESIDUAL_AT, fields.bidirectionalReadResidualCount);
  putU32(into, at + RESIDUAL_AT, fields.residualCount);
}

/** Sense data out of a response's data segment, empty where there is none. @throws {PeerError} where its length is wrong */
export function decodeSense(data: Uint8Array): Uint8Array {
  if (data.length === 0) return data;
  if (data.length < SENSE_LENGTH_BYTES) {
    throw new PeerError("Expected SenseLength, got one byte of data");
  }
  const length = u16(data, 0);
  if (length > data.length - SENSE_LENGTH_BYTES) {
    throw new PeerError(
      `SenseLength is ${length}, but ${
        data.length - SENSE_LENGTH_BYTES
      } bytes follow`,
    );
  }
  return data.subarray(SENSE_LENGTH_BYTES, SENSE_LENGTH_BYTES + length);
}

/** Writes SenseLength and `sense` at `at`; gives the data segment's length, without padding. */
export function encodeSense(
  sense: Uint8Array,
  into: Uint8Array,
  at: number,
): number {
  putU16(into, at, sense.length);
  into.set(sense, at + SENSE_LENGTH_BYTES);
  return SENSE_LENGTH_BYTES + sense.length;
}
