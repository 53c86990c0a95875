/**
 * Block device to block device segment descriptor, 02h (SPC-4 section 6.4.6.5).
 *
 *      0 | 02h                                    8 | reserved
 *      1 | DC (bit 1), CAT (bit 0)               10 | BLOCK DEVICE NUMBER OF BLOCKS
 *      2 | descriptor length, 0018h              12 | source LBA
 *      4 | source, 6 | destination CSCD          20 | destination LBA
 */

import { u16, u64 } from "../../base/bytes.ts";

export const BLOCK_TO_BLOCK = 0x02;
export const SEGMENT_DESCRIPTOR_BYTES = 28;

/** Offsets in the descriptor, for field pointers. */
export const FieldAt = {
  TYPE: 0,
  FLAGS: 1,
  LENGTH: 2,
  SOURCE: 4,
  DESTINATION: 6,
  BLOCKS: 10,
} as const;

const HEAD_BYTES = 4;
const DC = 0x02;
const CAT = 0x01;

/** What is copied where. */
export interface Segment {
  /** Where in the parameter list it stands. */
  readonly at: number;
  /** CSCD descriptor IDs. */
  readonly source: number;
  readonly destination: number;
  /** Blocks of the source, or of the destination where DC is set. */
  readonly blocks: number;
  readonly countsDestination: boolean;
  /** What does not fill a block is kept for the next segment. */
  readonly concatenates: boolean;
  readonly sourceLba: number;
  readonly destinationLba: number;
}

/** The descriptor at `at`: of this type, and whole. */
export function segmentAt(list: Uint8Array, at: number): Segment {
  const flags = list[at + FieldAt.FLAGS]!;
  return {
    at,
    source: u16(list, at + FieldAt.SOURCE),
    destination: u16(list, at + FieldAt.DESTINATION),
    blocks: u16(list, at + FieldAt.BLOCKS),
    countsDestination: (flags & DC) !== 0,
    concatenates: (flags & CAT) !== 0,
    sourceLba: u64(list, at + 12),
    destinationLba: u64(list, at + 20),
  };
}

/** Whether DESCRIPTOR LENGTH is that of the type. */
export function hasItsLength(list: Uint8Array, at: number): boolean {
  return u16(list, at + FieldAt.LENGTH) ===
    SEGMENT_DESCRIPTOR_BYTES - HEAD_BYTES;
}

/** Whether flags are set that mean nothing here: FCO (SPC-5) among them, which wants a promise that is not given. */
export function hasOtherFlags(list: Uint8Array, at: number): boolean {
  return (list[at + FieldAt.FLAGS]! & ~(DC | CAT)) !== 0;
}
