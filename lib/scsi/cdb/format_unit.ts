/**
 * FORMAT UNIT (SBC-3 section 5.2): everything reads as zeros afterwards. There are no defects to be listed, so a defect list has to be empty,
 * and no protection information. A medium that has none needs no certification: DPRY, DCRT and STPF may say what they like.
 */

import { u16, u32 } from "../../base/bytes.ts";
import { type Command, dataOut, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import type { Answer, Plan } from "../plan.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import type { Caller, Unit } from "../unit.ts";
import { beginErasure } from "./sanitize.ts";

const LONGLIST = 0x20;
const FMTDATA = 0x10;
/** CMPLST and DEFECT LIST FORMAT, which are about the defect list. */
const LIST_FIELDS = 0x0f;

const SHORT_HEADER_BYTES = 4;
const LONG_HEADER_BYTES = 8;

export const formatUnit: Command = {
  name: "FORMAT UNIT",
  opcode: Opcode.FORMAT_UNIT,
  // FMTPINFO C0h has to be 0.
  mask: mask("ff 3f 00 0000 00"),
  access: "write",
  mutates: true,
  needs: "blank",
  feature: "erasable",
  plan: (cdb, caller, dataOutBytes) => {
    const { unit } = caller;
    const flags = cdb[1]!;
    if ((flags & FMTDATA) === 0) {
      return (flags & (LONGLIST | LIST_FIELDS)) === 0
        ? format(caller, false)
        : unit.invalidField(1);
    }
    const length = (flags & LONGLIST) !== 0
      ? LONG_HEADER_BYTES
      : SHORT_HEADER_BYTES;
    if (dataOutBytes !== undefined && dataOutBytes < length) {
      return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
    }
    return dataOut(length, {
      short: unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR),
      then: (list) => take(caller, list),
    });
  },
};

const FOV = 0x80;
/** DPRY, DCRT, STPF and IP: valid with FOV alone. */
const OPTIONS = 0x78;
const IP = 0x08;
const IMMED = 0x02;
/** A bit that is obsolete, and VS, which is nobody's. */
const OTHERS = 0x05;
/** PROTECTION FIELD USAGE and what is reserved beside it. */
const PROTECTION = 0xff;

function take(caller: Caller, list: Uint8Array): Plan {
  const { unit } = caller;
  const wrong = wrongByte(list);
  if (wrong !== undefined) return unit.invalidParameter(wrong);
  return format(caller, (list[1]! & IMMED) !== 0);
}

function wrongByte(list: Uint8Array): number | undefined {
  const flags = list[1]!;
  const isLong = list.length === LONG_HEADER_BYTES;
  if ((list[0]! & PROTECTION) !== 0) return 0;
  if ((flags & OTHERS) !== 0 || (flags & IP) !== 0) return 1;
  if ((flags & FOV) === 0 && (flags & OPTIONS) !== 0) return 1;
  // P_I_INFORMATION and PROTECTION INTERVAL EXPONENT; then the DEFECT LIST LENGTH.
  if (isLong && (list[2] !== 0 || list[3] !== 0)) return 2;
  const listed = isLong ? u32(list, 4) : u16(list, 2);
  return listed === 0 ? undefined : isLong ? 4 : 2;
}

function format(caller: Caller, immediate: boolean): Plan {
  const { unit } = caller;
  return beginErasure(caller, {
    ask: { method: { kind: "format" }, unrestrictedExit: false },
    immediate,
    failure: () => failed(unit).outcome,
  });
}

function failed(unit: Unit): Answer {
  const key = SenseKey.MEDIUM_ERROR;
  return unit.check({ key, code: SenseCode.FORMAT_COMMAND_FAILED });
}
