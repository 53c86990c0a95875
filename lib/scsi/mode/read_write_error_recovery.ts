/** Read-Write Error Recovery, 01h (SBC-3 section 6.5.8): the file system below recovers, not the unit. */

import type { ModePage } from "./page.ts";

const header = [0x01, 0x0a];

export const readWriteErrorRecovery: ModePage = {
  code: 0x01,
  defaults: Uint8Array.from([...header, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  changeable: Uint8Array.from([...header, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
};
