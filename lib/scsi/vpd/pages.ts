/** The vital product data pages that there are (SPC-4 section 7.8, SBC-3 section 6.6). */

import { putU16 } from "../../base/bytes.ts";
import type { Unit } from "../unit.ts";

/** The bytes of one page after its four-byte header. */
export type Page = (unit: Unit) => Uint8Array;

const SUPPORTED_VPD_PAGES = 0x00;

/** By page code, ascending. */
const pages: ReadonlyMap<number, Page> = new Map<number, Page>([
  [SUPPORTED_VPD_PAGES, () => Uint8Array.from(pages.keys())],
]);

/** The whole page, or undefined where there is none of that code. */
export function pageOf(unit: Unit, code: number): Uint8Array | undefined {
  const body = pages.get(code)?.(unit);
  if (!body) return undefined;
  const page = new Uint8Array(4 + body.length);
  page[1] = code;
  putU16(page, 2, body.length);
  page.set(body, 4);
  return page;
}
