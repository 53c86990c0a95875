/** Extended INQUIRY Data, 86h (SPC-4 section 7.8.7). */

import type { VpdPage } from "./page.ts";

/** SIMPSUP: the SIMPLE task attribute. The others are not promised. */
const SIMPSUP = 0x01;
/** V_SUP: there is a volatile cache. */
const V_SUP = 0x01;

export const extendedInquiryData: VpdPage = () => {
  const body = new Uint8Array(60);
  body[1] = SIMPSUP;
  body[2] = V_SUP;
  return body;
};
