/** ORWRITE (16) (SBC-3 section 5.8): the blocks become what they are OR the Data-Out, with no other command in between. */

import { type Command, dataOut, mask } from "../command.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import { GOOD } from "../unit.ts";
import { agrees, shortData } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, fuaOf, lbaOf } from "./transfer.ts";

// DPO 10h is a hint. ORPROTECT has to be 0.
export const orwrite: Command = {
  name: "ORWRITE(16)",
  opcode: Opcode.ORWRITE_16,
  mask: mask("ff 1a ffffffffffffffff ffffffff 1f 00"),
  access: "write",
  mutates: true,
  plan: (cdb, { unit }, dataOutBytes) => {
    const lba = lbaOf(cdb);
    const count = countOf(cdb);
    if (outOfRange(unit, lba, count)) return rangeError(unit);
    const { offset, length } = extentOf(unit, lba, count);
    if (length > MAX_TRANSFER_BYTES || !agrees(dataOutBytes, length)) {
      return unit.invalidField(countAt(cdb));
    }
    if (count === 0) return GOOD;
    const fua = fuaOf(unit, cdb);
    return dataOut(length, {
      short: shortData(unit, countAt(cdb)),
      then: (data) => ({ kind: "or", offset, data, fua }),
    });
  },
};
