/** Block Device Characteristics, B1h (SBC-3 section 6.6.3). */

import { putU16 } from "../../base/bytes.ts";
import type { VpdPage } from "./page.ts";

/** MEDIUM ROTATION RATE: it does not turn. */
const NON_ROTATING_MEDIUM = 0x0001;

/** WABEREQ 01b: after BLOCK ERASE all blocks can be read; they are zeros. */
const WABEREQ = 0x40;
/** FUAB: SYNCHRONIZE CACHE reaches the medium. */
const FUAB = 0x02;

export const blockDeviceCharacteristics: VpdPage = ({ features }) => {
  const body = new Uint8Array(60);
  putU16(body, 0, NON_ROTATING_MEDIUM);
  body[3] = features.erasable ? WABEREQ : 0;
  body[4] = FUAB;
  return body;
};
