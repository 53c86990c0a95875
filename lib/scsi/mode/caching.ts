/**
 * Caching, 08h (SBC-3 section 6.5.5). The volume is a buffered file: WCE is 1, and says so. An initiator may set it to 0; every
 * write is then made stable before GOOD.
 */

import type { ModePage } from "./page.ts";

export const WCE_BYTE = 2;
export const WCE = 0x04;

const page = (wce: number): Uint8Array => {
  const bytes = new Uint8Array(20);
  bytes[0] = 0x08;
  bytes[1] = bytes.length - 2;
  bytes[WCE_BYTE] = wce;
  return bytes;
};

export const caching: ModePage = {
  code: 0x08,
  defaults: page(WCE),
  changeable: page(WCE),
};
