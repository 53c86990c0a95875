/** INQUIRY (SPC-4 section 6.6): standard data and vital product data. */

import { putU16, u16 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import { asciiField } from "../text.ts";
import type { Unit } from "../unit.ts";
import { pageOf } from "../vpd/pages.ts";

const EVPD = 0x01;

export const inquiry: Command = {
  name: "INQUIRY",
  opcode: Opcode.INQUIRY,
  mask: mask("ff 01 ff ffff 00"),
  access: "unreserved",
  mutates: false,
  exempt: true,
  needs: "nothing",
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

/** The medium is removable. */
const RMB = 0x80;
/** VERSION: SPC-4. */
const SPC_4 = 0x06;
/** HISUP (hierarchical LUNs) and RESPONSE DATA FORMAT 2. */
const HISUP_FORMAT_2 = 0x12;
/** TPGS: implicit asymmetric access, which is what having one REPORT TARGET PORT GROUPS means. */
const TPGS_IMPLICIT = 0x10;
/** 3PC: EXTENDED COPY and what belongs to it. */
const THIRD_PARTY_COPY = 0x08;
/** CMDQUE: many commands at once. */
const CMDQUE = 0x02;

/** SAM-5, SPC-4, SBC-3 and iSCSI, no version claimed (SPC-4 table 145). */
const VERSION_DESCRIPTORS = [0x00a0, 0x0460, 0x04c0, 0x0960];

function standard(unit: Unit): Uint8Array {
  const { vendor, product, revision } = unit.identity;
  const data = new Uint8Array(96);
  data[1] = unit.features.removable ? RMB : 0;
  data[2] = SPC_4;
  data[3] = HISUP_FORMAT_2;
  data[4] = data.length - 5;
  data[5] = TPGS_IMPLICIT | THIRD_PARTY_COPY;
  data[7] = CMDQUE;
  data.set(asciiField(vendor, 8), 8);
  data.set(asciiField(product, 16), 16);
  data.set(asciiField(revision, 4), 32);
  VERSION_DESCRIPTORS.forEach((code, i) => putU16(data, 58 + 2 * i, code));
  return data;
}
