/** Informational Exceptions Control, 1Ch (SBC-3 section 6.5.6): there is no failure to predict, hence DEXCPT. */

import type { ModePage } from "./page.ts";

const DEXCPT = 0x08;
const header = [0x1c, 0x0a];

export const informationalExceptions: ModePage = {
  code: 0x1c,
  defaults: Uint8Array.from([...header, DEXCPT, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  changeable: Uint8Array.from([...header, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
};
