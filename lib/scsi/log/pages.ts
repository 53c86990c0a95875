/**
 * Log pages (SPC-4 section 7.3): the lists of pages, and how many writes and reads have failed since power on. What nobody measures is not
 * told: there is no temperature, no wear and no self-test log.
 */

import { concat, putU16, putU64 } from "../../base/bytes.ts";
import type { Unit } from "../unit.ts";

/** A whole page: a list, or parameters from a parameter code on. */
export type LogPage =
  | { readonly kind: "list"; readonly data: Uint8Array }
  | {
    readonly kind: "counters";
    /** Undefined where there is no parameter with that code or a higher one. */
    readonly from: (pointer: number) => Uint8Array | undefined;
  };

const PAGES = 0x00;
const WRITE_ERROR_COUNTERS = 0x02;
const READ_ERROR_COUNTERS = 0x03;
const ALL_SUBPAGES = 0xff;

const codes = [PAGES, WRITE_ERROR_COUNTERS, READ_ERROR_COUNTERS];

/** The page, or undefined where there is none of these codes. */
export function logPageOf(
  unit: Unit,
  code: number,
  subpage: number,
): LogPage | undefined {
  if (subpage === ALL_SUBPAGES && code === PAGES) {
    return { kind: "list", data: withHead(code, subpage, pagesAndSubpages()) };
  }
  if (subpage !== 0) return undefined;
  switch (code) {
    case PAGES:
      return { kind: "list", data: withHead(code, 0, Uint8Array.from(codes)) };
    case WRITE_ERROR_COUNTERS:
      return counters(code, unit.failures.write);
    case READ_ERROR_COUNTERS:
      return counters(code, unit.failures.read);
    default:
      return undefined;
  }
}

/** DS: nothing is saved. */
const DS = 0x80;
/** SPF: a page with a subpage code. */
const SPF = 0x40;

function withHead(
  code: number,
  subpage: number,
  body: Uint8Array,
): Uint8Array {
  const head = new Uint8Array(4);
  head[0] = code | (subpage === 0 ? 0 : SPF);
  head[1] = subpage;
  putU16(head, 2, body.length);
  return concat([head, body]);
}

function pagesAndSubpages(): Uint8Array {
  const [first, ...others] = codes.map((code) => [code, 0]);
  return Uint8Array.from([...first!, PAGES, ALL_SUBPAGES, ...others.flat()]);
}

/** Total uncorrected errors (SPC-4 table 346): what was corrected below is not known here. */
const UNCORRECTED_ERRORS = 0x0006;
/** TSD: the value begins with 0 at power on. The format is a bounded counter. */
const TSD = 0x20;
const COUNTER_BYTES = 8;

function counters(code: number, uncorrected: number): LogPage {
  return {
    kind: "counters",
    from: (pointer) => {
      if (pointer > UNCORRECTED_ERRORS) return undefined;
      const parameter = new Uint8Array(4 + COUNTER_BYTES);
      putU16(parameter, 0, UNCORRECTED_ERRORS);
      parameter[2] = TSD;
      parameter[3] = COUNTER_BYTES;
      putU64(parameter, 4, uncorrected);
      const page = withHead(code, 0, parameter);
      page[0] = DS | page[0]!;
      return page;
    },
  };
}
