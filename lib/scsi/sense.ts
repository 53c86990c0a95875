/** Sense data in both formats (SPC-4 section 4.5). */

import { putU16, putU32, putU64 } from "../base/bytes.ts";

/** What sense data say. */
export interface Sense {
  /** Sense key, 4 bits. */
  readonly key: number;
  /** Additional sense code and qualifier, ASC << 8 | ASCQ. */
  readonly code: number;
  /** INFORMATION field: an LBA or an offset, by what `code` means. */
  readonly information?: number;
  /** Where the wrong field is: a byte of the CDB or of the parameter list. */
  readonly field?: FieldPointer;
  /** With NOT READY: how much of a long operation is done, 0 to 1 (SPC-4 section 4.5.2.4.4). Not beside `field`. */
  readonly progress?: number;
  /** It is about an earlier command, which has ended with GOOD (SPC-4 section 4.5.5). */
  readonly deferred?: true;
}

/** Sense key specific data for ILLEGAL REQUEST (SPC-4 section 4.5.2.4.2). */
export interface FieldPointer {
  readonly in: "cdb" | "parameters";
  readonly byte: number;
  /** The field's most significant bit, 0 to 7. */
  readonly bit?: number;
}

const FIXED_CURRENT = 0x70;
const DESCRIPTOR_CURRENT = 0x72;
/** Added to either response code. */
const DEFERRED = 0x01;
const INFORMATION_VALID = 0x80;
/** Fixed format: 8 bytes, then ADDITIONAL SENSE LENGTH of these. */
const FIXED_ADDITIONAL_BYTES = 10;
const INFORMATION_DESCRIPTOR_BYTES = 12;
const KEY_SPECIFIC_DESCRIPTOR_BYTES = 8;

/** Sense data in descriptor format (72h; 73h for a deferred error) or in fixed format (70h, 71h). */
export function encodeSense(
  sense: Sense,
  descriptorFormat: boolean,
): Uint8Array {
  return descriptorFormat ? descriptors(sense) : fixed(sense);
}

function fixed(sense: Sense): Uint8Array {
  const bytes = new Uint8Array(8 + FIXED_ADDITIONAL_BYTES);
  bytes[0] = FIXED_CURRENT | (sense.deferred ? DEFERRED : 0);
  bytes[2] = sense.key;
  bytes[7] = FIXED_ADDITIONAL_BYTES;
  putU16(bytes, 12, sense.code);
  // The field has 32 bits here; what does not fit is not valid (SPC-4 section 4.5.3).
  if (sense.information !== undefined && sense.information <= 0xffff_ffff) {
    bytes[0] |= INFORMATION_VALID;
    putU32(bytes, 3, sense.information);
  }
  putKeySpecific(bytes.subarray(15, 18), sense);
  return bytes;
}

function descriptors(sense: Sense): Uint8Array {
  const informationAt = 8;
  const specificAt = informationAt +
    (sense.information === undefined ? 0 : INFORMATION_DESCRIPTOR_BYTES);
  const isSpecific = sense.field !== undefined || sense.progress !== undefined;
  const end = specificAt + (isSpecific ? KEY_SPECIFIC_DESCRIPTOR_BYTES : 0);
  const bytes = new Uint8Array(end);
  bytes[0] = DESCRIPTOR_CURRENT | (sense.deferred ? DEFERRED : 0);
  bytes[1] = sense.key;
  putU16(bytes, 2, sense.code);
  bytes[7] = end - 8;
  if (sense.information !== undefined) {
    bytes[informationAt] = 0x00;
    bytes[informationAt + 1] = INFORMATION_DESCRIPTOR_BYTES - 2;
    bytes[informationAt + 2] = INFORMATION_VALID;
    putU64(bytes, informationAt + 4, sense.information);
  }
  if (isSpecific) {
    bytes[specificAt] = 0x02;
    bytes[specificAt + 1] = KEY_SPECIFIC_DESCRIPTOR_BYTES - 2;
    putKeySpecific(bytes.subarray(specificAt + 4), sense);
  }
  return bytes;
}

const SKSV = 0x80;
const COMMAND_DATA = 0x40;
const BIT_POINTER_VALID = 0x08;

/** All that is done: a progress indication is in units of 1/65536. */
const MAX_PROGRESS = 0xffff;

/** SENSE KEY SPECIFIC, three bytes. */
function putKeySpecific(at: Uint8Array, sense: Sense): void {
  if (sense.field) return putFieldPointer(at, sense.field);
  if (sense.progress === undefined) return;
  at[0] = SKSV;
  putU16(at, 1, Math.min(MAX_PROGRESS, Math.floor(sense.progress * 0x10000)));
}

function putFieldPointer(at: Uint8Array, field: FieldPointer): void {
  at[0] = SKSV | (field.in === "cdb" ? COMMAND_DATA : 0) |
    (field.bit === undefined ? 0 : BIT_POINTER_VALID | field.bit);
  putU16(at, 1, field.byte);
}
