/** REPORT LUNS (SPC-4 section 6.33). */

import { putU16, putU32, u32 } from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";

/** SELECT REPORT (SPC-4 table 216). */
const Select = { ADDRESSABLE: 0x00, WELL_KNOWN: 0x01, ALL: 0x02 } as const;

/** SPC-4: a shorter list than its head and one LUN is not asked for. */
const MIN_ALLOCATION_BYTES = 16;

export const reportLuns: Command = {
  name: "REPORT LUNS",
  opcode: Opcode.REPORT_LUNS,
  mask: mask("ff 00 ff 000000 ffffffff 00 00"),
  access: "unreserved",
  mutates: false,
  exempt: true,
  needs: "nothing",
  plan: (cdb, { unit, nexus }) => {
    const allocationLength = u32(cdb, 6);
    const select = cdb[2]!;
    if (select > Select.ALL) return unit.invalidField(2);
    if (allocationLength < MIN_ALLOCATION_BYTES) return unit.invalidField(6);
    unit.device.lunsReported(nexus);
    const luns = select === Select.WELL_KNOWN ? [] : unit.device.luns;
    return dataIn(lunList(luns), allocationLength);
  },
};

/** Above this a LUN needs flat space addressing (SAM-5 section 4.7.4). */
const PERIPHERAL_LUNS = 256;
const FLAT_SPACE = 0x4000;

/** LUN LIST LENGTH and the LUNs, 8 bytes each. */
export function lunList(luns: readonly number[]): Uint8Array {
  const list = new Uint8Array(8 + 8 * luns.length);
  putU32(list, 0, 8 * luns.length);
  luns.forEach((lun, i) =>
    putU16(list, 8 + 8 * i, lun < PERIPHERAL_LUNS ? lun : FLAT_SPACE | lun)
  );
  return list;
}
