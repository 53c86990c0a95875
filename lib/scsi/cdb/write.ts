/** WRITE (6), (10), (12), (16) (SBC-3 sections 5.27 to 5.31). */

import { u24 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { type Caller, GOOD } from "../unit.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, fuaOf, lbaOf } from "./transfer.ts";

const row = { access: "write", mutates: true } as const;

export const write6: Command = {
  name: "WRITE(6)",
  opcode: Opcode.WRITE_6,
  mask: mask("ff 1f ffff ff 00"),
  ...row,
  // 21 bits of LBA; a TRANSFER LENGTH of 0 stands for 256 blocks.
  plan: (cdb, caller, dataOutBytes) =>
    cut(
      write(cdb, caller, u24(cdb, 1) & 0x1f_ffff, cdb[4]! || 256),
      caller,
      dataOutBytes,
    ),
};

// DPO 10h is a hint.
export const write10: Command = {
  name: "WRITE(10)",
  opcode: Opcode.WRITE_10,
  mask: mask("ff 1a ffffffff 1f ffff 00"),
  ...row,
  plan: writeLong,
};

export const write12: Command = {
  name: "WRITE(12)",
  opcode: Opcode.WRITE_12,
  mask: mask("ff 1a ffffffff ffffffff 1f 00"),
  ...row,
  plan: writeLong,
};

export const write16: Command = {
  name: "WRITE(16)",
  opcode: Opcode.WRITE_16,
  mask: mask("ff 1a ffffffffffffffff ffffffff 1f 00"),
  ...row,
  plan: writeLong,
};

function writeLong(
  cdb: Uint8Array,
  caller: Caller,
  dataOutBytes: number | undefined,
): Plan {
  const plan = write(cdb, caller, lbaOf(cdb), countOf(cdb));
  return cut(plan, caller, dataOutBytes);
}

/** What the initiator announces to send may be less than the CDB says: it is written in whole blocks, and the residual count tells of the rest. */
function cut(
  plan: Plan,
  { unit }: Caller,
  dataOutBytes: number | undefined,
): Plan {
  if (plan.kind !== "write" || dataOutBytes === undefined) return plan;
  if (dataOutBytes >= plan.extent.length) return plan;
  const wholeBytes = dataOutBytes - dataOutBytes % unit.blockSizeBytes;
  return { ...plan, wholeBytes };
}

// Four arguments, not an object: this is the hot path, and the plan is all that it makes.
function write(
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
  return {
    kind: "write",
    extent: extentOf(unit, lba, count),
    fua: fuaOf(unit, cdb),
  };
}
