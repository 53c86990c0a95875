import { expect } from "expect";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { ReservationType as Type } from "./reservation_type.ts";
import { alice, bob, carol, verdictOf } from "./testing.ts";
import { CONFLICT, held } from "./testing_reservations.ts";

/**
 * The whole cross product: every command, every type, and who asks. The allow lists are written out here a second time, by
 * name, so that a wrong word in the command table shows.
 */
const always =
  /^(TEST UNIT READY|REQUEST SENSE|INQUIRY|REPORT LUNS|START STOP UNIT|READ CAPACITY|PERSISTENT RESERVE (IN|OUT))/;
const reads =
  /^(READ\(|VERIFY|PRE-FETCH|MODE SENSE|GET LBA STATUS|REPORT SUPPORTED)/;
const neverWithRegistrations = /^(RESERVE|RELEASE)/;

function allowed(
  { name }: Command,
  type: number,
  who: "holder" | "registrant" | "outsider",
): boolean {
  if (neverWithRegistrations.test(name)) return false;
  if (always.test(name) || who === "holder") return true;
  if (who === "registrant" && type >= 5) return true;
  return reads.test(name) && [1, 5, 7].includes(type);
}

for (const [typeName, type] of Object.entries(Type)) {
  Deno.test(`who may do what beside ${typeName}`, () => {
    const disk = held(type, [alice, bob]);
    for (const command of commands) {
      const cdb = new Uint8Array(command.mask.length);
      cdb[0] = command.opcode;
      cdb[1] = command.serviceAction ?? 0;
      for (
        const [who, nexus] of [
          ["holder", alice],
          ["registrant", bob],
          ["outsider", carol],
        ] as const
      ) {
        const conflicts = verdictOf(disk.plan(nexus, cdb)) === CONFLICT;
        expect([command.name, who, conflicts]).toEqual(
          [command.name, who, !allowed(command, type, who)],
        );
      }
    }
    // What no table lists.
    for (const opcode of [0x04, 0x48, 0x83, 0x9c, 0xe0]) {
      const cdb = new Uint8Array(16);
      cdb[0] = opcode;
      expect(verdictOf(disk.plan(carol, cdb))).toBe(CONFLICT);
      expect(verdictOf(disk.plan(alice, cdb))).toBe("5 20/00");
    }
  });
}
