/**
 * START STOP UNIT (SBC-3 section 5.20). Stopped, the unit gives its blocks to nobody until it is started; a removable medium is ejected and
 * loaded. There is no power to save: every POWER CONDITION but 0 is refused.
 */

import { type Command, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import { type Caller, GOOD } from "../unit.ts";

const POWER_CONDITION = 0xf0;
const IMMED = 0x01;
const LOEJ = 0x02;
const START = 0x01;

export const startStopUnit: Command = {
  name: "START STOP UNIT",
  opcode: Opcode.START_STOP_UNIT,
  // IMMED; NO_FLUSH 04h is a permission that is not used.
  mask: mask("ff 01 00 00 07 00"),
  // SBC-3 table 17, and for RESERVE SPC-2 annex B: to start is allowed.
  access: (cdb) =>
    (cdb[4]! & (POWER_CONDITION | START)) === START ? "unreserved" : "write",
  mutates: false,
  needs: "unit",
  plan: (cdb, caller) => {
    const starts = (cdb[4]! & START) !== 0;
    const moves = (cdb[4]! & LOEJ) !== 0;
    const { unit, nexus } = caller;
    if (moves && !unit.features.removable) return unit.invalidField(4);
    if (nexus.readOnly && (moves || !starts)) {
      const key = SenseKey.DATA_PROTECT;
      return unit.check({ key, code: SenseCode.WRITE_PROTECTED });
    }
    if (moves && unit.medium.isLocked) {
      return unit.illegal(SenseCode.MEDIUM_REMOVAL_PREVENTED);
    }
    if (starts) return moves ? load(caller) : start(caller);
    if (!unit.medium.isIn) return GOOD;
    if (moves) unit.medium.eject();
    else unit.medium.stop();
    // What was written goes with the medium (SBC-3 section 4.20).
    return { kind: "flush", immediate: (cdb[1]! & IMMED) !== 0 };
  },
};

function start({ unit }: Caller): Plan {
  if (!unit.medium.isIn) {
    const key = SenseKey.NOT_READY;
    return unit.check({ key, code: SenseCode.MEDIUM_NOT_PRESENT });
  }
  unit.medium.start();
  return GOOD;
}

/** Who has loaded it knows. */
function load({ unit, nexus }: Caller): Plan {
  if (unit.medium.load()) {
    unit.attention(
      SenseCode.NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED,
      nexus,
    );
  }
  return GOOD;
}
