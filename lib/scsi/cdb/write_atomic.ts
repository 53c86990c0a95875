/**
 * WRITE ATOMIC (16) (SBC-4 section 5.48): all of it is written or nothing, for other commands and after a crash. It is there where the store
 * can promise that. Stable before GOOD, with FUA or without: a promise about a crash needs the medium.
 */

import { u16 } from "../../base/bytes.ts";
import { type Command, dataOut, mask } from "../command.ts";
import { MAX_ATOMIC_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import { GOOD } from "../unit.ts";
import { agrees, shortData } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { lbaOf } from "./transfer.ts";

/** TRANSFER LENGTH; ATOMIC BOUNDARY before it has to be 0: the block limits page names no boundary size. */
const COUNT_AT = 12;

export const writeAtomic: Command = {
  name: "WRITE ATOMIC(16)",
  opcode: Opcode.WRITE_ATOMIC_16,
  // DPO 10h and FUA 08h.
  mask: mask("ff 18 ffffffffffffffff 0000 ffff 1f 00"),
  access: "write",
  mutates: true,
  feature: "atomicWrites",
  plan: (cdb, { unit }, dataOutBytes) => {
    const lba = lbaOf(cdb);
    const count = u16(cdb, COUNT_AT);
    if (outOfRange(unit, lba, count)) return rangeError(unit);
    const { offset, length } = extentOf(unit, lba, count);
    if (length > MAX_ATOMIC_BYTES || !agrees(dataOutBytes, length)) {
      return unit.invalidField(COUNT_AT);
    }
    if (count === 0) return GOOD;
    return dataOut(length, {
      short: shortData(unit, COUNT_AT),
      then: (data) => ({ kind: "write-atomic", offset, data }),
    });
  },
};
