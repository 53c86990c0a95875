/** MODE SENSE (6) and (10) (SPC-4 sections 6.13 and 6.14). */

import {
  concat,
  putU16,
  putU24,
  putU32,
  putU64,
  u16,
} from "../../base/bytes.ts";
import { type Command, dataIn, mask } from "../command.ts";
import { PageControl } from "../mode/state.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import { SenseCode } from "../sense_code.ts";
import type { Caller, Unit } from "../unit.ts";

const row = { access: "read", mutates: false, needs: "unit" } as const;

/** Disable block descriptors. */
const DBD = 0x08;
/** Long LBA accepted: a block descriptor of 16 bytes may be returned. */
const LLBAA = 0x10;

export const modeSense6: Command = {
  name: "MODE SENSE(6)",
  opcode: Opcode.MODE_SENSE_6,
  mask: mask("ff 08 ff ff ff 00"),
  ...row,
  plan: (cdb, caller) =>
    modeSense(caller, cdb, {
      allocationLength: cdb[4]!,
      head: (descriptor, pageBytes) => {
        const head = new Uint8Array(4);
        head[0] = 3 + descriptor.length + pageBytes;
        head[2] = deviceSpecific(caller);
        head[3] = descriptor.length;
        return head;
      },
    }),
};

export const modeSense10: Command = {
  name: "MODE SENSE(10)",
  opcode: Opcode.MODE_SENSE_10,
  mask: mask("ff 18 ff ff 00 00 00 ffff 00"),
  ...row,
  plan: (cdb, caller) =>
    modeSense(caller, cdb, {
      allocationLength: u16(cdb, 7),
      head: (descriptor, pageBytes) => {
        const head = new Uint8Array(8);
        putU16(head, 0, 6 + descriptor.length + pageBytes);
        head[3] = deviceSpecific(caller);
        head[4] = descriptor.length === LONG_DESCRIPTOR_BYTES ? LONGLBA : 0;
        putU16(head, 6, descriptor.length);
        return head;
      },
    }),
};

const SHORT_DESCRIPTOR_BYTES = 8;
const LONG_DESCRIPTOR_BYTES = 16;
const LONGLBA = 0x01;

function modeSense(
  { unit }: Caller,
  cdb: Uint8Array,
  form: {
    readonly allocationLength: number;
    readonly head: (descriptor: Uint8Array, pageBytes: number) => Uint8Array;
  },
): Plan {
  const pageControl = cdb[2]! >>> 6;
  if (pageControl === PageControl.SAVED) {
    return unit.illegal(SenseCode.SAVING_PARAMETERS_NOT_SUPPORTED);
  }
  const subpage = cdb[3]!;
  const pages = unit.modes.sense(cdb[2]! & 0x3f, { subpage, pageControl });
  if (!pages) return unit.invalidField(2);
  const body = concat(pages);
  const descriptor = (cdb[1]! & DBD) !== 0
    ? new Uint8Array(0)
    : (cdb[1]! & LLBAA) !== 0
    ? longDescriptor(unit)
    : shortDescriptor(unit);
  const head = form.head(descriptor, body.length);
  return dataIn(concat([head, descriptor, body]), form.allocationLength);
}

/** DEVICE-SPECIFIC PARAMETER (SBC-3 section 6.5.1). */
const WP = 0x80;
const DPOFUA = 0x10;

function deviceSpecific({ unit, nexus }: Caller): number {
  return (unit.writeProtects(nexus) ? WP : 0) | DPOFUA;
}

/** SBC-3 section 6.5.2.2; a number of blocks that does not fit is FFFFFFFFh. */
function shortDescriptor(unit: Unit): Uint8Array {
  const bytes = new Uint8Array(SHORT_DESCRIPTOR_BYTES);
  putU32(bytes, 0, Math.min(unit.blocks, 0xffff_ffff));
  putU24(bytes, 5, unit.blockSizeBytes);
  return bytes;
}

/** SBC-3 section 6.5.2.3. */
function longDescriptor(unit: Unit): Uint8Array {
  const bytes = new Uint8Array(LONG_DESCRIPTOR_BYTES);
  putU64(bytes, 0, unit.blocks);
  putU32(bytes, 12, unit.blockSizeBytes);
  return bytes;
}
