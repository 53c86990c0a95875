/** What sense data says, in either format (SPC-4 section 4.5). */

/** Why a command did not end with GOOD. */
export interface Sense {
  /** Sense key, 0 to 15: 0x05 is ILLEGAL REQUEST, 0x06 UNIT ATTENTION. */
  readonly key: number;
  /** Additional sense code << 8 | its qualifier: 0x2a09 is CAPACITY DATA HAS CHANGED. */
  readonly code: number;
}

export const UNIT_ATTENTION = 0x06;
export const NOT_READY = 0x02;

const RESPONSE_CODE_MASK = 0x7f;
const KEY_MASK = 0x0f;
/** Response codes 72h and 73h: descriptor format. 70h and 71h: fixed format. */
const DESCRIPTOR_CURRENT = 0x72;
const DESCRIPTOR_DEFERRED = 0x73;

/** Undefined where there is too little of it. */
export function parseSense(bytes: Uint8Array): Sense | undefined {
  const format = (bytes[0] ?? 0) & RESPONSE_CODE_MASK;
  if (format === DESCRIPTOR_CURRENT || format === DESCRIPTOR_DEFERRED) {
    if (bytes.length < 4) return undefined;
    return { key: bytes[1]! & KEY_MASK, code: (bytes[2]! << 8) | bytes[3]! };
  }
  if (bytes.length < 14) {
    return bytes.length < 3
      ? undefined
      : { key: bytes[2]! & KEY_MASK, code: 0 };
  }
  return { key: bytes[2]! & KEY_MASK, code: (bytes[12]! << 8) | bytes[13]! };
}
