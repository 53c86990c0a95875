/**
 * SYNCHRONIZE CACHE (10) and (16) (SBC-3 sections 5.22 and 5.23). All of the cache is written, whichever blocks are named: a store
 * flushes as a whole.
 */

import { type Command, mask } from "../command.ts";
import { Opcode } from "../opcode.ts";
import type { Plan } from "../plan.ts";
import type { Caller } from "../unit.ts";
import { outOfRange, rangeError } from "./range.ts";
import { countOf, lbaOf } from "./transfer.ts";

// A flush writes what its senders were told is written: reservations of others stop it (SBC-3 table 17).
const row = { access: "write", mutates: false } as const;

/** GOOD at once. SYNC_NV (04h, obsolete) is about a cache that does not exist. */
const IMMED = 0x02;

export const synchronizeCache10: Command = {
  name: "SYNCHRONIZE CACHE(10)",
  opcode: Opcode.SYNCHRONIZE_CACHE_10,
  mask: mask("ff 06 ffffffff 1f ffff 00"),
  ...row,
  plan: synchronize,
};

export const synchronizeCache16: Command = {
  name: "SYNCHRONIZE CACHE(16)",
  opcode: Opcode.SYNCHRONIZE_CACHE_16,
  mask: mask("ff 06 ffffffffffffffff ffffffff 1f 00"),
  ...row,
  plan: synchronize,
};

function synchronize(cdb: Uint8Array, { unit }: Caller): Plan {
  // A count of 0 means up to the last block.
  if (outOfRange(unit, lbaOf(cdb), countOf(cdb))) return rangeError(unit);
  return { kind: "flush", immediate: (cdb[1]! & IMMED) !== 0 };
}
