import { expect } from "expect";
import { putBig64 } from "../base/bytes.ts";
import { MAX_REGISTRATIONS } from "./limits.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import type { Disk } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import { PersistentReserveOut as Out } from "./opcode.ts";
import { ReservationType as Type } from "./reservation_type.ts";
import {
  alice,
  bob,
  carol,
  dataOf,
  diskWith,
  hex,
  nexusNamed,
  verdictOf,
  withData,
} from "./testing.ts";

const all = [alice, bob, carol];
/** Never registers and only looks. */
const dora = nexusNamed("dora", 4);
const CONFLICT = "RESERVATION CONFLICT";
const READY = hex("00 00 00 00 00 00");

/** PERSISTENT RESERVE OUT, and what became of it. */
function out(
  disk: Disk,
  nexus: Nexus,
  ask: {
    action: number;
    key?: bigint;
    actionKey?: bigint;
    type?: number;
    flags?: number;
  },
): string {
  const cdb = hex("5f 00 00 0000 00000018 00");
  cdb[1] = ask.action;
  cdb[2] = ask.type ?? 0;
  const list = new Uint8Array(24);
  putBig64(list, 0, ask.key ?? 0n);
  putBig64(list, 8, ask.actionKey ?? 0n);
  list[20] = ask.flags ?? 0;
  const plan = disk.plan(nexus, cdb);
  return verdictOf(plan.kind === "data-out" ? withData(plan, list) : plan);
}

function registered(nexuses: readonly Nexus[] = all): Disk {
  const disk = diskWith({}, [...all, dora]);
  for (const nexus of nexuses) {
    expect(out(disk, nexus, { action: Out.REGISTER, actionKey: keyOf(nexus) }))
      .toBe("GOOD");
  }
  return disk;
}

/** 1, 2 and 3 for alice, bob and carol. */
function keyOf(nexus: Nexus): bigint {
  return BigInt(nexus.id);
}

function held(type: number, nexuses: readonly Nexus[] = all): Disk {
  const disk = registered(nexuses);
  expect(out(disk, alice, { action: Out.RESERVE, key: 1n, type })).toBe("GOOD");
  return disk;
}

function persistentIn(disk: Disk, action: number, nexus = dora): Uint8Array {
  const cdb = hex("5e 00 0000000000 ffff 00");
  cdb[1] = action;
  return dataOf(disk.plan(nexus, cdb));
}

/** The unit attentions that a nexus has waiting. */
function attentions(disk: Disk, nexus: Nexus): string[] {
  const found: string[] = [];
  for (;;) {
    const sense = dataOf(disk.plan(nexus, hex("03 00 00 00 ff 00")));
    if ((sense[2]! & 0x0f) === 0) return found;
    found.push(verdictOf({
      kind: "answer",
      outcome: { status: 0x02, sense },
    }));
  }
}

const keysOf = (disk: Disk) => persistentIn(disk, 0);

Deno.test("a key is registered, changed and taken back by whoever knows it", () => {
  const disk = registered([]);
  const { action } = { action: Out.REGISTER };
  expect(out(disk, alice, { action, key: 9n, actionKey: 1n })).toBe(CONFLICT);
  expect(out(disk, alice, { action, actionKey: 0n })).toBe("GOOD");
  expect(keysOf(disk)).toEqual(hex("00000000 00000000"));
  expect(out(disk, alice, { action, actionKey: 1n })).toBe("GOOD");
  expect(keysOf(disk)).toEqual(hex("00000001 00000008 0000000000000001"));
  expect(out(disk, alice, { action, key: 0n, actionKey: 5n })).toBe(CONFLICT);
  expect(
    out(disk, alice, { action, key: 1n, actionKey: 0xffff_ffff_ffff_fffen }),
  )
    .toBe("GOOD");
  expect(keysOf(disk)).toEqual(hex("00000002 00000008 fffffffffffffffe"));
  expect(out(disk, alice, { action, key: 0xffff_ffff_ffff_fffen })).toBe(
    "GOOD",
  );
  expect(keysOf(disk)).toEqual(hex("00000003 00000000"));
});

Deno.test("REGISTER AND IGNORE EXISTING KEY needs no key", () => {
  const disk = registered();
  const action = Out.REGISTER_AND_IGNORE_EXISTING_KEY;
  expect(out(disk, bob, { action, key: 77n, actionKey: 8n })).toBe("GOOD");
  expect(keysOf(disk)).toEqual(hex(
    "00000004 00000018 0000000000000001 0000000000000008 0000000000000003",
  ));
  expect(out(disk, bob, { action, actionKey: 0n })).toBe("GOOD");
  expect(keysOf(disk).length).toBe(8 + 16);
});

Deno.test("registrations have a most, and outlive their sessions", () => {
  const disk = diskWith({}, []);
  for (let i = 0; i <= MAX_REGISTRATIONS; i++) {
    const nexus = nexusNamed(`host${i}`, 1000 + i);
    disk.join(nexus);
    disk.plan(nexus, READY);
    expect(out(disk, nexus, { action: Out.REGISTER, actionKey: 1n })).toBe(
      i < MAX_REGISTRATIONS ? "GOOD" : "5 55/04",
    );
    disk.leave(nexus);
  }
  disk.join(alice);
  expect(keysOfLength(disk)).toBe(8 + 8 * MAX_REGISTRATIONS);

  function keysOfLength(disk: Disk): number {
    disk.plan(alice, READY);
    return persistentIn(disk, 0, alice).length;
  }
});

Deno.test("what is not done with PERSISTENT RESERVE OUT is refused", () => {
  const disk = registered();
  const { REGISTER, RESERVE } = Out;
  for (const flags of [0x08, 0x04, 0x01]) {
    expect(
      out(disk, alice, { action: REGISTER, key: 1n, actionKey: 4n, flags }),
    )
      .toBe("5 26/00");
  }
  for (const type of [0, 2, 4, 9, 0x0f, 0x11]) {
    expect(out(disk, alice, { action: RESERVE, key: 1n, type })).toBe(
      "5 24/00",
    );
  }
  expect(out(disk, alice, { action: Out.PREEMPT_AND_ABORT, key: 1n, type: 1 }))
    .toBe("5 24/00");
  const short = hex("5f 00 00 0000 00000017 00");
  expect(verdictOf(disk.plan(alice, short))).toBe("5 1a/00");
  const plan = disk.plan(alice, hex("5f 00 00 0000 00000018 00"));
  expect(verdictOf(withData(plan, new Uint8Array(23)))).toBe("5 1a/00");
});

Deno.test("one reserves, the others do not", () => {
  const disk = registered([alice, bob]);
  const action = Out.RESERVE;
  const type = Type.WRITE_EXCLUSIVE;
  expect(out(disk, carol, { action, key: 3n, type })).toBe(CONFLICT);
  expect(out(disk, alice, { action, key: 2n, type })).toBe(CONFLICT);
  expect(persistentIn(disk, 1)).toEqual(hex("00000002 00000000"));
  expect(out(disk, alice, { action, key: 1n, type })).toBe("GOOD");
  expect(out(disk, alice, { action, key: 1n, type })).toBe("GOOD");
  expect(out(disk, alice, { action, key: 1n, type: 3 })).toBe(CONFLICT);
  expect(out(disk, bob, { action, key: 2n, type })).toBe(CONFLICT);
  expect(persistentIn(disk, 1)).toEqual(
    hex("00000002 00000010 0000000000000001 00000000 00 01 0000"),
  );
});

Deno.test("every registrant holds an All Registrants reservation, under key 0", () => {
  const disk = held(Type.WRITE_EXCLUSIVE_ALL_REGISTRANTS);
  expect(out(disk, bob, { action: Out.RESERVE, key: 2n, type: 7 })).toBe(
    "GOOD",
  );
  expect(persistentIn(disk, 1)).toEqual(
    hex("00000003 00000010 0000000000000000 00000000 00 07 0000"),
  );
  // It goes with the last of them.
  for (const nexus of [alice, carol]) {
    out(disk, nexus, { action: Out.REGISTER, key: keyOf(nexus) });
    expect(persistentIn(disk, 1).length).toBe(24);
  }
  out(disk, bob, { action: Out.REGISTER, key: 2n });
  expect(persistentIn(disk, 1).length).toBe(8);
});

Deno.test("RELEASE is the holder's, of the type held", () => {
  const action = Out.RELEASE;
  for (
    const [type, told] of [
      [Type.WRITE_EXCLUSIVE, []],
      [Type.EXCLUSIVE_ACCESS, []],
      [Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY, ["6 2a/04"]],
      [Type.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY, ["6 2a/04"]],
      [Type.WRITE_EXCLUSIVE_ALL_REGISTRANTS, ["6 2a/04"]],
      [Type.EXCLUSIVE_ACCESS_ALL_REGISTRANTS, ["6 2a/04"]],
    ] as const
  ) {
    const disk = held(type, [alice, bob]);
    const others = type < 7 ? "GOOD" : "5 26/04";
    expect(out(disk, bob, { action, key: 2n, type: type === 1 ? 3 : 1 }))
      .toBe(others);
    expect(out(disk, alice, { action, key: 1n, type: type === 1 ? 3 : 1 }))
      .toBe("5 26/04");
    expect(out(disk, alice, { action, key: 2n, type })).toBe(CONFLICT);
    expect(persistentIn(disk, 1).length).toBe(24);
    expect(out(disk, alice, { action, key: 1n, type })).toBe("GOOD");
    expect(persistentIn(disk, 1).length).toBe(8);
    expect(attentions(disk, alice)).toEqual([]);
    expect(attentions(disk, bob)).toEqual(told);
    expect(attentions(disk, carol)).toEqual([]);
    expect(out(disk, alice, { action, key: 1n, type })).toBe("GOOD");
  }
});

Deno.test("a holder that unregisters releases", () => {
  const disk = held(Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY);
  expect(out(disk, alice, { action: Out.REGISTER, key: 1n })).toBe("GOOD");
  expect(persistentIn(disk, 1).length).toBe(8);
  expect(attentions(disk, bob)).toEqual(["6 2a/04"]);
  // One that does not hold it does not.
  const second = held(Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY);
  out(second, bob, { action: Out.REGISTER, key: 2n });
  expect(persistentIn(second, 1).length).toBe(24);
});

Deno.test("CLEAR takes all away and tells the others", () => {
  const disk = held(Type.EXCLUSIVE_ACCESS);
  expect(out(disk, bob, { action: Out.CLEAR, key: 1n })).toBe(CONFLICT);
  expect(out(disk, bob, { action: Out.CLEAR, key: 2n })).toBe("GOOD");
  expect(keysOf(disk)).toEqual(hex("00000004 00000000"));
  expect(persistentIn(disk, 1).length).toBe(8);
  expect(attentions(disk, alice)).toEqual(["6 2a/03"]);
  expect(attentions(disk, bob)).toEqual([]);
  expect(attentions(disk, carol)).toEqual(["6 2a/03"]);
});

Deno.test("PREEMPT of the holder takes its place", () => {
  const disk = held(Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY);
  const action = Out.PREEMPT;
  expect(out(disk, bob, { action, key: 9n, actionKey: 1n, type: 3 }))
    .toBe(CONFLICT);
  expect(out(disk, bob, { action, key: 2n, actionKey: 1n, type: 3 }))
    .toBe("GOOD");
  expect(persistentIn(disk, 1)).toEqual(
    hex("00000004 00000010 0000000000000002 00000000 00 03 0000"),
  );
  expect(attentions(disk, alice)).toEqual(["6 2a/05"]);
  expect(attentions(disk, bob)).toEqual([]);
  // Carol stays registered, and loses what Registrants Only gave her.
  expect(attentions(disk, carol)).toEqual(["6 2a/04"]);
});

Deno.test("a holder may preempt itself to change the type", () => {
  const disk = held(Type.WRITE_EXCLUSIVE);
  const ask = { action: Out.PREEMPT, key: 1n, actionKey: 1n, type: 3 };
  expect(out(disk, alice, ask)).toBe("GOOD");
  expect(persistentIn(disk, 1)).toEqual(
    hex("00000004 00000010 0000000000000001 00000000 00 03 0000"),
  );
  expect(keysOf(disk).length).toBe(8 + 24);
});

Deno.test("PREEMPT of somebody else takes the registration alone", () => {
  const disk = held(Type.WRITE_EXCLUSIVE);
  const action = Out.PREEMPT;
  expect(out(disk, bob, { action, key: 2n, actionKey: 3n, type: 3 }))
    .toBe("GOOD");
  expect(persistentIn(disk, 1).subarray(8, 24)).toEqual(
    hex("0000000000000001 00000000 00 01 0000"),
  );
  expect(keysOf(disk).subarray(8)).toEqual(
    hex("0000000000000001 0000000000000002"),
  );
  expect(attentions(disk, carol)).toEqual(["6 2a/05"]);
  expect(out(disk, bob, { action, key: 2n, actionKey: 3n, type: 3 }))
    .toBe(CONFLICT);
  expect(out(disk, bob, { action, key: 2n, actionKey: 0n, type: 3 }))
    .toBe("5 26/00");
});

Deno.test("PREEMPT with key 0 takes an All Registrants reservation from all", () => {
  const disk = held(Type.EXCLUSIVE_ACCESS_ALL_REGISTRANTS);
  const ask = { action: Out.PREEMPT, key: 2n, actionKey: 0n, type: 1 };
  expect(out(disk, bob, ask)).toBe("GOOD");
  expect(keysOf(disk).subarray(8)).toEqual(hex("0000000000000002"));
  expect(persistentIn(disk, 1).subarray(8, 24)).toEqual(
    hex("0000000000000002 00000000 00 01 0000"),
  );
  expect(attentions(disk, alice)).toEqual(["6 2a/05"]);
  expect(attentions(disk, carol)).toEqual(["6 2a/05"]);
});

Deno.test("PREEMPT with a key leaves an All Registrants reservation to the rest", () => {
  const disk = held(Type.EXCLUSIVE_ACCESS_ALL_REGISTRANTS);
  const ask = { action: Out.PREEMPT, key: 2n, actionKey: 1n, type: 1 };
  expect(out(disk, bob, ask)).toBe("GOOD");
  expect(keysOf(disk).length).toBe(8 + 16);
  expect(persistentIn(disk, 1)[21]).toBe(8);
});

Deno.test("REPORT CAPABILITIES promises what is done", () => {
  expect(persistentIn(registered(), 2)).toEqual(hex("0008 00 80 ea01 0000"));
});

Deno.test("READ FULL STATUS names the ports", () => {
  const disk = held(Type.WRITE_EXCLUSIVE, [alice, bob]);
  const data = persistentIn(disk, 3);
  const name = new TextEncoder().encode(alice.initiatorPort);
  const padded = Math.ceil((name.length + 1) / 4) * 4;
  expect(data.subarray(8, 36)).toEqual(Uint8Array.of(
    ...hex("0000000000000001 00000000 01 01 00000000 0001 000000"),
    4 + padded,
    ...hex("45 00 00"),
    padded,
  ));
  expect(data.subarray(36, 36 + name.length)).toEqual(name);
  expect(data[36 + padded + 12]).toBe(0);
});

Deno.test("RESERVE and RELEASE by one nexus", () => {
  const disk = diskWith({}, all);
  const ask = (nexus: Nexus, cdb: string) =>
    verdictOf(disk.plan(nexus, hex(cdb)));
  for (
    const [reserve, release] of [
      ["16 00 00 00 00 00", "17 00 00 00 00 00"],
      ["56 00 00 00 00 00 00 0000 00", "57 00 00 00 00 00 00 0000 00"],
    ] as const
  ) {
    expect(ask(alice, reserve)).toBe("GOOD");
    expect(ask(alice, reserve)).toBe("GOOD");
    expect(ask(bob, reserve)).toBe(CONFLICT);
    expect(ask(bob, "00 00 00 00 00 00")).toBe(CONFLICT);
    expect(ask(bob, "ff 00 00 00 00 00")).toBe(CONFLICT);
    expect(ask(bob, "12 00 00 00ff 00")).toBe("data-in");
    expect(ask(bob, release)).toBe("GOOD");
    expect(ask(bob, "00 00 00 00 00 00")).toBe(CONFLICT);
    expect(ask(alice, "2a 00 00000000 00 0001 00")).toBe("write");
    // Persistent reservations keep away, also from the one who reserved.
    expect(ask(alice, "5e 00 0000000000 00ff 00")).toBe(CONFLICT);
    expect(ask(alice, release)).toBe("GOOD");
    expect(ask(bob, "00 00 00 00 00 00")).toBe("GOOD");
  }
  expect(ask(alice, "16 00 00 00 00 00")).toBe("GOOD");
  disk.reset("logical-unit", bob);
  expect(ask(bob, "00 00 00 00 00 00")).toBe("GOOD");
});

Deno.test("RESERVE and registrations exclude each other", () => {
  const disk = registered([alice]);
  for (const nexus of [alice, bob]) {
    for (const cdb of ["16 00 00 00 00 00", "17 00 00 00 00 00"]) {
      expect(verdictOf(disk.plan(nexus, hex(cdb)))).toBe(CONFLICT);
    }
  }
});

Deno.test("a conflict comes before a unit attention, which waits", () => {
  const disk = held(Type.EXCLUSIVE_ACCESS, [alice]);
  disk.resized(2048 * 512);
  const read = hex("28 00 00000000 00 0001 00");
  expect(verdictOf(disk.plan(bob, read))).toBe(CONFLICT);
  expect(verdictOf(disk.plan(bob, READY))).toBe("6 2a/09");
});

Deno.test("a reset leaves persistent reservations alone", () => {
  const disk = held(Type.EXCLUSIVE_ACCESS, [alice]);
  disk.reset("target-cold");
  expect(verdictOf(disk.plan(alice, READY))).toBe("6 29/01");
  const again = nexusNamed("alice", 77);
  disk.leave(alice);
  disk.join(again);
  disk.plan(again, READY);
  const write = hex("2a 00 00000000 00 0001 00");
  expect(verdictOf(disk.plan(again, write))).toBe("write");
  expect(verdictOf(disk.plan(bob, write))).toBe(CONFLICT);
});

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
