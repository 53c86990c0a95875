/**
 * What every PDU's Basic Header Segment has in common (RFC 7143 section 11.2.1).
 *
 *     Byte/     0       |       1       |       2       |       3       |
 *      0|.|I| Opcode    |F|  Opcode-specific fields                     |
 *      4|TotalAHSLength | DataSegmentLength                             |
 *      8| LUN or Opcode-specific fields                                 |
 *     16| Initiator Task Tag                                            |
 *     20/ Opcode-specific fields                                        /
 *     48
 */

import { u32 } from "../../base/bytes.ts";
import { PeerError } from "../../base/errors.ts";
import { IMMEDIATE_BIT, OPCODE_MASK } from "./opcode.ts";

/** Length of a Basic Header Segment in bytes. */
export const BHS_BYTES = 48;

/** The tag that stands for no task and no transfer (RFC 7143 sections 11.2.1.8 and 11.7.4). */
export const RESERVED_TAG = 0xffff_ffff;

/** The F bit of byte 1, in the PDUs that have one. */
export const FINAL_BIT = 0x80;
/** The C bit of byte 1 in text and login PDUs: the text goes on in the next PDU. */
export const CONTINUE_BIT = 0x40;

export const FLAGS_AT = 1;
export const TOTAL_AHS_LENGTH_AT = 4;
export const DATA_SEGMENT_LENGTH_AT = 5;
export const LUN_AT = 8;
export const INITIATOR_TASK_TAG_AT = 16;
/** Length of a LUN field in bytes. */
export const LUN_BYTES = 8;

/** The operation code, without the I bit. */
export function opcodeOf(bhs: Uint8Array): number {
  return bhs[0]! & OPCODE_MASK;
}

/** Whether a request carries the I bit. */
export function isImmediate(bhs: Uint8Array): boolean {
  return (bhs[0]! & IMMEDIATE_BIT) !== 0;
}

/** Length of all additional header segments in bytes; the field counts four-byte words. */
export function ahsBytesOf(bhs: Uint8Array): number {
  return bhs[TOTAL_AHS_LENGTH_AT]! * 4;
}

export function initiatorTaskTagOf(bhs: Uint8Array): number {
  return u32(bhs, INITIATOR_TASK_TAG_AT);
}

/** `length` rounded up to the four-byte words that PDUs are made of (RFC 7143 section 11.1). */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Refuses anything that is too short to be a header or is another PDU's. @throws {PeerError} */
export function expectBhs(bytes: Uint8Array, opcode: number): void {
  if (bytes.length < BHS_BYTES) {
    throw new PeerError(
      `Expected a header of ${BHS_BYTES} bytes, got ${bytes.length}`,
    );
  }
  if ((bytes[0]! & OPCODE_MASK) !== opcode) {
    throw new PeerError(
      `Expected opcode 0x${opcode.toString(16)}, got 0x${
        (bytes[0]! & OPCODE_MASK).toString(16)
      }`,
    );
  }
}

/** The LUN field, as a view. */
export function lunView(bhs: Uint8Array): Uint8Array {
  return bhs.subarray(LUN_AT, LUN_AT + LUN_BYTES);
}

/** Copies a LUN into the header that begins at `at`; without one the field stays as it is. */
export function putLun(
  into: Uint8Array,
  at: number,
  lun: Uint8Array | undefined,
): void {
  if (lun === undefined) return;
  // Eight assignments cost less than one `set` with its own view.
  for (let i = 0; i < LUN_BYTES; i++) into[at + LUN_AT + i] = lun[i]!;
}

/** Makes the 48 bytes at `at` a header of zeros with `first` as its first byte and `flags` as its second. */
export function beginBhs(
  into: Uint8Array,
  at: number,
  first: number,
  flags: number,
): void {
  into.fill(0, at, at + BHS_BYTES);
  into[at] = first;
  into[at + FLAGS_AT] = flags;
}
