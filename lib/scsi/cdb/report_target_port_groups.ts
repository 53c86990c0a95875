/** REPORT TARGET PORT GROUPS (SPC-4 section 6.37): the one group, active and optimized, with the one port. */

import { concat, putU16, putU32, u32 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { MaintenanceIn, Opcode } from "../opcode.ts";
import { RELATIVE_TARGET_PORT, TARGET_PORT_GROUP } from "../target_port.ts";

/** PARAMETER DATA FORMAT (SPC-4 table 260), bits 7 to 5 of byte 1. */
const Format = { LENGTH_ONLY: 0, EXTENDED_HEADER: 1 } as const;
const EXTENDED_HEADER = 0x10;

export const reportTargetPortGroups: Command = {
  name: "REPORT TARGET PORT GROUPS",
  opcode: Opcode.MAINTENANCE_IN,
  serviceAction: MaintenanceIn.REPORT_TARGET_PORT_GROUPS,
  mask: mask("ff ff 00 00 0000 ffffffff 00 00"),
  access: "always",
  mutates: false,
  needs: "nothing",
  plan: (cdb, { unit }) => {
    const format = cdb[1]! >>> 5;
    if (format > Format.EXTENDED_HEADER) return unit.invalidField(1);
    const extended = format === Format.EXTENDED_HEADER;
    // Nothing ever changes state, so there is no implicit transition time to tell.
    const rest = extended
      ? [Uint8Array.of(EXTENDED_HEADER, 0, 0, 0), group()]
      : [group()];
    const head = new Uint8Array(4);
    putU32(head, 0, rest.reduce((sum, { length }) => sum + length, 0));
    return dataIn(concat([head, ...rest]), u32(cdb, 6));
  },
};

/** ASYMMETRIC ACCESS STATE 0h, active/optimized, and the bits of what a group may be in: of these, AO_SUP alone. */
const AO_SUP = 0x01;

function group(): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes[1] = AO_SUP;
  putU16(bytes, 2, TARGET_PORT_GROUP);
  bytes[7] = 1;
  putU16(bytes, 10, RELATIVE_TARGET_PORT);
  return bytes;
}
