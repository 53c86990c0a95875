/** What the CDBs of the media access commands have in common, by their length. */

import { u16, u32, u64 } from "../../base/bytes.ts";
import type { Unit } from "../unit.ts";

/** Force unit access: stable before GOOD. FUA_NV (02h, obsolete) asks for less and gets the same. */
const FUA = 0x08;
const FUA_NV = 0x02;

/** Bits 7 to 5 of an operation code say how long its CDB is and where its fields are (SPC-4 section 4.2.5.1). */
const Group = { SIX: 0, SIXTEEN: 4, TWELVE: 5 } as const;

function groupOf(cdb: Uint8Array): number {
  return cdb[0]! >>> 5;
}

/** LOGICAL BLOCK ADDRESS of a CDB of 10, 12 or 16 bytes. */
export function lbaOf(cdb: Uint8Array): number {
  return groupOf(cdb) === Group.SIXTEEN ? u64(cdb, 2) : u32(cdb, 2);
}

/** TRANSFER LENGTH (or what stands in its place) of a CDB of 10, 12 or 16 bytes, in blocks. */
export function countOf(cdb: Uint8Array): number {
  switch (groupOf(cdb)) {
    case Group.SIXTEEN:
      return u32(cdb, 10);
    case Group.TWELVE:
      return u32(cdb, 6);
    default:
      return u16(cdb, 7);
  }
}

/** The byte at which that field begins. */
export function countAt(cdb: Uint8Array): number {
  switch (groupOf(cdb)) {
    case Group.SIX:
      return 4;
    case Group.SIXTEEN:
      return 10;
    case Group.TWELVE:
      return 6;
    default:
      return 7;
  }
}

/** Whether a WRITE of 10, 12 or 16 bytes is to be stable before GOOD: because it asks, or because there is no write cache. */
export function fuaOf(unit: Unit, cdb: Uint8Array): boolean {
  return !unit.modes.writeCache ||
    (groupOf(cdb) !== Group.SIX && (cdb[1]! & (FUA | FUA_NV)) !== 0);
}
