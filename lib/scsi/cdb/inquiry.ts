/** INQUIRY (SPC-4 section 6.6): standard data and vital product data. */

import { putU16, u16, utf8 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import type { Unit } from "../unit.ts";
import { pageOf } from "../vpd/pages.ts";

const EVPD = 0x01;

export const inquiry: Command = {
  name: "INQUIRY",
  opcode: Opcode.INQUIRY,
  mask: mask("ff 01 ff ffff 00"),
  access: "always",
  mutates: false,
  exempt: true,
  plan: (cdb, { unit }) => {
    const allocationLength = u16(cdb, 3);
    const code = cdb[2]!;
    if ((cdb[1]! & EVPD) === 0) {
      if (code !== 0) return unit.invalidField(2);
      return dataIn(standard(unit), allocationLength);
    }
    const page = pageOf(unit, code);
    return page ? dataIn(page, allocationLength) : unit.invalidField(2);
  },
};

/** VERSION: SPC-4. */
const SPC_4 = 0x06;
/** HISUP (hierarchical LUNs) and RESPONSE DATA FORMAT 2. */
const HISUP_FORMAT_2 = 0x12;
/** CMDQUE: many commands at once. */
const CMDQUE = 0x02;

/** SAM-5, SPC-4, SBC-3 and iSCSI, no version claimed (SPC-4 table 145). */
const VERSION_DESCRIPTORS = [0x00a0, 0x0460, 0x04c0, 0x0960];

function standard(unit: Unit): Uint8Array {
  const { vendor, product, revision } = unit.identity;
  const data = new Uint8Array(96);
  data[2] = SPC_4;
  data[3] = HISUP_FORMAT_2;
  data[4] = data.length - 5;
  data[7] = CMDQUE;
  data.set(ascii(vendor, 8), 8);
  data.set(ascii(product, 16), 16);
  data.set(ascii(revision, 4), 32);
  VERSION_DESCRIPTORS.forEach((code, i) => putU16(data, 58 + 2 * i, code));
  return data;
}

/** Left-aligned, cut or filled with blanks (SPC-4 section 4.3.1). */
export function ascii(text: string, length: number): Uint8Array {
  return utf8(text.padEnd(length).slice(0, length));
}
