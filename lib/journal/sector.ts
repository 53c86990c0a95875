/**
 * What every record of the journal has in common: it begins on a sector, its first sector is its head, and the head's last four
 * bytes are CRC32C over the rest of it and over the data that follows.
 */

import { putU32, u32 } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";

/** The unit in which the journal, and every map of extents, counts. */
export const SECTOR_BYTES = 512;

/** Where a head's checksum is. What lies before it and is not named in a drawing is zeros, and covered too. */
const CRC_AT = SECTOR_BYTES - 4;

/** Begins a head: zeros, and the four letters that say what it is. */
export function beginHead(head: Uint8Array, magic: number): void {
  head.fill(0, 0, SECTOR_BYTES);
  putU32(head, 0, magic);
}

/** Ends a record that takes the whole of `record`, and gives its checksum. */
export function seal(record: Uint8Array): number {
  const crc = checksum(record);
  putU32(record, CRC_AT, crc);
  return crc;
}

/** Whether the head begins with these four letters. */
export function isHead(head: Uint8Array, magic: number): boolean {
  return u32(head, 0) === magic;
}

/** The checksum that `record` says it has. */
export function crcOf(record: Uint8Array): number {
  return u32(record, CRC_AT);
}

/** Whether `record`, head and data, is as it was sealed. */
export function isSealed(record: Uint8Array): boolean {
  return checksum(record) === crcOf(record);
}

function checksum(record: Uint8Array): number {
  const head = crc32c(record, 0, CRC_AT);
  return crc32c(record, SECTOR_BYTES, record.length, head);
}
