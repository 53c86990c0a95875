/** ASCII fields of fixed length (SPC-4 section 4.3.1). */

import { utf8 } from "../base/bytes.ts";

const NOT_GRAPHIC = /[^\x20-\x7e]/g;

/** Left-aligned, cut or filled with blanks to `length`; what is not ASCII becomes a blank. */
export function asciiField(text: string, length: number): Uint8Array {
  return utf8(
    text.replaceAll(NOT_GRAPHIC, " ").padEnd(length).slice(0, length),
  );
}
