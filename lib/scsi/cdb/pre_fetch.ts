/**
 * PRE-FETCH (10) and (16) (SBC-3 sections 5.6 and 5.7): the blocks are read, so that they are in the system's cache. Always GOOD,
 * never CONDITION MET: nobody can promise that they stay there.
 */

import { type Command, mask } from "../command.ts";
import { MAX_PREFETCH_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import type { Caller } from "../unit.ts";
import { extentOf, outOfRange, rangeError } from "./range.ts";
import { countAt, countOf, lbaOf } from "./transfer.ts";

const row = { access: "read", mutates: false } as const;

// IMMED (02h) may be set; the answer then comes a little later than it might.
export const preFetch10: Command = {
  name: "PRE-FETCH(10)",
  opcode: Opcode.PRE_FETCH_10,
  mask: mask("ff 02 ffffffff 1f ffff 00"),
  ...row,
  plan: preFetch,
};

export const preFetch16: Command = {
  name: "PRE-FETCH(16)",
  opcode: Opcode.PRE_FETCH_16,
  mask: mask("ff 02 ffffffffffffffff ffffffff 1f 00"),
  ...row,
  plan: preFetch,
};

function preFetch(cdb: Uint8Array, { unit }: Caller): Plan {
  const lba = lbaOf(cdb);
  const count = countOf(cdb);
  if (outOfRange(unit, lba, count)) return rangeError(unit);
  const most = MAX_PREFETCH_BYTES / unit.blockSizeBytes;
  if (count > most) return unit.invalidField(countAt(cdb));
  // A count of 0 means up to the last block: as many of them as one PRE-FETCH may have.
  const blocks = count || Math.min(most, unit.blocks - lba);
  return { kind: "probe", extent: extentOf(unit, lba, blocks) };
}
