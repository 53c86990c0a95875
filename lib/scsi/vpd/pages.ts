/** The vital product data pages that there are (SPC-4 section 7.8, SBC-3 section 6.6). */

import { putU16 } from "../../base/bytes.ts";
import type { Unit } from "../unit.ts";
import { blockDeviceCharacteristics } from "./block_device_characteristics.ts";
import { blockLimits } from "./block_limits.ts";
import { deviceIdentification } from "./device_identification.ts";
import { extendedInquiryData } from "./extended_inquiry_data.ts";
import { logicalBlockProvisioning } from "./logical_block_provisioning.ts";
import type { VpdPage } from "./page.ts";
import { thirdPartyCopy } from "./third_party_copy.ts";
import { unitSerialNumber } from "./unit_serial_number.ts";

/** Supported VPD Pages, 00h: all of these codes, ascending. */
const supportedVpdPages: VpdPage = () => Uint8Array.from(pages.keys());

const pages: ReadonlyMap<number, VpdPage> = new Map<number, VpdPage>([
  [0x00, supportedVpdPages],
  [0x80, unitSerialNumber],
  [0x83, deviceIdentification],
  [0x86, extendedInquiryData],
  [0x8f, thirdPartyCopy],
  [0xb0, blockLimits],
  [0xb1, blockDeviceCharacteristics],
  [0xb2, logicalBlockProvisioning],
]);

/** The whole page, or undefined where there is none of that code. */
export function pageOf(unit: Unit, code: number): Uint8Array | undefined {
  const body = pages.get(code)?.(unit);
  if (!body) return undefined;
  const page = new Uint8Array(4 + body.length);
  page[1] = code;
  putU16(page, 2, body.length);
  page.set(body, 4);
  return page;
}
