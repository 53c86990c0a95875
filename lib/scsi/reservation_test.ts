import { expect } from "expect";
import { MAX_REGISTRATIONS } from "./limits.ts";
import type { Disk } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import { PersistentReserveOut as Out } from "./opcode.ts";
import { ReservationType as Type } from "./reservation_type.ts";
import {
  alice,
  bob,
  carol,
  diskWith,
  hex,
  nexusNamed,
  verdictOf,
  withData,
} from "./testing.ts";
import {
  all,
  attentions,
  CONFLICT,
  held,
  keyOf,
  out,
  persistentIn,
  READY,
  registered,
} from "./testing_reservations.ts";

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
  const { RESERVE } = Out;
  for (const type of [0, 2, 4, 9, 0x0f, 0x11]) {
    expect(out(disk, alice, { action: RESERVE, key: 1n, type })).toBe(
      "5 24/00",
    );
  }
  expect(verdictOf(disk.plan(alice, hex("5f 08 00 0000 00000018 00"))))
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
  // Carol stays registered, and is told that the type has changed.
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

Deno.test("who stays registered when another type takes over is told, whatever the old one was", () => {
  for (const [type, told] of [[3, ["6 2a/04"]], [1, []]] as const) {
    const disk = held(Type.WRITE_EXCLUSIVE);
    const ask = { action: Out.PREEMPT, key: 2n, actionKey: 1n, type };
    expect(out(disk, bob, ask)).toBe("GOOD");
    expect(attentions(disk, alice)).toEqual(["6 2a/05"]);
    expect(attentions(disk, carol)).toEqual(told);
  }
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

Deno.test("a reservation does not outlive its last registrant, who may remove itself", () => {
  const disk = registered([]);
  for (const nexus of [alice, bob]) {
    out(disk, nexus, { action: Out.REGISTER, actionKey: 5n });
  }
  const type = Type.WRITE_EXCLUSIVE_ALL_REGISTRANTS;
  out(disk, alice, { action: Out.RESERVE, key: 5n, type });
  const ask = { action: Out.PREEMPT, key: 5n, actionKey: 5n, type };
  expect(out(disk, bob, ask)).toBe("GOOD");
  expect(persistentIn(disk, 0).length).toBe(8);
  expect(persistentIn(disk, 1).length).toBe(8);
  expect(attentions(disk, alice)).toEqual(["6 2a/05"]);
  expect(attentions(disk, bob)).toEqual([]);
});

Deno.test("REPORT CAPABILITIES promises what is done", () => {
  expect(persistentIn(registered(), 2)).toEqual(hex("0008 0c 80 ea01 0000"));
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
