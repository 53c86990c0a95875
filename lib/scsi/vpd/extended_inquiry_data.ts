/** Extended INQUIRY Data, 86h (SPC-4 section 7.8.7). */

import type { VpdPage } from "./page.ts";

/** HEADSUP, ORDSUP and SIMPSUP: the task attributes (SAM-5 section 8.7). */
const TASK_ATTRIBUTES = 0x07;
/** V_SUP: there is a volatile cache. */
const V_SUP = 0x01;

export const extendedInquiryData: VpdPage = () => {
  const body = new Uint8Array(60);
  body[1] = TASK_ATTRIBUTES;
  body[2] = V_SUP;
  return body;
};
