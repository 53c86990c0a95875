/** Logical Block Provisioning, B2h (SBC-3 section 6.6.5). */

import type { VpdPage } from "./page.ts";

/** UNMAP works. */
const LBPU = 0x80;
/** WRITE SAME (16) with UNMAP works. */
const LBPWS = 0x40;
/** WRITE SAME (10) with UNMAP works. */
const LBPWS10 = 0x20;
/** What is unmapped reads as zeros. */
const LBPRZ = 0x04;

/** PROVISIONING TYPE. */
const THIN = 0x02;

// ANC_SUP 0: there are no anchored blocks. DP 0: no provisioning group descriptor.
export const logicalBlockProvisioning: VpdPage = () =>
  Uint8Array.of(0, LBPU | LBPWS | LBPWS10 | LBPRZ, THIN, 0);
