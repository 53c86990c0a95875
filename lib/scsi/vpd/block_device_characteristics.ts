/** Block Device Characteristics, B1h (SBC-3 section 6.6.3). */

import { putU16 } from "../../base/bytes.ts";
import type { VpdPage } from "./page.ts";

/** MEDIUM ROTATION RATE: it does not turn. */
const NON_ROTATING_MEDIUM = 0x0001;

export const blockDeviceCharacteristics: VpdPage = () => {
  const body = new Uint8Array(60);
  putU16(body, 0, NON_ROTATING_MEDIUM);
  return body;
};
