/** The first sector of a journal file: which one it is, and where the one before it ends. The drawing is in FORMAT.md. */

import { putU32, putU64, u32, u64 } from "../base/bytes.ts";
import { LIFE_BYTES } from "./entry.ts";
import {
  beginHead,
  crcOf,
  isHead,
  isSealed,
  seal,
  SECTOR_BYTES,
} from "./sector.ts";

/** "vJF1" */
const MAGIC = 0x764a_4631;
const NUMBER_AT = 4;
const LIFE_AT = 8;
const JOURNAL_AT = 16;
const FIRST_AT = 32;
const PREVIOUS_AT = 40;
const FOLLOWS_AT = 44;
const FOLLOWS_END_AT = 48;

/** Length of the number that tells journals apart. */
export const JOURNAL_ID_BYTES = 16;

/** What a file says of itself. */
export interface FileHead {
  /** Counts the files of a journal from 1; a file that is used again has another. */
  readonly number: number;
  /** Random: tells this use of the file from every other. */
  readonly life: Uint8Array;
  /** Random: the journal's own. */
  readonly journal: Uint8Array;
  /** The sequence number of its first entry. */
  readonly first: number;
  /** The checksum of the entry before that. */
  readonly previous: number;
  /** The file that goes before, 0 for none, and the sector of it at which the journal leaves it. */
  readonly follows: number;
  readonly followsEnd: number;
}

/** The sector, and the checksum that the first entry names as its predecessor. */
export function makeFileHead(
  head: FileHead,
): { readonly bytes: Uint8Array; readonly checksum: number } {
  const bytes = new Uint8Array(SECTOR_BYTES);
  beginHead(bytes, MAGIC);
  putU32(bytes, NUMBER_AT, head.number);
  bytes.set(head.life, LIFE_AT);
  bytes.set(head.journal, JOURNAL_AT);
  putU64(bytes, FIRST_AT, head.first);
  putU32(bytes, PREVIOUS_AT, head.previous);
  putU32(bytes, FOLLOWS_AT, head.follows);
  putU32(bytes, FOLLOWS_END_AT, head.followsEnd);
  return { checksum: seal(bytes), bytes };
}

/** What the sector says, or undefined where it is not a whole head. */
export function readFileHead(
  bytes: Uint8Array,
): FileHead & { readonly checksum: number } | undefined {
  if (!isHead(bytes, MAGIC) || !isSealed(bytes)) return undefined;
  return {
    number: u32(bytes, NUMBER_AT),
    life: bytes.slice(LIFE_AT, LIFE_AT + LIFE_BYTES),
    journal: bytes.slice(JOURNAL_AT, JOURNAL_AT + JOURNAL_ID_BYTES),
    first: u64(bytes, FIRST_AT),
    previous: u32(bytes, PREVIOUS_AT),
    follows: u32(bytes, FOLLOWS_AT),
    followsEnd: u32(bytes, FOLLOWS_END_AT),
    checksum: crcOf(bytes),
  };
}
