/**
 * One entry: what became of one range of the volume. The drawing is in FORMAT.md.
 *
 * Each names the life of its file and the checksum of the entry before it, so that what an earlier use of the same sectors left, or an
 * entry whose predecessor is not there, is never taken for one.
 */

import { equalBytes, putU32, putU64, u32, u64 } from "../base/bytes.ts";
import {
  beginHead,
  crcOf,
  isHead,
  isSealed,
  seal,
  SECTOR_BYTES,
} from "./sector.ts";

/** "vJE1" */
const MAGIC = 0x764a_4531;
const KIND_AT = 4;
const FLAGS_AT = 5;
const LIFE_AT = 8;
/** Length of the number that tells the lives of a file apart. */
export const LIFE_BYTES = 8;
const SEQUENCE_AT = 16;
const PREVIOUS_AT = 24;
const DATA_SECTORS_AT = 28;
const SECTOR_AT = 32;
const SECTORS_AT = 40;
const STABLE_AT = 48;

/** What an entry does: the codes on the medium. An unknown one is no entry. */
const KINDS = { write: 1, zero: 2 } as const;
export type EntryKind = keyof typeof KINDS;

/** Flag: the operation goes on in the next entry, and is nothing without it. */
const GOES_ON = 0x01;

/** The most data of one entry. Longer operations take several. */
export const MAX_DATA_SECTORS = 2048;

/** The longest entry in sectors, head and data. */
export const MAX_ENTRY_SECTORS = 1 + MAX_DATA_SECTORS;

/** A head as it is read. */
export interface EntryHead {
  readonly kind: EntryKind;
  readonly goesOn: boolean;
  /** Counts the entries of a journal from 1. */
  readonly sequence: number;
  /** Checksum of what goes before: the entry, or the head of the file. */
  readonly previous: number;
  /** How many sectors of data follow the head: `sectors` for a write, 0 for zeros. */
  readonly dataSectors: number;
  /** What of the volume it changes. */
  readonly sector: number;
  readonly sectors: number;
  /** The last entry that was known to be on stable storage when this one was written. */
  readonly stable: number;
}

/** Makes the head of an entry in the first sector of `record` and seals all of it; its data is there already. Gives the checksum. */
export function sealEntry(
  record: Uint8Array,
  head: Omit<EntryHead, "dataSectors"> & { readonly life: Uint8Array },
): number {
  beginHead(record, MAGIC);
  record[KIND_AT] = KINDS[head.kind];
  record[FLAGS_AT] = head.goesOn ? GOES_ON : 0;
  record.set(head.life, LIFE_AT);
  putU64(record, SEQUENCE_AT, head.sequence);
  putU32(record, PREVIOUS_AT, head.previous);
  putU32(record, DATA_SECTORS_AT, record.length / SECTOR_BYTES - 1);
  putU64(record, SECTOR_AT, head.sector);
  putU64(record, SECTORS_AT, head.sectors);
  putU64(record, STABLE_AT, head.stable);
  return seal(record);
}

/** The head at the beginning of `bytes`, where it is one of that life; undefined where it is not. Its checksum is yet to be checked. */
export function readEntryHead(
  bytes: Uint8Array,
  life: Uint8Array,
): EntryHead | undefined {
  if (bytes.length < SECTOR_BYTES || !isHead(bytes, MAGIC)) return undefined;
  if (!equalBytes(bytes.subarray(LIFE_AT, LIFE_AT + LIFE_BYTES), life)) {
    return undefined;
  }
  const kind = kindOf(bytes[KIND_AT]!);
  const dataSectors = u32(bytes, DATA_SECTORS_AT);
  const sectors = u64(bytes, SECTORS_AT);
  if (kind === undefined || dataSectors > MAX_DATA_SECTORS) return undefined;
  if (dataSectors !== (kind === "write" ? sectors : 0)) return undefined;
  return {
    ...{ kind, dataSectors, sectors },
    goesOn: (bytes[FLAGS_AT]! & GOES_ON) !== 0,
    sequence: u64(bytes, SEQUENCE_AT),
    previous: u32(bytes, PREVIOUS_AT),
    sector: u64(bytes, SECTOR_AT),
    stable: u64(bytes, STABLE_AT),
  };
}

/** The checksum of a whole entry, or undefined where it is not what it was when it was sealed. */
export function entryChecksum(record: Uint8Array): number | undefined {
  return isSealed(record) ? crcOf(record) : undefined;
}

function kindOf(code: number): EntryKind | undefined {
  for (const [kind, known] of Object.entries(KINDS)) {
    if (code === known) return kind as EntryKind;
  }
  return undefined;
}
