/**
 * Commands: a CDB of the disk's own table with its fields at their edges, and the data that go with it. Mostly CDB, data and announced
 * length agree; else one of them is off.
 *
 *     command    := cdb data?
 *     cdb        := operation code, service action, and in the bits that the command has: LBA, count, flags, lengths
 *     data       := blocks | parameter list (parameter_grammar.ts) | junk
 */
import { putU16, putU32, putU64 } from "../../lib/base/bytes.ts";
import { commands } from "../../lib/scsi/commands.ts";
import type { Command } from "../../lib/scsi/command.ts";
import type { Dice } from "./dice.ts";
import { parameterList } from "./parameter_grammar.ts";

/** The blocks of the disk that is fuzzed: what is drawn lies about its edges. */
export interface DiskShape {
  readonly blocks: number;
  readonly blockBytes: number;
}

/** A command as an initiator would send it. */
export interface FuzzedCommand {
  readonly cdb: Uint8Array;
  /** Expected Data Transfer Length of a read. */
  readonly read?: number;
  /** What is written; its length is the expected one. */
  readonly data?: Uint8Array;
}

const CDB_BYTES = 16;
/** More is not sent with one command, whatever its CDB says. */
const MAX_DATA_BYTES = 64 * 1024;

/** Operation codes whose data are blocks for the medium, and the blocks sent for each that the CDB counts. */
const WRITES_BLOCKS: Readonly<Record<number, number>> = {
  ...{ 0x0a: 1, 0x2a: 1, 0xaa: 1, 0x8a: 1 },
  ...{ 0x2e: 1, 0xae: 1, 0x8e: 1 },
  ...{ 0x8b: 1, 0x9c: 1, 0x89: 2 },
};
/** One block, however many the CDB counts: WRITE SAME. */
const WRITES_ONE_BLOCK = [0x41, 0x93];
/** VERIFY has data where BYTCHK is set. */
const VERIFIES = [0x2f, 0xaf, 0x8f];
const BYTCHK = 0x06;

export function fuzzedCommand(dice: Dice, shape: DiskShape): FuzzedCommand {
  if (dice.once(12)) {
    return { cdb: dice.bytes(CDB_BYTES), ...anyTransfer(dice) };
  }
  const command = dice.of(commands);
  const cdb = new Uint8Array(CDB_BYTES);
  fillFields(dice, cdb, command);
  const where = place(dice, cdb, { command, shape });
  if (dice.once(20)) cdb[1 + dice.next(CDB_BYTES - 1)]! ^= 1 << dice.next(8);
  const list = parameterList(dice, { command, cdb });
  if (list !== undefined) return { cdb, data: off(dice, list) };
  const blocks = dataBlocks(cdb, where.blocks);
  if (blocks !== undefined) {
    const length = Math.min(blocks * shape.blockBytes, MAX_DATA_BYTES);
    return { cdb, data: off(dice, filled(dice, length)) };
  }
  if (dice.once(30)) return { cdb, ...anyTransfer(dice) };
  const read = Math.max(where.blocks * shape.blockBytes, where.allocation);
  return read === 0 ? { cdb } : {
    cdb,
    read: dice.once(10)
      ? dice.next(MAX_DATA_BYTES)
      : Math.min(read, 4 * MAX_DATA_BYTES),
  };
}

/** Bits that the command has: mostly none of them, and never those of LBA and lengths, which follow. */
function fillFields(dice: Dice, cdb: Uint8Array, command: Command): void {
  for (let i = 1; i < command.mask.length; i++) {
    const bits = dice.of([0, 0, 0, 1 << dice.next(8), dice.next(256)]);
    cdb[i] = bits & command.mask[i]!;
  }
  cdb[0] = command.opcode;
  if (command.serviceAction !== undefined) {
    cdb[1] = (cdb[1]! & 0xe0) | command.serviceAction;
  }
}

/** LBA and count, or allocation length, where CDBs of this length have them (SPC-4 section 4.2.5). */
function place(
  dice: Dice,
  cdb: Uint8Array,
  { command, shape }: { command: Command; shape: DiskShape },
): { blocks: number; allocation: number } {
  const { blocks } = shape;
  const lba = dice.of([
    ...[0, 1, 7, 8, blocks - 1, blocks - 8, blocks, blocks + 1],
    ...[dice.next(blocks), dice.next(blocks), dice.next(blocks)],
    ...[0x7fffffff, 0xffffffff, 2 ** 32, Number.MAX_SAFE_INTEGER],
  ]);
  const count = dice.of([0, 1, 1, 2, 7, 8, 8, 16, 64, 127, 255, 0xffff]);
  const all = command.mask;
  const has = (at: number) => all[at] === 0xff;
  switch (all.length) {
    case 6:
      if (has(3)) putU16(cdb, 2, lba % 65536);
      if (has(4)) cdb[4] = count & 0xff;
      return { blocks: cdb[4] || 256, allocation: cdb[4]! };
    case 10:
      if (has(5)) putU32(cdb, 2, Math.min(lba, 0xffffffff));
      if (has(8)) putU16(cdb, 7, count);
      return { blocks: has(5) ? count : 0, allocation: count };
    case 12:
      if (has(5)) putU32(cdb, 2, Math.min(lba, 0xffffffff));
      if (has(9)) putU32(cdb, 6, count);
      return { blocks: has(5) ? count : 0, allocation: count };
    default:
      if (has(9)) putU64(cdb, 2, lba);
      if (has(13)) putU32(cdb, 10, count);
      if (command.opcode === 0x89) cdb[13] = count & 0x0f;
      if (command.opcode === 0x9c) putU16(cdb, 12, count);
      return {
        blocks: command.opcode === 0x89
          ? count & 0x0f
          : command.serviceAction === undefined
          ? count
          : 0,
        allocation: count,
      };
  }
}

/** Blocks that go out with the command, or undefined where none do. */
function dataBlocks(cdb: Uint8Array, counted: number): number | undefined {
  const opcode = cdb[0]!;
  const each = WRITES_BLOCKS[opcode];
  if (each !== undefined) return counted * each;
  if (WRITES_ONE_BLOCK.includes(opcode)) return cdb[1]! & 1 ? undefined : 1;
  if (!VERIFIES.includes(opcode)) return undefined;
  return (cdb[1]! & BYTCHK) === 0
    ? undefined
    : (cdb[1]! & BYTCHK) === BYTCHK
    ? 1
    : counted;
}

function filled(dice: Dice, length: number): Uint8Array {
  return new Uint8Array(length).fill(dice.of([0, 0xff, dice.next(256)]));
}

/** Now and then shorter or longer than it should be. */
function off(dice: Dice, data: Uint8Array): Uint8Array {
  if (!dice.once(10)) return data;
  const other = new Uint8Array(
    dice.of([0, data.length >> 1, data.length + 1, data.length + 512]),
  );
  other.set(data.subarray(0, other.length));
  return other;
}

function anyTransfer(dice: Dice): Pick<FuzzedCommand, "read" | "data"> {
  const length = dice.of([0, 1, 512, 4096, dice.next(MAX_DATA_BYTES)]);
  return dice.of([
    {},
    { read: length },
    { data: dice.bytes(Math.min(length, 4096)) },
  ]);
}
