/** Parameter lists: each with its header, its descriptors and lengths that mostly agree, and the CDB told how long it is. */
import { concat, putU16, putU32, putU64 } from "../../lib/base/bytes.ts";
import type { Command } from "../../lib/scsi/command.ts";
import type { Dice } from "./dice.ts";

/** Registered keys that meet each other now and then. */
const KEYS = [0, 0, 1, 2, 0xa11ce];
/** Mode pages, with their lengths, that MODE SELECT may be given; others, too. */
const MODE_PAGES = [[0x01, 0x0a], [0x08, 0x12], [0x0a, 0x0a], [0x1c, 0x0a]];

/** The list that goes with the command, or undefined where its data are no list. Writes its length to the CDB. */
export function parameterList(
  dice: Dice,
  { command, cdb }: { command: Command; cdb: Uint8Array },
): Uint8Array | undefined {
  const list = listOf(dice, command, cdb);
  if (list === undefined) return undefined;
  const length = dice.once(10) ? dice.next(256) : list.length;
  switch (command.mask.length) {
    case 6:
      if (command.opcode === 0x1d) putU16(cdb, 3, length);
      else cdb[4] = length;
      break;
    case 10:
      putU16(cdb, 7, length);
      break;
    default:
      putU32(cdb, 10, length);
  }
  return list;
}

function listOf(
  dice: Dice,
  { opcode, serviceAction }: Command,
  cdb: Uint8Array,
): Uint8Array | undefined {
  switch (opcode) {
    case 0x04: // FORMAT UNIT, with FMTDATA
      return cdb[1]! & 0x10
        ? Uint8Array.of(0, dice.of([0, 0x02, 0x80, 0x88, dice.next(256)]), 0, 0)
        : undefined;
    case 0x15:
      return modePages(dice, 4);
    case 0x55:
      return modePages(dice, 8);
    case 0x1d: // SEND DIAGNOSTIC, with PF
      return cdb[1]! & 0x10 ? Uint8Array.of(dice.next(4), 0, 0, 0) : undefined;
    case 0x42:
      return unmapList(dice);
    case 0x48:
      return serviceAction === 0x01 ? overwriteList(dice) : undefined;
    case 0x5f:
      return reserveOutList(dice, cdb);
    case 0x83:
      return copyList(dice);
    default:
      return undefined;
  }
}

/** SPC-4 sections 7.5.5 and 7.5.7. */
function modePages(dice: Dice, headerBytes: number): Uint8Array {
  const header = new Uint8Array(headerBytes);
  if (dice.once(8)) header[dice.next(headerBytes)] = dice.next(256);
  const pages = dice.some(3, () => {
    const [code, length] = dice.once(8)
      ? [dice.next(64), dice.next(32)]
      : dice.of(MODE_PAGES);
    const page = new Uint8Array(2 + length!);
    page[0] = code!;
    page[1] = length!;
    if (dice.once(2)) page[2 + dice.next(length || 1)] = 1 << dice.next(8);
    return page;
  });
  return concat([header, ...pages]);
}

/** SBC-3 section 5.28.2. */
function unmapList(dice: Dice): Uint8Array {
  const descriptors = dice.some(dice.once(10) ? 80 : 4, () => {
    const one = new Uint8Array(16);
    putU64(one, 0, dice.of([0, 1, 8, 2048, dice.next(1 << 14), 2 ** 40]));
    putU32(one, 8, dice.of([0, 1, 7, 8, 64, dice.next(4096), 0xffffffff]));
    return one;
  });
  const list = new Uint8Array(8 + 16 * descriptors.length);
  putU16(list, 0, list.length - (dice.once(8) ? dice.next(9) : 2));
  putU16(list, 2, 16 * descriptors.length - (dice.once(8) ? dice.next(9) : 0));
  descriptors.forEach((one, n) => list.set(one, 8 + 16 * n));
  return list;
}

/** SBC-4 section 5.30.4: OVERWRITE. */
function overwriteList(dice: Dice): Uint8Array {
  const length = dice.of([4, 512, 512, 512, 4096, 0, 513]);
  const list = new Uint8Array(4 + length).fill(dice.next(256));
  list[0] = dice.of([1, 1, 1, 0, 31, 0x81, dice.next(256)]);
  list[1] = 0;
  putU16(list, 2, dice.once(10) ? dice.next(600) : length);
  return list;
}

/** SPC-4 sections 6.16.3 and 6.16.4. */
function reserveOutList(dice: Dice, cdb: Uint8Array): Uint8Array {
  // Types that there are, and others (SPC-4 table 211).
  cdb[2] = dice.of([1, 3, 5, 6, 7, 8, 8, 7, dice.next(256)]);
  const move = (cdb[1]! & 0x1f) === 0x07;
  const name = dice.of(["iqn.2026-01.example:raw", "iqn.x", ""]);
  const transport = new Uint8Array(4 + ((name.length + 4) & ~3));
  transport[0] = dice.of([0x05, 0x05, 0x45, dice.next(256)]);
  putU16(transport, 2, transport.length - 4);
  transport.set(new TextEncoder().encode(name), 4);
  const more = move || dice.once(12) ? transport : new Uint8Array();
  const list = new Uint8Array(24);
  putU64(list, 0, dice.of(KEYS));
  putU64(list, 8, dice.of(KEYS));
  if (move) {
    list[17] = dice.next(4);
    putU32(list, 20, more.length);
  } else list[20] = dice.of([0, 0, 0, 1, 4, 8, dice.next(256)]);
  return concat([list, more]);
}

/** SPC-4 section 6.4: EXTENDED COPY(LID1) with identification descriptors and block to block segments. */
function copyList(dice: Dice): Uint8Array {
  const targets = dice.some(3, () => {
    const one = new Uint8Array(32);
    one[0] = dice.once(8) ? dice.next(256) : 0xe4;
    one.set([1, 3, 0, 8], 4);
    one.set([0x3e, ...dice.bytes(7)], 8);
    one.set([0, 2, 0], 29);
    return one;
  });
  const segments = dice.some(3, () => {
    const one = new Uint8Array(28);
    one[0] = dice.once(8) ? dice.next(256) : 0x02;
    putU16(one, 2, dice.once(8) ? dice.next(64) : 24);
    putU16(one, 4, dice.next(3));
    putU16(one, 6, dice.next(3));
    putU16(one, 10, dice.of([0, 1, 8, 0xffff]));
    putU64(one, 12, dice.next(20_000));
    putU64(one, 20, dice.next(20_000));
    return one;
  });
  const inline = dice.once(10) ? dice.bytes(dice.next(64)) : new Uint8Array();
  const header = new Uint8Array(16);
  header[0] = dice.next(4);
  header[1] = dice.of([0, 0x10, 0x18, dice.next(256)]);
  putU16(header, 2, 32 * targets.length + (dice.once(10) ? 1 : 0));
  putU32(header, 8, 28 * segments.length + (dice.once(10) ? 1 : 0));
  putU32(header, 12, inline.length);
  return concat([header, ...targets, ...segments, inline]);
}
