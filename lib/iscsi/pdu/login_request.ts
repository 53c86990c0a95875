/**
 * Login Request (RFC 7143 section 11.12).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|1| 0x03      |T|C|. .|CSG|NSG| Version-max   | Version-min   |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| ISID                                                          |
 *     12| ISID (continued)              | TSIH                          |
 *     16| Initiator Task Tag                                            |
 *     20| CID                           | Reserved                      |
 *     24| CmdSN                                                         |
 *     28| ExpStatSN or Reserved                                         |
 *     32/ Reserved                                                      /
 *     48/ text in key=value form                                        /
 */

import { putU16, putU24, putU32, u16, u24, u32 } from "../../base/bytes.ts";
import {
  beginBhs,
  CONTINUE_BIT,
  DATA_SEGMENT_LENGTH_AT,
  expectBhs,
  FLAGS_AT,
  INITIATOR_TASK_TAG_AT,
} from "./bhs.ts";
import { IMMEDIATE_BIT, LOGIN_REQUEST } from "./opcode.ts";

const CSG_SHIFT = 2;
const STAGE_MASK = 0x03;
const VERSION_MAX_AT = 2;
const VERSION_MIN_AT = 3;
const ISID_AT = 8;
const TSIH_AT = 14;
const CID_AT = 20;
const CMD_SN_AT = 24;
const EXP_STAT_SN_AT = 28;

/** The T bit: the sender is ready for the next stage. */
export const TRANSIT_BIT = 0x80;
/** Length of an ISID in bytes. */
export const ISID_BYTES = 6;

/** Stages (RFC 7143 section 11.12.3). 2 is reserved. */
export const SECURITY_NEGOTIATION = 0;
export const LOGIN_OPERATIONAL_NEGOTIATION = 1;
export const FULL_FEATURE_PHASE = 3;

export interface LoginRequest {
  readonly transit: boolean;
  /** C: the text goes on in the next request. */
  readonly continue: boolean;
  readonly csg: number;
  readonly nsg: number;
  readonly versionMax: number;
  readonly versionMin: number;
  readonly dataSegmentLength: number;
  /** The six bytes of the field. */
  readonly isid: Uint8Array;
  readonly tsih: number;
  readonly initiatorTaskTag: number;
  readonly cid: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

/** The header's fields; the ISID is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeLoginRequest(bytes: Uint8Array): LoginRequest {
  expectBhs(bytes, LOGIN_REQUEST);
  const flags = bytes[FLAGS_AT]!;
  return {
    transit: (flags & TRANSIT_BIT) !== 0,
    continue: (flags & CONTINUE_BIT) !== 0,
    csg: (flags >> CSG_SHIFT) & STAGE_MASK,
    nsg: flags & STAGE_MASK,
    versionMax: bytes[VERSION_MAX_AT]!,
    versionMin: bytes[VERSION_MIN_AT]!,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    isid: bytes.subarray(ISID_AT, ISID_AT + ISID_BYTES),
    tsih: u16(bytes, TSIH_AT),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    cid: u16(bytes, CID_AT),
    cmdSn: u32(bytes, CMD_SN_AT),
    expStatSn: u32(bytes, EXP_STAT_SN_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeLoginRequest(
  fields: LoginRequest,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    LOGIN_REQUEST | IMMEDIATE_BIT,
    (fields.transit ? TRANSIT_BIT : 0) |
      (fields.continue ? CONTINUE_BIT : 0) |
      ((fields.csg & STAGE_MASK) << CSG_SHIFT) | (fields.nsg & STAGE_MASK),
  );
  into[at + VERSION_MAX_AT] = fields.versionMax;
  into[at + VERSION_MIN_AT] = fields.versionMin;
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  for (let i = 0; i < ISID_BYTES; i++) into[at + ISID_AT + i] = fields.isid[i]!;
  putU16(into, at + TSIH_AT, fields.tsih);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU16(into, at + CID_AT, fields.cid);
  putU32(into, at + CMD_SN_AT, fields.cmdSn);
  putU32(into, at + EXP_STAT_SN_AT, fields.expStatSn);
}
