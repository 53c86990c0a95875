/**
 * SCSI Command (RFC 7143 section 11.3).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|I| 0x01      |F|R|W|. .|ATTR | Reserved                      |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| Logical Unit Number (LUN)                                     |
 *     16| Initiator Task Tag                                            |
 *     20| Expected Data Transfer Length                                 |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN                                                     |
 *     32/ SCSI Command Descriptor Block (CDB)                           /
 *     48/ AHS (optional), header digest (optional)                      /
 *       / immediate data (optional), data digest (optional)             /
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
  TOTAL_AHS_LENGTH_AT,
} from "./bhs.ts";
import { IMMEDIATE_BIT, SCSI_COMMAND } from "./opcode.ts";

const READ_BIT = 0x40;
const WRITE_BIT = 0x20;
const ATTR_MASK = 0x07;
const EXPECTED_DATA_TRANSFER_LENGTH_AT = 20;
const CMD_SN_AT = 24;
const EXP_STAT_SN_AT = 28;
const CDB_AT = 32;

/** Bytes of the CDB field; a longer CDB goes on in an additional header segment. */
export const CDB_BYTES = 16;

/** Task attributes (RFC 7143 section 11.3.1). */
export const ATTR_UNTAGGED = 0;
export const ATTR_SIMPLE = 1;
export const ATTR_ORDERED = 2;
export const ATTR_HEAD_OF_QUEUE = 3;
export const ATTR_ACA = 4;

export interface ScsiCommand {
  readonly immediate: boolean;
  /** F: no unsolicited data follows in Data-Out PDUs. */
  readonly final: boolean;
  /** R: the command is expected to input data. */
  readonly read: boolean;
  /** W: the command is expected to output data. */
  readonly write: boolean;
  readonly attr: number;
  /** In four-byte words. */
  readonly totalAhsLength: number;
  /** Bytes of immediate data. */
  readonly dataSegmentLength: number;
  /** The eight bytes of the field. */
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly expectedDataTransferLength: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  /** The sixteen bytes of the field. To encode, a shorter CDB is filled up with zeros. */
  readonly cdb: Uint8Array;
}

/** The header's fields; LUN and CDB are views. @throws {PeerError} where it is too short or another PDU */
export function decodeScsiCommand(bytes: Uint8Array): ScsiCommand {
  expectBhs(bytes, SCSI_COMMAND);
  const flags = bytes[FLAGS_AT]!;
  return {
    immediate: (bytes[0]! & IMMEDIATE_BIT) !== 0,
    final: (flags & FINAL_BIT) !== 0,
    read: (flags & READ_BIT) !== 0,
    write: (flags & WRITE_BIT) !== 0,
    attr: flags & ATTR_MASK,
    totalAhsLength: bytes[TOTAL_AHS_LENGTH_AT]!,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    lun: lunView(bytes),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    expectedDataTransferLength: u32(bytes, EXPECTED_DATA_TRANSFER_LENGTH_AT),
    cmdSn: u32(bytes, CMD_SN_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
    cdb: bytes.subarray(CDB_AT, CDB_AT + CDB_BYTES),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeScsiCommand(
  fields: ScsiCommand,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    SCSI_COMMAND | (fields.immediate ? IMMEDIATE_BIT : 0),
    (fields.final ? FINAL_BIT : 0) | (fields.read ? READ_BIT : 0) |
      (fields.write ? WRITE_BIT : 0) | (fields.attr & ATTR_MASK),
  );
  into[at + TOTAL_AHS_LENGTH_AT] = fields.totalAhsLength;
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  putLun(into, at, fields.lun);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(
    into,
    at + EXPECTED_DATA_TRANSFER_LENGTH_AT,
    fields.expectedDataTransferLength,
  );
  putU32(into, at + CMD_SN_AT, fields.cmdSn);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
  const length = Math.min(fields.cdb.length, CDB_BYTES);
  for (let i = 0; i < length; i++) into[at + CDB_AT + i] = fields.cdb[i]!;
}
