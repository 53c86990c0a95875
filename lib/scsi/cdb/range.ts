/** Where a command's blocks are on the medium, or why they are not. */

import type { Extent } from "../../base/extent.ts";
import type { Answer } from "../plan.ts";
import { SenseCode } from "../sense_code.ts";
import type { Unit } from "../unit.ts";

/**
 * Whether blocks from `lba` on lie outside the medium. An LBA above 2^53 arrives rounded, which is far outside too. A start past
 * the last block is outside even with a length of zero.
 */
export function outOfRange(unit: Unit, lba: number, count: number): boolean {
  return lba >= unit.blocks || count > unit.blocks - lba;
}

/** LOGICAL BLOCK ADDRESS OUT OF RANGE. */
export function rangeError(unit: Unit): Answer {
  return unit.illegal(SenseCode.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE);
}

/** The bytes of blocks that are inside. */
export function extentOf(unit: Unit, lba: number, count: number): Extent {
  return {
    offset: lba * unit.blockSizeBytes,
    length: count * unit.blockSizeBytes,
  };
}
