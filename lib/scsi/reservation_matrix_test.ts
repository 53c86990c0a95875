import { expect } from "expect";
import { commands } from "./commands.ts";
import type { Disk } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import { PersistentReserveOut as Out } from "./opcode.ts";
import { ReservationType as Type } from "./reservation_type.ts";
import { alice, bob, carol, diskWith, hex, verdictOf } from "./testing.ts";
import {
  all,
  CONFLICT,
  held,
  keyOf,
  move,
  out,
} from "./testing_reservations.ts";

/**
 * What the standards allow beside somebody else's reservation, written out here a second time and by their tables (SPC-2 table 10 and its
 * annex B, SPC-4 table 68, SBC-3 table 17): A allowed, C conflict. The columns are theirs:
 *
 *   1. RESERVE of another initiator
 *   2. Write Exclusive, from anybody          3. Exclusive Access, from anybody
 *   4. the four other types, from a registrant
 *   5. Write Exclusive, Registrants Only or All Registrants, from an outsider      6. Exclusive Access, likewise
 *
 * A row is a CDB, as far as it matters. What is in no row is in no allow list.
 */
const TABLE: readonly (readonly [cdb: string, columns: string])[] = [
  ["00", "C AA A AA"], // TEST UNIT READY
  ["03", "A AA A AA"], // REQUEST SENSE
  ["04", "C CC A CC"], // FORMAT UNIT
  ["07", "C CC A CC"], // REASSIGN BLOCKS
  ["08", "C AC A AC"], // READ(6)
  ["0a", "C CC A CC"], // WRITE(6)
  ["12", "A AA A AA"], // INQUIRY
  ["15", "C CC A CC"], // MODE SELECT(6)
  ["1a", "C AC A AC"], // MODE SENSE(6)
  ["1b 00 00 00 01", "A AA A AA"], // START STOP UNIT, START and no POWER CONDITION
  ["1b 00 00 00 00", "C CC A CC"],
  ["1b 00 00 00 02", "C CC A CC"],
  ["1b 00 00 00 11", "C CC A CC"],
  ["1c", "C AC A AC"], // RECEIVE DIAGNOSTIC RESULTS
  ["1d", "C CC A CC"], // SEND DIAGNOSTIC
  ["1e 00 00 00 00", "A AA A AA"], // PREVENT ALLOW MEDIUM REMOVAL, allow
  ["1e 00 00 00 01", "C CC A CC"],
  ["25", "A AA A AA"], // READ CAPACITY(10)
  ["28", "C AC A AC"], // READ(10)
  ["2a", "C CC A CC"], // WRITE(10)
  ["2e", "C CC A CC"], // WRITE AND VERIFY(10)
  ["2f", "C AC A AC"], // VERIFY(10)
  ["34", "C AC A AC"], // PRE-FETCH(10)
  ["35", "C CC A CC"], // SYNCHRONIZE CACHE(10)
  ["37", "C AC A AC"], // READ DEFECT DATA(10)
  ["3b", "C CC A CC"], // WRITE BUFFER
  ["3c", "C AC A AC"], // READ BUFFER
  ["41", "C CC A CC"], // WRITE SAME(10)
  ["42", "C CC A CC"], // UNMAP
  ["48 01", "C CC A CC"], // SANITIZE, OVERWRITE
  ["48 02", "C CC A CC"], // SANITIZE, BLOCK ERASE
  ["48 03", "C CC A CC"], // SANITIZE, CRYPTOGRAPHIC ERASE
  ["48 1f", "C CC A CC"], // SANITIZE, EXIT FAILURE MODE
  ["4c", "C CC A CC"], // LOG SELECT
  ["4d", "A AA A AA"], // LOG SENSE
  ["55", "C CC A CC"], // MODE SELECT(10)
  ["5a", "C AC A AC"], // MODE SENSE(10)
  ["83", "C CC A CC"], // EXTENDED COPY, every service action
  ["84", "C AC A AC"], // RECEIVE COPY RESULTS, every service action
  ["88", "C AC A AC"], // READ(16)
  ["89", "C CC A CC"], // COMPARE AND WRITE
  ["8a", "C CC A CC"], // WRITE(16)
  ["8b", "C CC A CC"], // ORWRITE(16)
  ["8e", "C CC A CC"], // WRITE AND VERIFY(16)
  ["8f", "C AC A AC"], // VERIFY(16)
  ["90", "C AC A AC"], // PRE-FETCH(16)
  ["91", "C CC A CC"], // SYNCHRONIZE CACHE(16)
  ["93", "C CC A CC"], // WRITE SAME(16)
  ["9c", "C CC A CC"], // WRITE ATOMIC(16)
  ["9e 10", "A AA A AA"], // READ CAPACITY(16)
  ["9e 12", "C AC A AC"], // GET LBA STATUS
  ["a0", "A AA A AA"], // REPORT LUNS
  ["a3 0a", "C AA A AA"], // REPORT TARGET PORT GROUPS
  ["a3 0c", "C AC A AC"], // REPORT SUPPORTED OPERATION CODES
  ["a3 0d", "C AC A AC"], // REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
  ["a8", "C AC A AC"], // READ(12)
  ["aa", "C CC A CC"], // WRITE(12)
  ["ae", "C CC A CC"], // WRITE AND VERIFY(12)
  ["af", "C AC A AC"], // VERIFY(12)
  ["b7", "C AC A AC"], // READ DEFECT DATA(12)
];

/** Their conflicts are tables of their own, further down. */
const RESERVING = [0x16, 0x17, 0x56, 0x57, 0x5e, 0x5f];

const ROLES = [["holder", alice], ["registrant", bob], [
  "outsider",
  carol,
]] as const;
type Role = typeof ROLES[number][0];

/** A disk that can all that any can. */
const EVERYTHING = {
  removable: true,
  erasureNotes: { write() {}, clear() {} },
  atomicWrites: true,
  keptReservations: {},
};

/** Bytes 2 to 15 of a CDB. */
const REST = new Uint8Array(14);

/** Every operation code with every service action that anybody has written of; a code in no row once. */
const CDBS: readonly (readonly [Uint8Array, string | undefined])[] = [
  ...TABLE.map(([digits, columns]) => {
    const cdb = whole(digits);
    return [cdb, isDone(cdb) ? columns : undefined] as const;
  }),
  ...Array.from({ length: 256 * 32 }, (_, n) => n)
    .filter((n) => !isInTable(n >>> 5, n & 0x1f))
    .filter((n) => !RESERVING.includes(n >>> 5))
    .map((n) =>
      [Uint8Array.of(n >>> 5, n & 0x1f, ...REST), undefined] as const
    ),
];

for (const [typeName, type] of Object.entries(Type)) {
  Deno.test(`who may do what beside ${typeName}`, () => {
    const disk = held(type, [alice, bob], EVERYTHING);
    for (const [cdb, columns] of CDBS) {
      for (const [role, nexus] of ROLES) {
        const expected = columnOf(columns, type, role) === "C" ? "C" : "A";
        expect([named(cdb), role, fate(disk, nexus, cdb)]).toEqual(
          [named(cdb), role, expected],
        );
      }
    }
  });
}

Deno.test("who may do what while another has done RESERVE", () => {
  const disk = diskWith(EVERYTHING, all);
  expect(verdictOf(disk.plan(alice, whole("16")))).toBe("GOOD");
  for (const [cdb, columns] of CDBS) {
    const other = columns === undefined || columns[0] === "C" ? "C" : "A";
    expect([named(cdb), fate(disk, alice, cdb), fate(disk, bob, cdb)])
      .toEqual([named(cdb), "A", other]);
  }
});

Deno.test("every command that there is has a row", () => {
  for (const { name, opcode, serviceAction } of commands) {
    const known = RESERVING.includes(opcode) ||
      isInTable(opcode, serviceAction ?? 0);
    expect([name, known]).toEqual([name, true]);
  }
});

/**
 * PERSISTENT RESERVE IN always goes on. Of PERSISTENT RESERVE OUT (SPC-4 table 69): R whoever is registered and A everybody may, H the holder
 * alone; of the All Registrants types every registrant is the holder.
 */
const SERVICE_ACTIONS: readonly (readonly [number, string])[] = [
  [Out.REGISTER, "A"],
  [Out.RESERVE, "H"],
  [Out.RELEASE, "R"],
  [Out.CLEAR, "R"],
  [Out.PREEMPT, "R"],
  [Out.PREEMPT_AND_ABORT, "R"],
  [Out.REGISTER_AND_IGNORE_EXISTING_KEY, "A"],
  // Not of the All Registrants types (SPC-4 section 5.13.8).
  [Out.REGISTER_AND_MOVE, "H"],
];

Deno.test("who may do what with PERSISTENT RESERVE beside every type", () => {
  for (const type of Object.values(Type)) {
    for (const [action, who] of SERVICE_ACTIONS) {
      for (const [role, nexus] of ROLES) {
        const disk = held(type, [alice, bob]);
        const key = role === "outsider" ? 0n : keyOf(nexus);
        const verdict = action === Out.REGISTER_AND_MOVE
          ? move(disk, nexus, { key, actionKey: 9n, to: carol.initiatorPort })
          : out(disk, nexus, { action, key, actionKey: 1n, type });
        const registered = role !== "outsider";
        const holds = role === "holder" || (registered && type >= 7);
        const allowed = who === "A" || (who === "R" && registered) ||
          (holds && !(action === Out.REGISTER_AND_MOVE && type >= 7));
        expect([type, action, role, verdict]).toEqual(
          [type, action, role, allowed ? "GOOD" : CONFLICT],
        );
      }
    }
    const disk = held(type, [alice, bob]);
    for (const [, nexus] of ROLES) {
      for (const action of ["00", "01", "02", "03"]) {
        expect(verdictOf(disk.plan(nexus, whole(`5e ${action}`))))
          .toBe("data-in");
      }
      for (const cdb of ["16", "17", "56", "57"]) {
        expect(verdictOf(disk.plan(nexus, whole(cdb)))).toBe(CONFLICT);
      }
    }
  }
});

Deno.test("who may do what with RESERVE and PERSISTENT RESERVE while another has done RESERVE", () => {
  const disk = diskWith({}, all);
  expect(verdictOf(disk.plan(alice, whole("56")))).toBe("GOOD");
  for (const cdb of ["16", "56"]) {
    expect(verdictOf(disk.plan(bob, whole(cdb)))).toBe(CONFLICT);
    expect(verdictOf(disk.plan(alice, whole(cdb)))).toBe("GOOD");
  }
  for (const nexus of [alice, bob]) {
    for (let action = 0; action < 0x20; action++) {
      for (const opcode of [0x5e, 0x5f]) {
        const cdb = Uint8Array.of(opcode, action, ...REST);
        const known = action < (opcode === 0x5e ? 4 : 8);
        if (known || nexus === bob) {
          expect(verdictOf(disk.plan(nexus, cdb))).toBe(CONFLICT);
        }
      }
    }
  }
  for (const cdb of ["17", "57"]) {
    expect(verdictOf(disk.plan(bob, whole(cdb)))).toBe("GOOD");
    expect(verdictOf(disk.plan(bob, whole("00")))).toBe(CONFLICT);
  }
});

function columnOf(
  columns: string | undefined,
  type: number,
  role: Role,
): string {
  if (role === "holder") return "A";
  const [, others, registrant, outsider] = columns?.split(" ") ??
    ["C", "CC", "A", "CC"];
  const exclusiveAccess = type % 2 === 0 || type === Type.EXCLUSIVE_ACCESS;
  const at = exclusiveAccess ? 1 : 0;
  if (type === Type.WRITE_EXCLUSIVE || type === Type.EXCLUSIVE_ACCESS) {
    return others![at]!;
  }
  return role === "registrant" ? registrant! : outsider![at]!;
}

function fate(disk: Disk, nexus: Nexus, cdb: Uint8Array): string {
  return verdictOf(disk.plan(nexus, cdb)) === CONFLICT ? "C" : "A";
}

function whole(digits: string): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb.set(hex(digits));
  return cdb;
}

/** Whether a row speaks of it. A row of two bytes is about a service action. */
function isInTable(opcode: number, serviceAction: number): boolean {
  return TABLE.some(([digits]) => {
    const row = hex(digits);
    return row[0] === opcode && (row.length !== 2 || row[1] === serviceAction);
  });
}

/** What is not done at all is in no allow list, whatever the standard would allow. */
function isDone(cdb: Uint8Array): boolean {
  return commands.some(({ opcode, serviceAction }) =>
    opcode === cdb[0] &&
    (serviceAction === undefined || serviceAction === (cdb[1]! & 0x1f))
  );
}

function named(cdb: Uint8Array): string {
  const digits = [...cdb.subarray(0, 5)].map((byte) =>
    byte.toString(16).padStart(2, "0")
  ).join(" ");
  const name = commands.find(({ opcode }) => opcode === cdb[0])?.name;
  return `${digits} ${name ?? ""}`;
}
