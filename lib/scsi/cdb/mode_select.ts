/** MODE SELECT (6) and (10) (SPC-4 sections 6.11 and 6.12). Nothing is saved, and the block size is what it is. */

import { u16, u24, u32, u64 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import { MAX_MODE_SELECT_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { SenseCode } from "../sense_code.ts";
import { type Caller, GOOD, type Unit } from "../unit.ts";

const row = {
  access: "write",
  mutates: false,
  governs: true,
  needs: "unit",
} as const;

/** Page format: the list holds mode pages. */
const PF = 0x10;

// SP (01h, save pages) is not in the mask: nothing is saved.
export const modeSelect6: Command = {
  name: "MODE SELECT(6)",
  opcode: Opcode.MODE_SELECT_6,
  mask: mask("ff 10 00 00 ff 00"),
  ...row,
  plan: (cdb, caller) =>
    modeSelect(cdb, caller, { length: cdb[4]!, lengthAt: 4, headBytes: 4 }),
};

export const modeSelect10: Command = {
  name: "MODE SELECT(10)",
  opcode: Opcode.MODE_SELECT_10,
  mask: mask("ff 10 00 00 00 00 00 ffff 00"),
  ...row,
  plan: (cdb, caller) =>
    modeSelect(cdb, caller, { length: u16(cdb, 7), lengthAt: 7, headBytes: 8 }),
};

interface Form {
  /** PARAMETER LIST LENGTH and its place in the CDB. */
  readonly length: number;
  readonly lengthAt: number;
  readonly headBytes: 4 | 8;
}

function modeSelect(cdb: Uint8Array, caller: Caller, form: Form): Plan {
  const { unit } = caller;
  if ((cdb[1]! & PF) === 0) return unit.invalidField(1);
  // No list is not an error (SPC-4 section 6.11).
  if (form.length === 0) return GOOD;
  if (form.length > MAX_MODE_SELECT_BYTES) {
    return unit.invalidField(form.lengthAt);
  }
  const { length } = form;
  return {
    kind: "data-out",
    length,
    then: (data) => take(data.subarray(0, length), caller, form),
  };
}

function take(list: Uint8Array, caller: Caller, form: Form): Plan {
  const { unit } = caller;
  if (list.length < form.length || list.length < form.headBytes) {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  const descriptorBytes = form.headBytes === 4 ? list[3]! : u16(list, 6);
  const pagesAt = form.headBytes + descriptorBytes;
  if (pagesAt > list.length) {
    return unit.illegal(SenseCode.PARAMETER_LIST_LENGTH_ERROR);
  }
  const descriptor = list.subarray(form.headBytes, pagesAt);
  const long = form.headBytes === 8 && (list[4]! & LONGLBA) !== 0;
  if (!describes(unit, descriptor, long)) {
    return unit.invalidParameter(form.headBytes);
  }
  const cached = unit.modes.writeCache;
  const result = unit.modes.select(list.subarray(pagesAt));
  if ("badByte" in result) {
    return unit.invalidParameter(pagesAt + result.badByte);
  }
  if (result.changed) {
    unit.attention(SenseCode.MODE_PARAMETERS_CHANGED, caller.nexus);
  }
  // A write cache that is turned off is first written out (SBC-3 section 6.5.5).
  return cached && !unit.modes.writeCache
    ? { kind: "flush", immediate: false }
    : GOOD;
}

const LONGLBA = 0x01;

/** Whether a block descriptor asks for nothing new: none, or this block size and this or no number of blocks. */
function describes(unit: Unit, bytes: Uint8Array, long: boolean): boolean {
  if (bytes.length === 0) return true;
  if (bytes.length !== (long ? 16 : 8)) return false;
  const blocks = long ? u64(bytes, 0) : u32(bytes, 0);
  const blockSizeBytes = long ? u32(bytes, 12) : u24(bytes, 5);
  const sameBlocks = blocks === 0 || blocks === unit.blocks ||
    (!long && blocks === 0xffff_ffff);
  return sameBlocks && blockSizeBytes === unit.blockSizeBytes;
}
