/** The command table: what this disk does, and so what it advertises. Every other operation code is refused. */

import { inquiry } from "./cdb/inquiry.ts";
import { read10, read12, read16, read6 } from "./cdb/read.ts";
import { readCapacity10, readCapacity16 } from "./cdb/read_capacity.ts";
import { testUnitReady } from "./cdb/test_unit_ready.ts";
import { write10, write12, write16, write6 } from "./cdb/write.ts";
import type { Command } from "./command.ts";

export const commands: readonly Command[] = [
  testUnitReady,
  read6,
  write6,
  inquiry,
  readCapacity10,
  read10,
  write10,
  read16,
  write16,
  readCapacity16,
  read12,
  write12,
];

const SERVICE_ACTION = 0x1f;

/** By operation code: the command, or its service actions. */
const table: readonly (Command | readonly Command[] | undefined)[] = Array.from(
  { length: 256 },
  (_, opcode) => {
    const rows = commands.filter((command) => command.opcode === opcode);
    return rows[0]?.serviceAction === undefined ? rows[0] : rows;
  },
);

/**
 * The command of a CDB; `opcode` where nothing has this operation code, `service-action` where others of its service actions
 * are done.
 */
export function commandOf(
  cdb: Uint8Array,
): Command | "opcode" | "service-action" {
  const entry = table[cdb[0]!];
  if (entry === undefined) return "opcode";
  if (!isList(entry)) return entry;
  const action = cdb[1]! & SERVICE_ACTION;
  return entry.find((command) => command.serviceAction === action) ??
    "service-action";
}

function isList(
  entry: Command | readonly Command[],
): entry is readonly Command[] {
  return Array.isArray(entry);
}
