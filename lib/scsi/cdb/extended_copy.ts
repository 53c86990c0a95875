/** EXTENDED COPY(LID1) (SPC-4 section 6.4): blocks from one logical unit of the target to another, or to the same. */

import { u32 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import { Copying } from "../copy/operation.ts";
import {
  HEADER_BYTES,
  MAX_PARAMETER_LIST_BYTES,
  parseCopyList,
} from "../copy/parameter_list.ts";
import { Opcode, ThirdPartyCopyOut } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { SenseCode } from "../sense_code.ts";
import { type Caller, GOOD } from "../unit.ts";

export const extendedCopy: Command = {
  name: "EXTENDED COPY(LID1)",
  opcode: Opcode.THIRD_PARTY_COPY_OUT,
  serviceAction: ThirdPartyCopyOut.EXTENDED_COPY_LID1,
  mask: mask("ff 1f 0000000000000000 ffffffff 00 00"),
  access: "write",
  needs: "unit",
  // It need not be its own unit that it writes to: whose medium changes is looked at with each segment.
  mutates: false,
  governs: true,
  plan: (cdb, caller) => {
    const length = u32(cdb, 10);
    // No list is not an error.
    if (length === 0) return GOOD;
    if (length < HEADER_BYTES || length > MAX_PARAMETER_LIST_BYTES) {
      return caller.unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
    }
    return {
      kind: "data-out",
      length,
      then: (data) => copyOf(caller, data.subarray(0, length), length),
    };
  },
};

function copyOf(caller: Caller, data: Uint8Array, announced: number): Plan {
  const list = parseCopyList(caller.unit, data, announced);
  if ("kind" in list) return list;
  return { kind: "copy", operation: new Copying(caller, list) };
}
