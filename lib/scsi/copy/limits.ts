/** What EXTENDED COPY takes: RECEIVE COPY OPERATING PARAMETERS and VPD page 8Fh tell of it. Counts unless the name says otherwise. */

import { CSCD_DESCRIPTOR_BYTES } from "./cscd_descriptor.ts";
import { SEGMENT_DESCRIPTOR_BYTES } from "./segment_descriptor.ts";

export const MAX_CSCD_DESCRIPTORS = 16;

export const MAX_SEGMENT_DESCRIPTORS = 64;

/** Descriptors of both kinds. */
export const MAX_DESCRIPTOR_LIST_BYTES =
  MAX_CSCD_DESCRIPTORS * CSCD_DESCRIPTOR_BYTES +
  MAX_SEGMENT_DESCRIPTORS * SEGMENT_DESCRIPTOR_BYTES;

/** There are no segments that carry their data. */
export const MAX_INLINE_DATA_BYTES = 0;

/** What one segment copies. */
export const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;

/** Copies of one target at a time; another is told BUSY. */
export const MAX_CONCURRENT_COPIES = 16;
