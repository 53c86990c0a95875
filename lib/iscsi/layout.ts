/**
 * How a PDU lies on the wire (RFC 7143 section 11.1), for those who write PDUs into an arena of their own.
 *
 *     | BHS, 48 bytes | AHS | header digest, 4 | data segment | padding, 0–3 | data digest, 4 |
 *
 * The digests are there where they were negotiated, the data digest only where there is data. To write a PDU: encode its header
 * at `at`, put its data at `at + dataStart(digests)`, then {@linkcode sealPdu}.
 */

import { crc32c } from "../base/crc32c.ts";
import { BHS_BYTES, padded } from "./pdu/bhs.ts";

/** Bytes of one digest. */
export const DIGEST_BYTES = 4;

/** Which digests PDUs carry. */
export interface Digests {
  readonly header: boolean;
  readonly data: boolean;
}

export const NO_DIGESTS: Digests = { header: false, data: false };

/** Where the data segment begins, counted from the PDU's first byte. */
export function dataStart(digests: Digests, ahsBytes = 0): number {
  return BHS_BYTES + ahsBytes + (digests.header ? DIGEST_BYTES : 0);
}

/** Length of a whole PDU with `dataLength` bytes of data. */
export function pduLength(
  dataLength: number,
  digests: Digests,
  ahsBytes = 0,
): number {
  return dataStart(digests, ahsBytes) + padded(dataLength) +
    (digests.data && dataLength > 0 ? DIGEST_BYTES : 0);
}

/** Puts `crc` at `at` as a digest: low byte first (RFC 7143 appendix B.4). */
export function putDigest(into: Uint8Array, at: number, crc: number): void {
  into[at] = crc;
  into[at + 1] = crc >>> 8;
  into[at + 2] = crc >>> 16;
  into[at + 3] = crc >>> 24;
}

/** The digest at `at`, as an unsigned number. */
export function digestAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
    (bytes[at + 3]! << 24)) >>> 0;
}

/** What to seal: header, AHS and data are in place already. */
export interface Sealing {
  readonly dataLength: number;
  readonly digests: Digests;
  readonly ahsBytes?: number;
}

/** Zeroes the padding and writes the digests of the PDU that begins at `at`; gives the offset of its end. */
export function sealPdu(
  into: Uint8Array,
  at: number,
  sealing: Sealing,
): number {
  const { dataLength, digests, ahsBytes = 0 } = sealing;
  if (digests.header) {
    const end = at + BHS_BYTES + ahsBytes;
    putDigest(into, end, crc32c(into, at, end));
  }
  const start = at + dataStart(digests, ahsBytes);
  const end = start + padded(dataLength);
  for (let i = start + dataLength; i < end; i++) into[i] = 0;
  if (!digests.data || dataLength === 0) return end;
  putDigest(into, end, crc32c(into, start, end));
  return end + DIGEST_BYTES;
}
