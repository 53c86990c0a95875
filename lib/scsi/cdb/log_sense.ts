/** LOG SENSE (SPC-4 section 6.8). */

import { u16 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { logPageOf } from "../log/pages.ts";
import { Opcode } from "../opcode.ts";

/** PC 01b: cumulative values. There are no thresholds. */
const CUMULATIVE = 0x40;
const PAGE_CONTROL = 0xc0;

export const logSense: Command = {
  name: "LOG SENSE",
  opcode: Opcode.LOG_SENSE,
  // PPC 02h and SP 01h have to be 0: nothing is saved.
  mask: mask("ff 00 ff ff 00 ffff ffff 00"),
  access: "unreserved",
  mutates: false,
  needs: "nothing",
  plan: (cdb, { unit }) => {
    const page = logPageOf(unit, cdb[2]! & ~PAGE_CONTROL, cdb[3]!);
    if (!page) return unit.invalidField(2);
    const pointer = u16(cdb, 5);
    if (page.kind === "list") {
      return pointer === 0
        ? dataIn(page.data, u16(cdb, 7))
        : unit.invalidField(5);
    }
    if ((cdb[2]! & PAGE_CONTROL) !== CUMULATIVE) return unit.invalidField(2);
    const data = page.from(pointer);
    return data ? dataIn(data, u16(cdb, 7)) : unit.invalidField(5);
  },
};
