/**
 * Identification Descriptor CSCD descriptor, E4h (SPC-4 section 6.4.5.3): a copy source or copy destination by a designator of its
 * device identification VPD page. CSCD DESCRIPTOR ID in segment descriptors counts these from 0.
 *
 *      0 | E4h                              4 | code set
 *      1 | LU ID TYPE (ignored), PDT        5 | association, designator type
 *      2 | relative initiator port          7 | designator length      8 | designator, 20 bytes
 *     28 | PAD (bit 2)                     29 | DISK BLOCK LENGTH
 */

import { toHex, u24 } from "../../base/bytes.ts";

export const IDENTIFICATION_DESCRIPTOR = 0xe4;
export const CSCD_DESCRIPTOR_BYTES = 32;

/** Where DISK BLOCK LENGTH is. */
export const DISK_BLOCK_LENGTH_AT = 29;

const PERIPHERAL_DEVICE_TYPE = 0x1f;
const PAD = 0x04;

const BINARY = 0x01;
/** ASSOCIATION 00b, the logical unit; DESIGNATOR TYPE 3h, NAA. */
const NAA_OF_LOGICAL_UNIT = 0x03;
const MAX_DESIGNATOR_BYTES = 20;

/** What may be copied from or to. */
export interface Cscd {
  /** Where in the parameter list it stands. */
  readonly at: number;
  /** Hexadecimal digits; undefined where it names something else. */
  readonly naa: string | undefined;
  /** What it is taken for: 00h is a direct-access block device. */
  readonly peripheralDeviceType: number;
  /** A block that is not filled is filled with zeros, or its rest dropped. */
  readonly pad: boolean;
  /** What its blocks are taken to have. */
  readonly blockSizeBytes: number;
}

/** The descriptor at `at`, or undefined where it is of another type. */
export function cscdAt(list: Uint8Array, at: number): Cscd | undefined {
  if (list[at] !== IDENTIFICATION_DESCRIPTOR) return undefined;
  return {
    at,
    naa: naaAt(list, at + 4),
    peripheralDeviceType: list[at + 1]! & PERIPHERAL_DEVICE_TYPE,
    pad: (list[at + 28]! & PAD) !== 0,
    blockSizeBytes: u24(list, at + DISK_BLOCK_LENGTH_AT),
  };
}

function naaAt(list: Uint8Array, at: number): string | undefined {
  const length = list[at + 3]!;
  const isNaa = (list[at]! & 0x0f) === BINARY &&
    (list[at + 1]! & 0x3f) === NAA_OF_LOGICAL_UNIT &&
    length <= MAX_DESIGNATOR_BYTES;
  return isNaa ? toHex(list.subarray(at + 4, at + 4 + length)) : undefined;
}
