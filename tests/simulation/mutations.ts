/** Every command that changes blocks: how it is said, and what the blocks are afterwards. */
import { concat, putU16, putU32, putU64 } from "../../lib/base/bytes.ts";

export interface Mutation {
  readonly name: string;
  /** The CDB for blocks from `lba` on. */
  readonly cdb: (lba: number, count: number) => Uint8Array;
  /** The Data-Out, where the blocks hold `old` and `fresh` is as long. */
  readonly dataOut: (
    ask: { readonly lba: number; readonly old: Uint8Array; fresh: Uint8Array },
  ) => Uint8Array;
  /** What the blocks hold afterwards. */
  readonly result: (old: Uint8Array, fresh: Uint8Array) => Uint8Array;
  /** The highest LBA and the most blocks that the CDB can name. */
  readonly maxLba: number;
  readonly maxCount: number;
  /** What becomes of a count of 0, and of one that is above its limit. */
  readonly zero: string;
  readonly overlong: { readonly count: number; readonly verdict: string };
  /** What becomes of it where the initiator announces one block less than it needs. */
  readonly short: "writes" | "refused";
}

const BLOCK = 512;
const REFUSED = "5 24/00";

const fresh: Mutation["dataOut"] = (ask) => ask.fresh;
const taken: Mutation["result"] = (_old, fresh) => fresh;
const zeros: Mutation["result"] = (old) => new Uint8Array(old.length);
const repeated: Mutation["result"] = (old, fresh) =>
  old.map((_, i) => fresh[i % BLOCK]!);
const firstBlock: Mutation["dataOut"] = ({ fresh }) => fresh.subarray(0, BLOCK);

function cdb6(opcode: number): Mutation["cdb"] {
  return (lba, count) =>
    Uint8Array.of(opcode, lba >>> 16, lba >>> 8, lba, count, 0);
}

function cdb10(opcode: number, flags = 0): Mutation["cdb"] {
  return (lba, count) => {
    const cdb = Uint8Array.of(opcode, flags, 0, 0, 0, 0, 0, 0, 0, 0);
    putU32(cdb, 2, lba);
    putU16(cdb, 7, count);
    return cdb;
  };
}

function cdb12(opcode: number, flags = 0): Mutation["cdb"] {
  return (lba, count) => {
    const cdb = new Uint8Array(12);
    cdb[0] = opcode;
    cdb[1] = flags;
    putU32(cdb, 2, lba);
    putU32(cdb, 6, count);
    return cdb;
  };
}

function cdb16(opcode: number, flags = 0): Mutation["cdb"] {
  return (lba, count) => {
    const cdb = new Uint8Array(16);
    cdb[0] = opcode;
    cdb[1] = flags;
    putU64(cdb, 2, lba);
    putU32(cdb, 10, count);
    return cdb;
  };
}

const TEN = { maxLba: 2 ** 32 - 1, maxCount: 0xffff };
const SIXTEEN = { maxLba: Number.MAX_SAFE_INTEGER, maxCount: 2 ** 32 - 1 };
/** 32 MiB in blocks, and one more. */
const LONG = { count: 65_537, verdict: REFUSED };
/** The CDB can say no count that is too long. */
const NONE = { count: 0, verdict: "" };

const write = {
  dataOut: fresh,
  result: taken,
  zero: "GOOD",
  short: "writes",
} as const;
const same = {
  dataOut: firstBlock,
  result: repeated,
  zero: REFUSED,
  overlong: { count: 131_073, verdict: REFUSED },
  short: "refused",
} as const;

/** BYTCHK 01b: what was written is compared. */
const BYTCHK = 0x02;
const UNMAP = 0x08;
const NDOB = 0x01;
const FUA = 0x08;

export const MUTATIONS: readonly Mutation[] = [
  {
    ...write,
    name: "WRITE(6)",
    cdb: cdb6(0x0a),
    maxLba: 2 ** 21 - 1,
    maxCount: 255,
    zero: "256 blocks",
    overlong: NONE,
  },
  { ...write, ...TEN, name: "WRITE(10)", cdb: cdb10(0x2a), overlong: NONE },
  {
    ...write,
    ...TEN,
    name: "WRITE(10), FUA",
    cdb: cdb10(0x2a, FUA),
    overlong: NONE,
  },
  { ...write, ...TEN, name: "WRITE(12)", cdb: cdb12(0xaa), overlong: LONG },
  { ...write, ...SIXTEEN, name: "WRITE(16)", cdb: cdb16(0x8a), overlong: LONG },
  {
    ...write,
    ...TEN,
    name: "WRITE AND VERIFY(10)",
    cdb: cdb10(0x2e),
    overlong: NONE,
  },
  {
    ...write,
    ...TEN,
    name: "WRITE AND VERIFY(12)",
    cdb: cdb12(0xae, BYTCHK),
    overlong: LONG,
  },
  {
    ...write,
    ...SIXTEEN,
    name: "WRITE AND VERIFY(16)",
    cdb: cdb16(0x8e, BYTCHK),
    overlong: LONG,
  },
  { ...same, ...TEN, name: "WRITE SAME(10)", cdb: cdb10(0x41), overlong: NONE },
  { ...same, ...SIXTEEN, name: "WRITE SAME(16)", cdb: cdb16(0x93) },
  {
    ...same,
    ...SIXTEEN,
    name: "WRITE SAME(16), UNMAP, of what is no zero",
    cdb: cdb16(0x93, UNMAP),
  },
  {
    ...same,
    ...TEN,
    name: "WRITE SAME(10), UNMAP, of zeros",
    cdb: cdb10(0x41, UNMAP),
    dataOut: () => new Uint8Array(BLOCK),
    result: zeros,
    overlong: NONE,
  },
  {
    ...same,
    ...SIXTEEN,
    name: "WRITE SAME(16), NDOB",
    cdb: cdb16(0x93, NDOB),
    dataOut: () => new Uint8Array(0),
    result: zeros,
  },
  {
    ...same,
    ...SIXTEEN,
    name: "WRITE SAME(16), UNMAP and NDOB",
    cdb: cdb16(0x93, UNMAP | NDOB),
    dataOut: () => new Uint8Array(0),
    result: zeros,
  },
  {
    ...SIXTEEN,
    name: "COMPARE AND WRITE",
    cdb: (lba, count) => {
      const cdb = cdb16(0x89)(lba, 0);
      cdb[13] = count;
      return cdb;
    },
    dataOut: ({ old, fresh }) => concat([old, fresh]),
    result: taken,
    maxCount: 255,
    zero: "GOOD",
    overlong: { count: 33, verdict: REFUSED },
    short: "refused",
  },
  {
    ...SIXTEEN,
    name: "ORWRITE(16)",
    cdb: cdb16(0x8b),
    dataOut: fresh,
    result: (old, fresh) => old.map((byte, i) => byte | fresh[i]!),
    zero: "GOOD",
    overlong: LONG,
    short: "refused",
  },
  {
    ...SIXTEEN,
    name: "WRITE ATOMIC(16)",
    cdb: (lba, count) => {
      const cdb = cdb16(0x9c)(lba, 0);
      putU16(cdb, 12, count);
      return cdb;
    },
    dataOut: fresh,
    result: taken,
    maxCount: 0xffff,
    zero: "GOOD",
    overlong: { count: 2049, verdict: REFUSED },
    short: "refused",
  },
];

/** The parameter list of UNMAP. */
export function unmapList(
  descriptors: readonly (readonly [lba: number, count: number])[],
): Uint8Array {
  const list = new Uint8Array(8 + 16 * descriptors.length);
  putU16(list, 0, list.length - 2);
  putU16(list, 2, list.length - 8);
  descriptors.forEach(([lba, count], i) => {
    putU64(list, 8 + 16 * i, lba);
    putU32(list, 16 + 16 * i, count);
  });
  return list;
}
