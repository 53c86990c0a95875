/**
 * REQUEST SENSE (SPC-4 section 6.39): a pending unit attention or a deferred error, which is cleared by it; or why the medium is out of reach,
 * with the progress of what is under way; or NO SENSE. Always GOOD.
 */

import { type Command, dataIn, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { encodeSense, type Sense } from "../sense.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import type { Caller } from "../unit.ts";

/** Descriptor format, whatever the control mode page says. */
const DESC = 0x01;

export const requestSense: Command = {
  name: "REQUEST SENSE",
  opcode: Opcode.REQUEST_SENSE,
  mask: mask("ff 01 00 00 ff 00"),
  access: "unreserved",
  mutates: false,
  exempt: true,
  needs: "nothing",
  plan: (cdb, caller) => {
    const sense = take(caller);
    return dataIn(encodeSense(sense, (cdb[1]! & DESC) !== 0), cdb[4]!);
  },
};

const NO_SENSE: Sense = {
  key: SenseKey.NO_SENSE,
  code: SenseCode.NO_ADDITIONAL_SENSE_INFORMATION,
};

function take(caller: Caller): Sense {
  const code = caller.attentions.take();
  if (code !== undefined) return { key: SenseKey.UNIT_ATTENTION, code };
  const { deferred } = caller;
  caller.deferred = undefined;
  return deferred ?? caller.unit.medium.obstacle("medium") ?? NO_SENSE;
}
