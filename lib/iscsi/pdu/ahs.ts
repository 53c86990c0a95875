/**
 * Additional Header Segments (RFC 7143 section 11.2.2): what a SCSI Command may carry after its basic header.
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0| AHSLength                     | AHSType       | specific      |
 *      4/ AHS-specific, padded to a four-byte word                      /
 *
 * AHSLength counts the bytes after AHSType, without padding.
 */

import { putU16, putU32, u16, u32 } from "../../base/bytes.ts";
import { PeerError } from "../../base/errors.ts";
import { padded } from "./bhs.ts";
import { CDB_BYTES } from "./scsi_command.ts";

const AHS_TYPE_AT = 2;
/** AHSLength and AHSType themselves. */
const AHS_PREFIX_BYTES = 3;
const SPECIFIC_AT = 4;

/** AHSType codes (RFC 7143 section 11.2.2.1): the low six bits, the two above are reserved. */
const AHS_TYPE_MASK = 0x3f;
const TYPE_EXTENDED_CDB = 1;
const TYPE_BIDIRECTIONAL_READ_LENGTH = 2;

/** AHSLength of a bidirectional read length: a reserved byte and four bytes of length. */
const BIDIRECTIONAL_AHS_LENGTH = 5;
/** The longest CDB that SCSI has (SPC-4 section 4.2: variable-length CDBs). */
const MAX_CDB_BYTES = 260;

export interface AdditionalHeader {
  /** What follows the first 16 bytes of the CDB, a view (RFC 7143 section 11.2.2.3). */
  readonly extendedCdb?: Uint8Array;
  /** Bytes (RFC 7143 section 11.2.2.4). */
  readonly bidirectionalReadExpectedLength?: number;
}

/** Both kinds of segment out of the whole AHS area. @throws {PeerError} where they are malformed, repeated or unknown */
export function decodeAhs(ahs: Uint8Array): AdditionalHeader {
  let extendedCdb: Uint8Array | undefined;
  let bidirectional: number | undefined;
  let at = 0;
  while (at < ahs.length) {
    if (ahs.length - at < SPECIFIC_AT) {
      throw new PeerError("An additional header segment is cut short");
    }
    const length = u16(ahs, at);
    const type = ahs[at + AHS_TYPE_AT]! & AHS_TYPE_MASK;
    const end = at + AHS_PREFIX_BYTES + length;
    if (length < 1 || end > ahs.length) {
      throw new PeerError(
        `AHSLength ${length} does not fit the ${ahs.length} bytes of TotalAHSLength`,
      );
    }
    if (type === TYPE_EXTENDED_CDB && extendedCdb === undefined) {
      extendedCdb = ahs.subarray(at + SPECIFIC_AT, end);
      if (extendedCdb.length > MAX_CDB_BYTES - CDB_BYTES) {
        throw new PeerError(
          `An extended CDB of ${extendedCdb.length} bytes is too long`,
        );
      }
    } else if (
      type === TYPE_BIDIRECTIONAL_READ_LENGTH && bidirectional === undefined
    ) {
      if (length !== BIDIRECTIONAL_AHS_LENGTH) {
        throw new PeerError(`AHSLength of a read length is 5, not ${length}`);
      }
      bidirectional = u32(ahs, at + SPECIFIC_AT);
    } else {
      throw new PeerError(`Unknown or repeated AHSType ${type}`);
    }
    at += padded(AHS_PREFIX_BYTES + length);
  }
  return {
    ...(extendedCdb && { extendedCdb }),
    ...(bidirectional !== undefined &&
      { bidirectionalReadExpectedLength: bidirectional }),
  };
}

/** The whole AHS area for `fields`, a multiple of four bytes and possibly empty. */
export function encodeAhs(fields: AdditionalHeader): Uint8Array {
  const extended = fields.extendedCdb;
  const bidirectional = fields.bidirectionalReadExpectedLength;
  const extendedBytes = extended ? padded(SPECIFIC_AT + extended.length) : 0;
  const ahs = new Uint8Array(
    extendedBytes + (bidirectional === undefined ? 0 : 8),
  );
  if (extended) {
    putU16(ahs, 0, extended.length + 1);
    ahs[AHS_TYPE_AT] = TYPE_EXTENDED_CDB;
    ahs.set(extended, SPECIFIC_AT);
  }
  if (bidirectional !== undefined) {
    putU16(ahs, extendedBytes, BIDIRECTIONAL_AHS_LENGTH);
    ahs[extendedBytes + AHS_TYPE_AT] = TYPE_BIDIRECTIONAL_READ_LENGTH;
    putU32(ahs, extendedBytes + SPECIFIC_AT, bidirectional);
  }
  return ahs;
}

/** The whole CDB: the header's 16 bytes alone where nothing extends them, otherwise a new array. */
export function wholeCdb(
  cdb: Uint8Array,
  extended: Uint8Array | undefined,
): Uint8Array {
  if (extended === undefined || extended.length === 0) return cdb;
  const whole = new Uint8Array(CDB_BYTES + extended.length);
  whole.set(cdb);
  whole.set(extended, CDB_BYTES);
  return whole;
}
