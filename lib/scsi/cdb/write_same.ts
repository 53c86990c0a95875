/**
 * WRITE SAME (10) and (16) (SBC-3 sections 5.36 and 5.37). ANCHOR, PBDATA and LBDATA are refused: they are not in the mask.
 */

import { type Command, dataOut, mask } from "../command.ts";
import { MAX_WRITE_SAME_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Extent } from "../../base/extent.ts";
import type { Plan } from "../plan.ts";
import type { Caller, Unit } from "../unit.ts";
import { agrees, shortData } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, lbaOf } from "./transfer.ts";

const row = { access: "write", mutates: true } as const;

const UNMAP = 0x08;
/** No Data-Out: the block is zeros. */
const NDOB = 0x01;

export const writeSame10: Command = {
  name: "WRITE SAME(10)",
  opcode: Opcode.WRITE_SAME_10,
  mask: mask("ff 08 ffffffff 1f ffff 00"),
  ...row,
  plan: (cdb, caller, dataOutBytes) =>
    writeSame(cdb, caller, { noData: false, dataOutBytes }),
};

export const writeSame16: Command = {
  name: "WRITE SAME(16)",
  opcode: Opcode.WRITE_SAME_16,
  mask: mask("ff 09 ffffffffffffffff ffffffff 1f 00"),
  ...row,
  plan: (cdb, caller, dataOutBytes) =>
    writeSame(cdb, caller, { noData: (cdb[1]! & NDOB) !== 0, dataOutBytes }),
};

function writeSame(
  cdb: Uint8Array,
  { unit }: Caller,
  given: {
    readonly noData: boolean;
    readonly dataOutBytes: number | undefined;
  },
): Plan {
  const { noData, dataOutBytes } = given;
  const lba = lbaOf(cdb);
  const count = countOf(cdb);
  if (outOfRange(unit, lba, count)) return rangeError(unit);
  const extent = extentOf(unit, lba, count);
  // A count of 0 ("to the last block") is what WSNZ in the block limits page excludes.
  if (count === 0 || extent.length > MAX_WRITE_SAME_BYTES) {
    return unit.invalidField(countAt(cdb));
  }
  const unmap = (cdb[1]! & UNMAP) !== 0;
  const length = unit.blockSizeBytes;
  if (!agrees(dataOutBytes, noData ? 0 : length)) {
    return unit.invalidField(countAt(cdb));
  }
  if (noData) return fill(unit, { extent, unmap }, new Uint8Array(length));
  return dataOut(length, {
    short: shortData(unit, countAt(cdb)),
    then: (data) => fill(unit, { extent, unmap }, data),
  });
}

/** Unmapped where that was asked for and reads the same as what was to be written; otherwise written. */
function fill(
  unit: Unit,
  what: { readonly extent: Extent; readonly unmap: boolean },
  pattern: Uint8Array,
): Plan {
  const { extent, unmap } = what;
  const fua = !unit.modes.writeCache;
  return unmap && pattern.every((byte) => byte === 0)
    ? { kind: "unmap", extents: [extent], fua }
    : { kind: "write-same", extent, pattern, fua };
}
