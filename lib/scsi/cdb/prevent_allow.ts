/**
 * PREVENT ALLOW MEDIUM REMOVAL (SPC-4 section 6.17). Each nexus locks the medium in for itself, until it says otherwise or ends, or a reset.
 */

import { type Command, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { GOOD } from "../unit.ts";

/** Bit 1 of PREVENT is obsolete. */
const PREVENT = 0x01;

export const preventAllow: Command = {
  name: "PREVENT ALLOW MEDIUM REMOVAL",
  opcode: Opcode.PREVENT_ALLOW_MEDIUM_REMOVAL,
  mask: mask("ff 00 00 00 01 00"),
  // SBC-3 table 17.
  access: (cdb) => (cdb[4]! & PREVENT) !== 0 ? "write" : "unreserved",
  mutates: false,
  needs: "unit",
  feature: "removable",
  plan: (cdb, { unit, nexus }) => {
    if ((cdb[4]! & PREVENT) !== 0) unit.medium.prevent(nexus);
    else unit.medium.allow(nexus);
    return GOOD;
  },
};
