/** READ CAPACITY (10) and (16) (SBC-3 sections 5.15 and 5.16). */

import { putU16, putU32, putU64, u32 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { ALLOCATION_UNIT_BYTES } from "../limits.ts";
import { Opcode, ServiceActionIn16 } from "../opcode.ts";
import type { Unit } from "../unit.ts";

const row = { access: "unreserved", mutates: false } as const;

/** What READ CAPACITY (10) says of a medium that it cannot address: ask READ CAPACITY (16). */
const TOO_LARGE = 0xffff_ffff;

// LOGICAL BLOCK ADDRESS and PMI are obsolete and have to be 0.
export const readCapacity10: Command = {
  name: "READ CAPACITY(10)",
  opcode: Opcode.READ_CAPACITY_10,
  mask: mask("ff 00 00000000 0000 00 00"),
  ...row,
  plan: (_cdb, { unit }) => {
    const data = new Uint8Array(8);
    putU32(data, 0, Math.min(unit.blocks - 1, TOO_LARGE));
    putU32(data, 4, unit.blockSizeBytes);
    return dataIn(data, data.length);
  },
};

export const readCapacity16: Command = {
  name: "READ CAPACITY(16)",
  opcode: Opcode.SERVICE_ACTION_IN_16,
  serviceAction: ServiceActionIn16.READ_CAPACITY_16,
  mask: mask("ff 1f 0000000000000000 ffffffff 00 00"),
  ...row,
  plan: (cdb, { unit }) => dataIn(capacity(unit), u32(cdb, 10)),
};

/** Logical block provisioning management enabled: thin, UNMAP works. */
const LBPME = 0x8000;
/** Unmapped blocks read as zeros. */
const LBPRZ = 0x4000;

function capacity(unit: Unit): Uint8Array {
  const data = new Uint8Array(32);
  putU64(data, 0, unit.blocks - 1);
  putU32(data, 8, unit.blockSizeBytes);
  // LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT; LOWEST ALIGNED LOGICAL BLOCK ADDRESS is 0.
  data[13] = Math.log2(ALLOCATION_UNIT_BYTES / unit.blockSizeBytes);
  putU16(data, 14, LBPME | LBPRZ);
  return data;
}
