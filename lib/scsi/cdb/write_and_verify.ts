/** WRITE AND VERIFY (10), (12), (16) (SBC-3 sections 5.32 to 5.34): written, made stable, and read back. */

import { type Command, mask } from "../command.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { type Caller, GOOD } from "../unit.ts";
import { comparison } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, lbaOf } from "./transfer.ts";
import { ByteCheck, byteCheckOf } from "./verify.ts";

const row = { access: "write", mutates: true } as const;

export const writeAndVerify10: Command = {
  name: "WRITE AND VERIFY(10)",
  opcode: Opcode.WRITE_AND_VERIFY_10,
  mask: mask("ff 16 ffffffff 1f ffff 00"),
  ...row,
  plan: writeAndVerify,
};

export const writeAndVerify12: Command = {
  name: "WRITE AND VERIFY(12)",
  opcode: Opcode.WRITE_AND_VERIFY_12,
  mask: mask("ff 16 ffffffff ffffffff 1f 00"),
  ...row,
  plan: writeAndVerify,
};

export const writeAndVerify16: Command = {
  name: "WRITE AND VERIFY(16)",
  opcode: Opcode.WRITE_AND_VERIFY_16,
  mask: mask("ff 16 ffffffffffffffff ffffffff 1f 00"),
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
  return {
    kind: "data-out",
    length: extent.length,
    then: (data) => {
      // Like with WRITE, what the initiator announced to send is written, in whole blocks, and the residual count tells of the rest.
      const whole = data.length - data.length % unit.blockSizeBytes;
      const pattern = data.subarray(0, Math.min(whole, extent.length));
      if (pattern.length === 0) return GOOD;
      const written = { offset: extent.offset, length: pattern.length };
      const check: Plan = byteCheck === ByteCheck.ALL
        ? comparison(unit, { offset: extent.offset, expected: pattern })
        : { kind: "probe", extent: written };
      // A pattern as long as the extent is written once.
      return {
        kind: "sequence",
        steps: [
          { kind: "write-same", extent: written, pattern, fua: true },
          check,
        ],
      };
    },
  };
}
