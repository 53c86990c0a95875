/**
 * Device Identification, 83h (SPC-4 section 7.8.5). Of the logical unit: NAA and T10 vendor ID; of the target port: its relative
 * identifier, its group and its name; of the target device: its name.
 */

import { concat, fromHex, putU16, utf8 } from "../../base/bytes.ts";
import { invariant } from "../../base/errors.ts";
import { RELATIVE_TARGET_PORT, TARGET_PORT_GROUP } from "../target_port.ts";
import { asciiField } from "../text.ts";
import type { VpdPage } from "./page.ts";

const CodeSet = { BINARY: 1, ASCII: 2, UTF_8: 3 } as const;
const Association = { LOGICAL_UNIT: 0, TARGET_PORT: 1, TARGET: 2 } as const;
const DesignatorType = {
  T10_VENDOR_ID: 1,
  NAA: 3,
  RELATIVE_TARGET_PORT: 4,
  TARGET_PORT_GROUP: 5,
  SCSI_NAME_STRING: 8,
} as const;

/** PROTOCOL IDENTIFIER of iSCSI, in the high half of byte 0, valid with PIV. */
const ISCSI = 0x50;
const PIV = 0x80;

const NAA_BYTES = 8;

export const deviceIdentification: VpdPage = ({ identity }) => {
  const naa = fromHex(identity.naa);
  invariant(
    naa?.length === NAA_BYTES,
    `An NAA designator has 16 hexadecimal digits: ${identity.naa}`,
  );
  const tag = (identity.portalGroupTag ?? 1).toString(16).padStart(4, "0");
  const vendorId = concat([
    asciiField(identity.vendor, 8),
    asciiField(identity.serial, identity.serial.length),
  ]);
  return concat([
    designator(CodeSet.BINARY, DesignatorType.NAA, naa),
    designator(CodeSet.ASCII, DesignatorType.T10_VENDOR_ID, vendorId),
    ofTarget(
      { association: Association.TARGET_PORT, codeSet: CodeSet.BINARY },
      DesignatorType.RELATIVE_TARGET_PORT,
      word(RELATIVE_TARGET_PORT),
    ),
    ofTarget(
      { association: Association.TARGET_PORT, codeSet: CodeSet.BINARY },
      DesignatorType.TARGET_PORT_GROUP,
      word(TARGET_PORT_GROUP),
    ),
    ofTarget(
      { association: Association.TARGET_PORT, codeSet: CodeSet.UTF_8 },
      DesignatorType.SCSI_NAME_STRING,
      // RFC 7143 section 4.2.7.1: the target port's name.
      nameString(`${identity.targetName},t,0x${tag}`),
    ),
    ofTarget(
      { association: Association.TARGET, codeSet: CodeSet.UTF_8 },
      DesignatorType.SCSI_NAME_STRING,
      nameString(identity.targetName),
    ),
  ]);
};

/** Two reserved bytes, then the number. */
function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU16(bytes, 2, value);
  return bytes;
}

function designator(codeSet: number, type: number, value: Uint8Array) {
  const head = (Association.LOGICAL_UNIT << 4) | type;
  return concat([Uint8Array.of(codeSet, head, 0, value.length), value]);
}

function ofTarget(
  of: { readonly association: number; readonly codeSet: number },
  type: number,
  value: Uint8Array,
) {
  const head = PIV | (of.association << 4) | type;
  return concat([
    Uint8Array.of(ISCSI | of.codeSet, head, 0, value.length),
    value,
  ]);
}

/** NUL-terminated and filled with NULs to a multiple of four (SPC-4 section 7.8.5.11). */
function nameString(name: string): Uint8Array {
  const text = utf8(name);
  const bytes = new Uint8Array(Math.ceil((text.length + 1) / 4) * 4);
  bytes.set(text);
  return bytes;
}
