/**
 * One row of the command table. What is advertised (REPORT SUPPORTED OPERATION CODES), what reservations and write protection
 * say, which bits of a CDB may be set, and what is done all come from this row: they cannot disagree.
 */

import { fromHex } from "../base/bytes.ts";
import { invariant } from "../base/errors.ts";
import type { DataIn, Plan } from "./plan.ts";
import type { Caller, Features } from "./unit.ts";

/**
 * How a command fares beside somebody else's reservation (SPC-4 table 65, SBC-3 table 17, SPC-2 table 10).
 *
 * | access       | persistent reservation                              | RESERVE of another nexus |
 * | ------------ | --------------------------------------------------- | ------------------------ |
 * | `unreserved` | goes on                                             | goes on                  |
 * | `always`     | goes on                                             | conflicts                |
 * | `read`       | goes on beside Write Exclusive, and where `write` does | conflicts             |
 * | `write`      | the holder; a registrant where the type admits them | conflicts                |
 * | `persistent` | goes on; its service actions decide                 | conflicts                |
 * | `reserve`    | conflicts with any registration                     | conflicts                |
 * | `release`    | conflicts with any registration                     | goes on, does nothing    |
 */
export type Access =
  | "unreserved"
  | "always"
  | "read"
  | "write"
  | "persistent"
  | "reserve"
  | "release";

/**
 * What has to be there for a command (SBC-3 sections 4.10, 4.11 and 4.20). What is not gives CHECK CONDITION: NOT READY where the medium is
 * out, stopped, or being formatted or sanitized, MEDIUM ERROR where that has failed.
 *
 * | needs      | out, stopped | being formatted or sanitized | that has failed |
 * | ---------- | ------------ | ---------------------------- | --------------- |
 * | `medium`   | refused      | refused                      | refused         |
 * | `blank`    | refused      | refused                      | goes on         |
 * | `unit`     | goes on      | refused                      | goes on         |
 * | `nothing`  | goes on      | goes on                      | goes on         |
 */
export type Needs = "medium" | "blank" | "unit" | "nothing";

export interface Command {
  /** In the standard's words. */
  readonly name: string;
  readonly opcode: number;
  /** Bits 4 to 0 of byte 1, for operation codes that have service actions. */
  readonly serviceAction?: number;
  /**
   * As long as the CDB, a bit set where the CDB may have one. Byte 0 is the operation code and not looked at. A bit set elsewhere
   * is a field that this unit does not do, and refused. GROUP NUMBER may be anything: it is a label for statistics that nobody keeps.
   */
  readonly mask: Uint8Array;
  /** Or by what the CDB says, which may be shorter than the mask yet: its bytes 0 to 5 are there. */
  readonly access: Access | ((cdb: Uint8Array) => Access);
  /** `medium` unless given. */
  readonly needs?: Needs;
  /** A unit without that has no such command. */
  readonly feature?: keyof Features;
  /** Changes the medium: refused where it is write protected. */
  readonly mutates: boolean;
  /** Changes what others may do or see: refused to a nexus that may only read. */
  readonly governs?: true;
  /** Goes on although a unit attention is pending (SAM-5 section 5.14.1). */
  readonly exempt?: true;
  /**
   * The CDB is as long as the mask and sets no bit outside it. `dataOutBytes` is what the transport expects from the initiator, where
   * that is known.
   */
  readonly plan: (
    cdb: Uint8Array,
    caller: Caller,
    dataOutBytes: number | undefined,
  ) => Plan;
}

/** How this CDB of a command fares beside somebody else's reservation. */
export function accessOf({ access }: Command, cdb: Uint8Array): Access {
  return typeof access === "function" ? access(cdb) : access;
}

/** A mask from hexadecimal digits; the blanks are for the reader. */
export function mask(digits: string): Uint8Array {
  const bytes = fromHex(digits.replaceAll(" ", ""));
  invariant(bytes, `Bad mask ${digits}`);
  return bytes;
}

/** All of `length` bytes, and none beyond; with fewer the command ends with `short`. */
export function dataOut(
  length: number,
  { short, then }: {
    readonly short: Plan;
    readonly then: (data: Uint8Array) => Plan;
  },
): Plan {
  return {
    kind: "data-out",
    length,
    then: (data) =>
      data.length < length ? short : then(data.subarray(0, length)),
  };
}

/** Parameter data, cut to the allocation length. */
export function dataIn(data: Uint8Array, allocationLength: number): DataIn {
  return {
    kind: "data-in",
    data: data.length > allocationLength
      ? data.subarray(0, allocationLength)
      : data,
  };
}
