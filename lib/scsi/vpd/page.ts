/** One vital product data page. */

import type { Unit } from "../unit.ts";

/** The bytes of the page after its four-byte header, made anew for each INQUIRY. */
export type VpdPage = (unit: Unit) => Uint8Array;
