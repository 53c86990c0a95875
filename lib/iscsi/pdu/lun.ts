/**
 * Logical unit numbers in their eight-byte form (SAM-5 section 4.7.7), of which this project uses the two single-level
 * addressing methods of one byte pair: peripheral device (00b, bus 0) and flat space (01b).
 *
 *     byte 0: | method (2) | bus or high bits (6) |   byte 1: | number |   bytes 2–7: zeros
 */

const METHOD_MASK = 0xc0;
const METHOD_PERIPHERAL = 0x00;
const METHOD_FLAT = 0x40;
const MAX_PERIPHERAL = 0xff;
const MAX_FLAT = 0x3fff;

/** The number that the field's eight bytes stand for, or undefined for a form that no unit of ours can have. */
export function decodeLun(bytes: Uint8Array): number | undefined {
  for (let i = 2; i < 8; i++) if (bytes[i] !== 0) return undefined;
  const first = bytes[0]!;
  switch (first & METHOD_MASK) {
    case METHOD_PERIPHERAL:
      // A bus identifier other than 0 addresses the next level, and there is none.
      return first === 0 ? bytes[1]! : undefined;
    case METHOD_FLAT:
      return ((first & ~METHOD_MASK) << 8) | bytes[1]!;
    default:
      return undefined;
  }
}

/** Eight new bytes for `lun`, 0 to 16383: peripheral addressing up to 255, flat above. */
export function encodeLun(lun: number): Uint8Array {
  if (!Number.isInteger(lun) || lun < 0 || lun > MAX_FLAT) {
    throw new RangeError(`No logical unit number: ${lun}`);
  }
  const bytes = new Uint8Array(8);
  bytes[0] = lun > MAX_PERIPHERAL ? METHOD_FLAT | (lun >> 8) : 0;
  bytes[1] = lun;
  return bytes;
}
