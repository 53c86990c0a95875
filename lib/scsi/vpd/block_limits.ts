/** Block Limits, B0h (SBC-3 section 6.6.4): each limit is the one that the command itself checks. */

import { putU16, putU32, putU64 } from "../../base/bytes.ts";
import {
  ALLOCATION_UNIT_BYTES,
  MAX_ATOMIC_BYTES,
  MAX_COMPARE_AND_WRITE_BLOCKS,
  MAX_PREFETCH_BYTES,
  MAX_TRANSFER_BYTES,
  MAX_UNMAP_BYTES,
  MAX_UNMAP_DESCRIPTORS,
  MAX_WRITE_SAME_BYTES,
} from "../limits.ts";
import type { VpdPage } from "./page.ts";

/** WRITE SAME with a length of 0 ("to the end") is refused. */
const WSNZ = 0x01;
/** UNMAP GRANULARITY ALIGNMENT is valid; it is 0. */
const UGAVALID = 0x8000_0000;

/** Offsets in the page as the standard counts them. */
const HEADER_BYTES = 4;
const PAGE_BYTES = 64;

export const blockLimits: VpdPage = ({ blockSizeBytes, features }) => {
  const page = new Uint8Array(PAGE_BYTES);
  const allocationUnit = ALLOCATION_UNIT_BYTES / blockSizeBytes;
  page[4] = WSNZ;
  page[5] = MAX_COMPARE_AND_WRITE_BLOCKS;
  putU16(page, 6, allocationUnit); // OPTIMAL TRANSFER LENGTH GRANULARITY
  putU32(page, 8, MAX_TRANSFER_BYTES / blockSizeBytes);
  putU32(page, 12, 0); // OPTIMAL TRANSFER LENGTH: none better than another
  putU32(page, 16, MAX_PREFETCH_BYTES / blockSizeBytes);
  putU32(page, 20, MAX_UNMAP_BYTES / blockSizeBytes);
  putU32(page, 24, MAX_UNMAP_DESCRIPTORS);
  putU32(page, 28, allocationUnit); // OPTIMAL UNMAP GRANULARITY
  putU32(page, 32, UGAVALID);
  putU64(page, 36, MAX_WRITE_SAME_BYTES / blockSizeBytes);
  if (features.atomicWrites) {
    // ATOMIC ALIGNMENT and ATOMIC TRANSFER LENGTH GRANULARITY 0: any block, any number of them. No boundaries.
    putU32(page, 44, MAX_ATOMIC_BYTES / blockSizeBytes);
  }
  return page.subarray(HEADER_BYTES);
};
