/**
 * Login Response (RFC 7143 section 11.13).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|.| 0x23      |T|C|. .|CSG|NSG| Version-max   | Version-active|
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| ISID                                                          |
 *     12| ISID (continued)              | TSIH                          |
 *     16| Initiator Task Tag                                            |
 *     20| Reserved                                                      |
 *     24| StatSN                                                        |
 *     28| ExpCmdSN                                                      |
 *     32| MaxCmdSN                                                      |
 *     36| Status-Class  | Status-Detail | Reserved                      |
 *     40/ Reserved                                                      /
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
import { ISID_BYTES, TRANSIT_BIT } from "./login_request.ts";
import { LOGIN_RESPONSE } from "./opcode.ts";

const CSG_SHIFT = 2;
const STAGE_MASK = 0x03;
const VERSION_MAX_AT = 2;
const VERSION_ACTIVE_AT = 3;
const ISID_AT = 8;
const TSIH_AT = 14;
const STAT_SN_AT = 24;
const EXP_CMD_SN_AT = 28;
const MAX_CMD_SN_AT = 32;
const STATUS_AT = 36;

/** Status-Class << 8 | Status-Detail (RFC 7143 section 11.13.5). */
export const LOGIN_SUCCESS = 0x0000;
export const TARGET_MOVED_TEMPORARILY = 0x0101;
export const TARGET_MOVED_PERMANENTLY = 0x0102;
export const INITIATOR_ERROR = 0x0200;
export const AUTHENTICATION_FAILURE = 0x0201;
export const AUTHORIZATION_FAILURE = 0x0202;
export const NOT_FOUND = 0x0203;
export const TARGET_REMOVED = 0x0204;
export const UNSUPPORTED_VERSION = 0x0205;
export const TOO_MANY_CONNECTIONS = 0x0206;
export const MISSING_PARAMETER = 0x0207;
export const CANNOT_INCLUDE_IN_SESSION = 0x0208;
export const SESSION_TYPE_NOT_SUPPORTED = 0x0209;
export const SESSION_DOES_NOT_EXIST = 0x020a;
export const INVALID_DURING_LOGIN = 0x020b;
export const TARGET_ERROR = 0x0300;
export const SERVICE_UNAVAILABLE = 0x0301;
export const OUT_OF_RESOURCES = 0x0302;

export interface LoginResponse {
  readonly transit: boolean;
  readonly continue: boolean;
  readonly csg: number;
  readonly nsg: number;
  readonly versionMax: number;
  readonly versionActive: number;
  readonly dataSegmentLength: number;
  /** The six bytes of the field. */
  readonly isid: Uint8Array;
  readonly tsih: number;
  readonly initiatorTaskTag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  /** Status-Class << 8 | Status-Detail. */
  readonly status: number;
}

/** The header's fields; the ISID is a view. @throws {PeerError} where it is too short or another PDU */
export function decodeLoginResponse(bytes: Uint8Array): LoginResponse {
  expectBhs(bytes, LOGIN_RESPONSE);
  const flags = bytes[FLAGS_AT]!;
  return {
    transit: (flags & TRANSIT_BIT) !== 0,
    continue: (flags & CONTINUE_BIT) !== 0,
    csg: (flags >> CSG_SHIFT) & STAGE_MASK,
    nsg: flags & STAGE_MASK,
    versionMax: bytes[VERSION_MAX_AT]!,
    versionActive: bytes[VERSION_ACTIVE_AT]!,
    dataSegmentLength: u24(bytes, DATA_SEGMENT_LENGTH_AT),
    isid: bytes.subarray(ISID_AT, ISID_AT + ISID_BYTES),
    tsih: u16(bytes, TSIH_AT),
    initiatorTaskTag: u32(bytes, INITIATOR_TASK_TAG_AT),
    statSn: u32(bytes, STAT_SN_AT),
    expCmdSn: u32(bytes, EXP_CMD_SN_AT),
    maxCmdSn: u32(bytes, MAX_CMD_SN_AT),
    status: u16(bytes, STATUS_AT),
  };
}

/** Writes the 48-byte header at `at`. */
export function encodeLoginResponse(
  fields: LoginResponse,
  into: Uint8Array,
  at: number,
): void {
  beginBhs(
    into,
    at,
    LOGIN_RESPONSE,
    (fields.transit ? TRANSIT_BIT : 0) |
      (fields.continue ? CONTINUE_BIT : 0) |
      ((fields.csg & STAGE_MASK) << CSG_SHIFT) | (fields.nsg & STAGE_MASK),
  );
  into[at + VERSION_MAX_AT] = fields.versionMax;
  into[at + VERSION_ACTIVE_AT] = fields.versionActive;
  putU24(into, at + DATA_SEGMENT_LENGTH_AT, fields.dataSegmentLength);
  for (let i = 0; i < ISID_BYTES; i++) into[at + ISID_AT + i] = fields.isid[i]!;
  putU16(into, at + TSIH_AT, fields.tsih);
  putU32(into, at + INITIATOR_TASK_TAG_AT, fields.initiatorTaskTag);
  putU32(into, at + STAT_SN_AT, fields.statSn);
  putU32(into, at + EXP_CMD_SN_AT, fields.expCmdSn);
  putU32(into, at + MAX_CMD_SN_AT, fields.maxCmdSn);
  putU16(into, at + STATUS_AT, fields.status);
}
