/** Control, 0Ah (SPC-4 section 7.5.8). */

import type { ModePage } from "./page.ts";

export const D_SENSE_BYTE = 2;
/** Sense data in descriptor format. */
export const D_SENSE = 0x04;
/** Log parameters are not saved: there are none. */
const GLTSD = 0x02;

/** QUEUE ALGORITHM MODIFIER 1: commands with the SIMPLE attribute may be reordered. */
const UNRESTRICTED_REORDERING = 0x10;

export const SWP_BYTE = 4;
/** Software write protect. */
export const SWP = 0x08;

export const control: ModePage = {
  code: 0x0a,
  // TAS 0: commands taken by another nexus end without status, and 2F/00 tells.
  // BUSY TIMEOUT PERIOD FFFFh: no limit.
  defaults: Uint8Array.from(
    [0x0a, 0x0a, GLTSD, UNRESTRICTED_REORDERING, 0, 0, 0, 0, 0xff, 0xff, 0, 0],
  ),
  changeable: Uint8Array.from(
    [0x0a, 0x0a, D_SENSE, 0, SWP, 0, 0, 0, 0, 0, 0, 0],
  ),
};
