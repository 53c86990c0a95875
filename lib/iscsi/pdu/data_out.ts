/**
 * SCSI Data-Out (RFC 7143 section 11.7).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x05      |F| Reserved    | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Reserved                                               |
 *     16| Initiator Task Tag                                            |
 *     20| Target Transfer Tag or 0xffffffff                             |
 *     24| Reserved                                                      |
 *     28| ExpStatSN                                                     |
 *     32| Reserved                                                      |
 *     36| DataSN                                                        |
 *     40| Buffer Offset                                                 |
 *     44| Reserved                                                      |
 *     48/ header digest (optional), data, data digest (optional)        /
 */

import { putU24, putU32, u24, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FINAL_BIT,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
  lunView,
  putLun,
} from "./bhs.ts";
import { DATA_OUT } from "./opcode.ts";

const TARGET_TRANSFER_TAG_AT = 20;
const EXP_STAT_SN_AT = 28;
const DATA_SN_AT = 36;
const BUFFER_OFFSET_AT = 40;

export interface DataOut {
  /** F: the last PDU of its sequence. */
  readonly final: boolean;
  readonly dataSegmentLength: number;
  /** Meaningful where the Target Transfer Tag is not reserved. */
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  /** The R2T's, or 0xffffffff for unsolicited data. */
  readonly targetTransferTag: number;
  readonly expStatSn: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
}

/** The header's fields; the LUN is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeDataOut(bytes: Uint8Array): DataOut {
  expectBhs(bytes, DATA_OUT);
  return {
    final: (bytes[FLAGS_AT]! & FINAL_BIT) !== 0,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    targetTransferTag: u32(bytes, TARGET_TRANSFER_TAG_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
    dataSn: u32(bytes, DATA_SN_AT),
    bufferOffset: u32(bytes, BUFFER_OFFSET_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeDataOut(
  fields: DataOut,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(into, at, DATA_OUT, fields.final ? FINAL_BIT : 0);
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + TARGET_TRANSFER_TAG_AT, fields.targetTransferTag);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
  putU32(into, at + DATA_SN_AT, fields.dataSn);
  putU32(into, at + BUFFER_OFFSET_AT, fields.bufferOffset);
}
