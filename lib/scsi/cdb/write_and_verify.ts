/** WRITE AND VERIFY (10), (12), (16) (SBC-3 sections 5.32 to 5.34): written, made stable, and read back. */

import { type Command, mask } from "../command.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { type Caller, GOOD } from "../unit.ts";
import { comparison, shortData } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, lbaOf } from "./transfer.ts";
import { ByteCheck, byteCheckOf } from "./verify.ts";

const row = { access: "write", mutates: true } as const;

export const writeAndVerify10: Command = {
  name: "WRITE AND VERIFY(10)",
  opcode: Opcode.WRITE_AND_VERIFY_10,
  mask: mask("ff 16 ffffffff 00 ffff 00"),
  ...row,
  plan: writeAndVerify,
};

export const writeAndVerify12: Command = {
  name: "WRITE AND VERIFY(12)",
  opcode: Opcode.WRITE_AND_VERIFY_12,
  mask: mask("ff 16 ffffffff ffffffff 00 00"),
  ...row,
  plan: writeAndVerify,
};

export const writeAndVerify16: Command = {
  name: "WRITE AND VERIFY(16)",
  opcode: Opcode.WRITE_AND_VERIFY_16,
  mask: mask("ff 16 ffffffffffffffff ffffffff 00 00"),
  ...row,
  plan: writeAndVerify,
};

function writeAndVerify(cdb: Uint8Array, { unit }: Caller): Plan {
  const byteCheck = byteCheckOf(cdb);
  if (byteCheck > ByteCheck.ALL) return unit.invalidField(1);
  const lba = lbaOf(cdb);
  const count = countOf(cdb);
  if (outOfRange(unit, lba, count)) return rangeError(unit);
  if (count === 0) return GOOD;
  const extent = extentOf(unit, lba, count);
  if (extent.length > MAX_TRANSFER_BYTES) {
    return unit.invalidField(countAt(cdb));
  }
  const short = shortData(unit, cdb);
  return {
    kind: "data-out",
    length: extent.length,
    then: (data) => {
      if (data.length < extent.length) return short;
      const pattern = data.subarray(0, extent.length);
      const check: Plan = byteCheck === ByteCheck.ALL
        ? comparison(unit, { offset: extent.offset, expected: pattern })
        : { kind: "probe", extent };
      // A pattern as long as the extent is written once.
      return {
        kind: "sequence",
        steps: [{ kind: "write-same", extent, pattern, fua: true }, check],
      };
    },
  };
}
