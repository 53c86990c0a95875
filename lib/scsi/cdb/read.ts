/** READ (6), (10), (12), (16) (SBC-3 sections 5.7 to 5.11). */

import { u24 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { type Caller, GOOD } from "../unit.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, lbaOf } from "./transfer.ts";

const row = { access: "read", mutates: false } as const;

export const read6: Command = {
  name: "READ(6)",
  opcode: Opcode.READ_6,
  mask: mask("ff 1f ffff ff 00"),
  ...row,
  // 21 bits of LBA; a TRANSFER LENGTH of 0 stands for 256 blocks.
  plan: (cdb, caller) =>
    read(cdb, caller, u24(cdb, 1) & 0x1f_ffff, cdb[4]! || 256),
};

// DPO 10h (a hint), FUA 08h (a read sees every write: there is no older copy), FUA_NV 02h (obsolete).
export const read10: Command = {
  name: "READ(10)",
  opcode: Opcode.READ_10,
  mask: mask("ff 1a ffffffff 1f ffff 00"),
  ...row,
  plan: readLong,
};

export const read12: Command = {
  name: "READ(12)",
  opcode: Opcode.READ_12,
  mask: mask("ff 1a ffffffff ffffffff 1f 00"),
  ...row,
  plan: readLong,
};

export const read16: Command = {
  name: "READ(16)",
  opcode: Opcode.READ_16,
  mask: mask("ff 1a ffffffffffffffff ffffffff 1f 00"),
  ...row,
  plan: readLong,
};

function readLong(cdb: Uint8Array, caller: Caller): Plan {
  return read(cdb, caller, lbaOf(cdb), countOf(cdb));
}

// Four arguments, not an object: this is the hot path, and the plan is all that it makes.
function read(
  cdb: Uint8Array,
  { unit }: Caller,
  lba: number,
  count: number,
): Plan {
  if (outOfRange(unit, lba, count)) return rangeError(unit);
  if (count === 0) return GOOD;
  if (count * unit.blockSizeBytes > MAX_TRANSFER_BYTES) {
    return unit.invalidField(countAt(cdb));
  }
  return { kind: "read", extent: extentOf(unit, lba, count) };
}
