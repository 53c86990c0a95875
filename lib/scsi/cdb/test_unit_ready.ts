/** TEST UNIT READY (SPC-4 section 6.47): ready as long as it exists. */

import { type Command, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { GOOD } from "../unit.ts";

export const testUnitReady: Command = {
  name: "TEST UNIT READY",
  opcode: Opcode.TEST_UNIT_READY,
  mask: mask("ff 00 00 00 00 00"),
  access: "always",
  mutates: false,
  plan: () => GOOD,
};
