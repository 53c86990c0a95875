/**
 * START STOP UNIT (SBC-3 section 5.20). The unit is always started: being asked to start is done already. There is no stopped
 * state, no power condition and nothing to eject, so these are refused rather than pretended.
 */

import { type Command, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { GOOD } from "../unit.ts";

const START = 0x01;

export const startStopUnit: Command = {
  name: "START STOP UNIT",
  opcode: Opcode.START_STOP_UNIT,
  // IMMED; POWER CONDITION, NO_FLUSH and LOEJ have to be 0.
  mask: mask("ff 01 00 00 01 00"),
  // START with POWER CONDITION 0 is allowed beside every reservation, and nothing else is done (SBC-3 table 17).
  access: "always",
  mutates: false,
  plan: (cdb, { unit }) =>
    (cdb[4]! & START) !== 0 ? GOOD : unit.invalidField(4),
};
