import { expect } from "expect";
import { putBig64 } from "../base/bytes.ts";
import type { Disk } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import { PersistentReserveOut as Out } from "./opcode.ts";
import type { Plan } from "./plan.ts";
import type { KeptReservations } from "./reservation.ts";
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
  move,
  out,
  persistentIn,
  READY,
} from "./testing_reservations.ts";

const APTPL = 0x01;

/** What a command with its list wants kept, and how it ends when it is or is not; undefined where it wants nothing. */
function keeping(
  disk: Disk,
  nexus: Nexus,
  ask: {
    action: number;
    key?: bigint;
    actionKey?: bigint;
    type?: number;
    flags?: number;
  },
):
  | {
    reservations: KeptReservations | undefined;
    then: (kept: boolean) => Plan;
  }
  | undefined {
  const cdb = hex("5f 00 00 0000 00000018 00");
  cdb[1] = ask.action;
  cdb[2] = ask.type ?? 0;
  const list = new Uint8Array(24);
  putBig64(list, 0, ask.key ?? 0n);
  putBig64(list, 8, ask.actionKey ?? 0n);
  list[20] = ask.flags ?? 0;
  const plan = withData(disk.plan(nexus, cdb), list);
  return plan.kind === "keep" ? plan : undefined;
}

const disk = () =>
  diskWith({ keptReservations: {} }, [...all, nexusNamed("dora", 4)]);

Deno.test("with APTPL every change is kept, and without it what was kept is forgotten", () => {
  const unit = disk();
  const { REGISTER, RESERVE, CLEAR } = Out;
  expect(keeping(unit, bob, { action: REGISTER, actionKey: 2n })).toBe(
    undefined,
  );
  const first = keeping(unit, alice, {
    action: REGISTER,
    actionKey: 1n,
    flags: APTPL,
  });
  const both = [
    { port: bob.initiatorPort, key: 2n },
    { port: alice.initiatorPort, key: 1n },
  ];
  expect(first?.reservations).toEqual({ registrations: both });
  expect(verdictOf(first!.then(true))).toBe("GOOD");
  expect(persistentIn(unit, 2)).toEqual(hex("0008 0d 81 ea01 0000"));
  const type = Type.WRITE_EXCLUSIVE;
  const second = keeping(unit, alice, { action: RESERVE, key: 1n, type });
  const reservation = { type, holder: alice.initiatorPort };
  expect(second?.reservations).toEqual({ registrations: both, reservation });
  expect(verdictOf(second!.then(true))).toBe("GOOD");
  // The flag means nothing to other service actions.
  const third = keeping(unit, bob, { action: CLEAR, key: 2n });
  expect(third?.reservations).toEqual({ registrations: [] });
  expect(verdictOf(third!.then(true))).toBe("GOOD");
  const last = keeping(unit, bob, { action: REGISTER, actionKey: 2n });
  expect(last).toBeDefined();
  expect(last!.reservations).toBe(undefined);
  expect(verdictOf(last!.then(true))).toBe("GOOD");
  expect(persistentIn(unit, 2)).toEqual(hex("0008 0d 80 ea01 0000"));
  expect(keeping(unit, bob, { action: CLEAR, key: 2n })).toBe(undefined);
});

Deno.test("what could not be kept was not done, and nobody is told of it", () => {
  const unit = disk();
  for (const nexus of [alice, bob]) {
    out(unit, nexus, { action: Out.REGISTER, actionKey: 1n, flags: APTPL });
  }
  const type = Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
  out(unit, alice, { action: Out.RESERVE, key: 1n, type });
  const before = [persistentIn(unit, 0), persistentIn(unit, 3)];
  const asks = [
    { action: Out.CLEAR },
    { action: Out.RELEASE, type },
    { action: Out.PREEMPT, actionKey: 1n, type: 3 },
    { action: Out.PREEMPT_AND_ABORT, actionKey: 1n, type: 3 },
    { action: Out.REGISTER },
    { action: Out.REGISTER, actionKey: 5n, flags: APTPL },
    { action: Out.REGISTER_AND_IGNORE_EXISTING_KEY, actionKey: 5n },
  ];
  for (const ask of asks) {
    const plan = keeping(unit, alice, { key: 1n, ...ask });
    expect([ask.action, verdictOf(plan!.then(false))]).toEqual([
      ask.action,
      "4 44/00",
    ]);
    expect([persistentIn(unit, 0), persistentIn(unit, 3)]).toEqual(before);
    expect(attentions(unit, bob)).toEqual([]);
  }
  expect(persistentIn(unit, 2)[3]).toBe(0x81);
});

Deno.test("a nexus that comes back finds its registration, and the generation begins anew", () => {
  const kept: KeptReservations = {
    registrations: [
      { port: alice.initiatorPort, key: 1n },
      { port: bob.initiatorPort, key: 2n },
    ],
    reservation: { type: Type.EXCLUSIVE_ACCESS, holder: alice.initiatorPort },
  };
  const unit = diskWith({ keptReservations: { now: kept } }, all);
  unit.join(nexusNamed("dora", 4));
  unit.plan(nexusNamed("dora", 4), READY);
  expect(persistentIn(unit, 0)).toEqual(
    hex("00000000 00000010 0000000000000001 0000000000000002"),
  );
  const write = hex("2a 00 00000000 00 0001 00");
  expect([alice, bob, carol].map((nexus) => verdictOf(unit.plan(nexus, write))))
    .toEqual(["write", CONFLICT, CONFLICT]);
  expect(persistentIn(unit, 2)[3]).toBe(0x81);
  // Still kept.
  expect(
    keeping(unit, alice, { action: Out.RELEASE, key: 1n, type: 3 })
      ?.reservations,
  )
    .toEqual({ registrations: kept.registrations });
});

Deno.test("an All Registrants reservation is kept without a holder", () => {
  const unit = disk();
  out(unit, alice, { action: Out.REGISTER, actionKey: 1n, flags: APTPL });
  const type = Type.WRITE_EXCLUSIVE_ALL_REGISTRANTS;
  const now = keeping(unit, alice, { action: Out.RESERVE, key: 1n, type })
    ?.reservations;
  expect(now?.reservation).toEqual({ type, holder: undefined });
  const next = diskWith({ keptReservations: { now: now! } }, all);
  const write = hex("2a 00 00000000 00 0001 00");
  expect(verdictOf(next.plan(alice, write))).toBe("write");
  expect(verdictOf(next.plan(bob, write))).toBe(CONFLICT);
});

Deno.test("REGISTER AND MOVE is kept, too, or ends the keeping", () => {
  for (const flags of [APTPL, 0]) {
    const unit = disk();
    out(unit, alice, { action: Out.REGISTER, actionKey: 1n, flags: APTPL });
    out(unit, alice, { action: Out.RESERVE, key: 1n, type: 1 });
    const to = bob.initiatorPort;
    expect(move(unit, alice, { key: 1n, actionKey: 5n, to, flags })).toBe(
      "GOOD",
    );
    expect(persistentIn(unit, 2)[3]).toBe(flags === 0 ? 0x80 : 0x81);
  }
});

Deno.test("without a place to keep anything, APTPL is refused", () => {
  const unit = diskWith({}, [...all, nexusNamed("dora", 4)]);
  for (const action of [Out.REGISTER, Out.REGISTER_AND_IGNORE_EXISTING_KEY]) {
    expect(out(unit, alice, { action, actionKey: 1n, flags: APTPL })).toBe(
      "5 26/00",
    );
  }
  expect(persistentIn(unit, 0).length).toBe(8);
});
