/** UNMAP (SBC-3 section 5.28). ANCHOR is refused: it is not in the mask. */

import type { Extent } from "../../base/extent.ts";
import { u16, u32, u64 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import { MAX_UNMAP_BYTES, MAX_UNMAP_DESCRIPTORS } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { SenseCode } from "../sense_code.ts";
import { GOOD, type Unit } from "../unit.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;

export const unmap: Command = {
  name: "UNMAP",
  opcode: Opcode.UNMAP,
  mask: mask("ff 00 00000000 1f ffff 00"),
  access: "write",
  mutates: true,
  plan: (cdb, { unit }) => {
    const length = u16(cdb, 7);
    // No list is not an error.
    if (length === 0) return GOOD;
    if (length < HEADER_BYTES) {
      return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
    }
    return {
      kind: "data-out",
      length,
      then: (data) => take(unit, data.subarray(0, length), length),
    };
  },
};

/**
 * All descriptors are looked at before one is carried out. UNMAP BLOCK DESCRIPTOR DATA LENGTH may exceed what follows or not be a
 * multiple of 16: the whole descriptors in the list count (SBC-3 section 5.28.2).
 */
function take(unit: Unit, list: Uint8Array, announced: number): Plan {
  if (list.length < announced) {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  const bytes = Math.min(u16(list, 2), list.length - HEADER_BYTES);
  const count = Math.floor(bytes / DESCRIPTOR_BYTES);
  if (count > MAX_UNMAP_DESCRIPTORS) return unit.invalidParameter(2);
  const extents: Extent[] = [];
  let totalBytes = 0;
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * DESCRIPTOR_BYTES;
    const lba = u64(list, at);
    const blocks = u32(list, at + 8);
    // Nothing at the very end is inside.
    const nothing = blocks === 0 && lba <= unit.blocks;
    if (nothing) continue;
    if (outOfRange(unit, lba, blocks)) return rangeError(unit);
    const extent = extentOf(unit, lba, blocks);
    totalBytes += extent.length;
    if (totalBytes > MAX_UNMAP_BYTES) return unit.invalidParameter(at + 8);
    extents.push(extent);
  }
  if (extents.length === 0) return GOOD;
  return { kind: "unmap", extents, fua: !unit.modes.writeCache };
}
