/**
 * VERIFY (10), (12), (16) (SBC-3 sections 5.24 to 5.26). BYTCHK 00b: the blocks can be read. 01b: they equal the Data-Out, block by
 * block. 11b: each equals the one block of the Data-Out. 10b is reserved.
 */

import { type Command, dataOut, mask } from "../command.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { type Caller, GOOD, type Unit } from "../unit.ts";
import { comparison, shortData } from "./compare.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, lbaOf } from "./transfer.ts";

const row = { access: "read", mutates: false } as const;

export const ByteCheck = {
  NONE: 0,
  ALL: 1,
  RESERVED: 2,
  ONE_BLOCK: 3,
} as const;

/** BYTCHK, bits 2 and 1 of byte 1. */
export function byteCheckOf(cdb: Uint8Array): number {
  return (cdb[1]! >>> 1) & 0x03;
}

// DPO 10h is a hint.
export const verify10: Command = {
  name: "VERIFY(10)",
  opcode: Opcode.VERIFY_10,
  mask: mask("ff 16 ffffffff 1f ffff 00"),
  ...row,
  plan: verify,
};

export const verify12: Command = {
  name: "VERIFY(12)",
  opcode: Opcode.VERIFY_12,
  mask: mask("ff 16 ffffffff ffffffff 1f 00"),
  ...row,
  plan: verify,
};

export const verify16: Command = {
  name: "VERIFY(16)",
  opcode: Opcode.VERIFY_16,
  mask: mask("ff 16 ffffffffffffffff ffffffff 1f 00"),
  ...row,
  plan: verify,
};

function verify(cdb: Uint8Array, { unit }: Caller): Plan {
  const byteCheck = byteCheckOf(cdb);
  if (byteCheck === ByteCheck.RESERVED) return unit.invalidField(1);
  const lba = lbaOf(cdb);
  const count = countOf(cdb);
  if (outOfRange(unit, lba, count)) return rangeError(unit);
  if (count === 0) return GOOD;
  const extent = extentOf(unit, lba, count);
  if (byteCheck === ByteCheck.NONE) return { kind: "probe", extent };
  if (extent.length > MAX_TRANSFER_BYTES) {
    return unit.invalidField(countAt(cdb));
  }
  const length = byteCheck === ByteCheck.ALL
    ? extent.length
    : unit.blockSizeBytes;
  return dataOut(length, {
    // The CDB is lent for the call: what is said later is made now.
    short: shortData(unit, countAt(cdb)),
    then: (expected) =>
      byteCheck === ByteCheck.ALL
        ? comparison(unit, { offset: extent.offset, expected })
        : eachBlock(unit, extent, expected),
  });
}

/** How much of a repeated block is compared in one go. */
const REPEATED_BYTES = 1024 * 1024;

function eachBlock(
  unit: Unit,
  extent: { readonly offset: number; readonly length: number },
  block: Uint8Array,
): Plan {
  const expected = new Uint8Array(Math.min(REPEATED_BYTES, extent.length));
  for (let at = 0; at < expected.length; at += block.length) {
    expected.set(block, at);
  }
  const steps: Plan[] = [];
  for (let done = 0; done < extent.length; done += expected.length) {
    const length = Math.min(expected.length, extent.length - done);
    const compare = comparison(unit, {
      offset: extent.offset + done,
      expected: expected.subarray(0, length),
    });
    // The offset is one in the Data-Out, which holds a single block.
    const miscompare = (at: number) => compare.miscompare(at % block.length);
    steps.push({ ...compare, miscompare });
  }
  return { kind: "sequence", steps };
}
