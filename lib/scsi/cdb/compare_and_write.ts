/** COMPARE AND WRITE (SBC-3 section 5.2): the Data-Out holds what is expected and then what takes its place. */

import { type Command, dataOut, mask } from "../command.ts";
import { MAX_COMPARE_AND_WRITE_BLOCKS } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import { GOOD } from "../unit.ts";
import { agrees, comparison, shortData } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { fuaOf, lbaOf } from "./transfer.ts";

/** NUMBER OF LOGICAL BLOCKS. */
const COUNT_AT = 13;

export const compareAndWrite: Command = {
  name: "COMPARE AND WRITE",
  opcode: Opcode.COMPARE_AND_WRITE,
  // DPO 10h, FUA 08h, FUA_NV 02h (obsolete).
  mask: mask("ff 1a ffffffffffffffff 000000 ff 1f 00"),
  access: "write",
  mutates: true,
  plan: (cdb, { unit }, dataOutBytes) => {
    const lba = lbaOf(cdb);
    const count = cdb[COUNT_AT]!;
    if (outOfRange(unit, lba, count)) return rangeError(unit);
    if (!agrees(dataOutBytes, 2 * count * unit.blockSizeBytes)) {
      return unit.invalidField(COUNT_AT);
    }
    if (count === 0) return GOOD;
    if (count > MAX_COMPARE_AND_WRITE_BLOCKS) {
      return unit.invalidField(COUNT_AT);
    }
    const { offset, length } = extentOf(unit, lba, count);
    const fua = fuaOf(unit, cdb);
    return dataOut(2 * length, {
      short: shortData(unit, COUNT_AT),
      then: (both) => {
        const expected = both.subarray(0, length);
        const data = both.subarray(length);
        return {
          ...comparison(unit, { offset, expected }),
          then: { data, fua },
        };
      },
    });
  },
};
