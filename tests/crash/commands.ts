/** How each kind of operation is said to a disk of 512-byte blocks. */
import { putU16, putU32, putU64 } from "../../lib/base/bytes.ts";
import type { Command } from "../../lib/initiator/command.ts";

/** The blocks that it is about. */
export interface Place {
  readonly lba: number;
  readonly count: number;
}

type Said = Omit<Command, "lun">;

const WRITE_16 = 0x8a;
const COMPARE_AND_WRITE = 0x89;
const SYNCHRONIZE_CACHE_16 = 0x91;
const WRITE_SAME_16 = 0x93;
const WRITE_ATOMIC_16 = 0x9c;
const UNMAP = 0x42;

const FUA = 0x08;
/** WRITE SAME: UNMAP, and NDOB: there is no data, and zeros are meant. */
const UNMAP_NDOB = 0x09;

const LBA_AT = 2;
const LENGTH_AT = 10;
/** WRITE ATOMIC's transfer length has 16 bits. */
const ATOMIC_LENGTH_AT = 12;
const COMPARE_LENGTH_AT = 13;

export function write(
  place: Place,
  data: Uint8Array,
  options: { readonly fua?: boolean } = {},
): Said {
  const flags = options.fua ? FUA : 0;
  return { cdb: cdb16(WRITE_16, place, flags), dataOut: data };
}

export function writeSame(place: Place, block: Uint8Array): Said {
  return { cdb: cdb16(WRITE_SAME_16, place), dataOut: block };
}

/** The same with zeros, which are given back where that can be done. */
export function zeroSame(place: Place): Said {
  return { cdb: cdb16(WRITE_SAME_16, place, UNMAP_NDOB) };
}

export function writeAtomic(place: Place, data: Uint8Array): Said {
  const cdb = cdb16(WRITE_ATOMIC_16, { lba: place.lba, count: 0 });
  putU16(cdb, ATOMIC_LENGTH_AT, place.count);
  return { cdb, dataOut: data };
}

/** `data` are the blocks that are expected, and behind them those that are to be written. */
export function compareAndWrite(place: Place, data: Uint8Array): Said {
  const cdb = cdb16(COMPARE_AND_WRITE, { lba: place.lba, count: 0 });
  cdb[COMPARE_LENGTH_AT] = place.count;
  return { cdb, dataOut: data };
}

export function unmap({ lba, count }: Place): Said {
  const list = new Uint8Array(24);
  putU16(list, 0, list.length - 2);
  putU16(list, 2, list.length - 8);
  putU64(list, 8, lba);
  putU32(list, 16, count);
  const cdb = new Uint8Array(10);
  cdb[0] = UNMAP;
  putU16(cdb, 7, list.length);
  return { cdb, dataOut: list };
}

export function synchronizeCache(): Said {
  return { cdb: cdb16(SYNCHRONIZE_CACHE_16, { lba: 0, count: 0 }) };
}

function cdb16(opcode: number, { lba, count }: Place, flags = 0): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb[0] = opcode;
  cdb[1] = flags;
  putU64(cdb, LBA_AT, lba);
  putU32(cdb, LENGTH_AT, count);
  return cdb;
}
