/** READ DEFECT DATA (10) and (12) (SBC-3 sections 5.13 and 5.14): there are none, in whatever format they are asked for. */

import { u16, u32 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import type { Unit } from "../unit.ts";

const row = { access: "read", mutates: false } as const;

/** REQ_PLIST 10h and REQ_GLIST 08h, which come back as PLISTV and GLISTV, and DEFECT LIST FORMAT. */
const ASKED = 0x1f;
const FORMAT = 0x07;

/** Short block, long block, bytes from index, physical sector (SBC-3 table 39). */
const FORMATS: ReadonlySet<number> = new Set([0, 3, 4, 5]);

export const readDefectData10: Command = {
  name: "READ DEFECT DATA(10)",
  opcode: Opcode.READ_DEFECT_DATA_10,
  mask: mask("ff 00 1f 00000000 ffff 00"),
  ...row,
  plan: (cdb, { unit }) =>
    isKnown(cdb[2]!)
      ? dataIn(Uint8Array.of(0, cdb[2]! & ASKED, 0, 0), u16(cdb, 7))
      : unit.invalidField(2),
};

export const readDefectData12: Command = {
  name: "READ DEFECT DATA(12)",
  opcode: Opcode.READ_DEFECT_DATA_12,
  mask: mask("ff 1f ffffffff ffffffff 00 00"),
  ...row,
  plan: (cdb, { unit }) => {
    if (!isKnown(cdb[1]!)) return unit.invalidField(1);
    return beyond(cdb, unit) ?? dataIn(
      Uint8Array.of(0, cdb[1]! & ASKED, 0, 0, 0, 0, 0, 0),
      u32(cdb, 6),
    );
  },
};

function isKnown(flags: number): boolean {
  return FORMATS.has(flags & FORMAT);
}

/** ADDRESS DESCRIPTOR INDEX: of no descriptors none but the first can be asked for. */
function beyond(cdb: Uint8Array, unit: Unit) {
  return u32(cdb, 2) === 0 ? undefined : unit.invalidField(2);
}
