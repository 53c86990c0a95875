/** REQUEST SENSE (SPC-4 section 6.39): a pending unit attention, which is cleared by it, or NO SENSE. Always GOOD. */

import { type Command, dataIn, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { encodeSense } from "../sense.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";

/** Descriptor format, whatever the control mode page says. */
const DESC = 0x01;

export const requestSense: Command = {
  name: "REQUEST SENSE",
  opcode: Opcode.REQUEST_SENSE,
  mask: mask("ff 01 00 00 ff 00"),
  access: "unreserved",
  mutates: false,
  exempt: true,
  plan: (cdb, { attentions }) => {
    const code = attentions.take();
    const sense = code === undefined
      ? {
        key: SenseKey.NO_SENSE,
        code: SenseCode.NO_ADDITIONAL_SENSE_INFORMATION,
      }
      : { key: SenseKey.UNIT_ATTENTION, code };
    return dataIn(encodeSense(sense, (cdb[1]! & DESC) !== 0), cdb[4]!);
  },
};
