/** Control Extension, 0Ah/01h (SPC-4 section 7.5.9): none of what it could offer; initial command priority 0. */

import type { ModePage } from "./page.ts";

const SPF = 0x40;
const HEADER = [0x0a | SPF, 0x01, 0x00, 0x1c];
const BODY = new Array<number>(0x1c).fill(0);

export const controlExtension: ModePage = {
  code: 0x0a,
  subpage: 0x01,
  defaults: Uint8Array.from([...HEADER, ...BODY]),
  changeable: Uint8Array.from([...HEADER, ...BODY]),
};
