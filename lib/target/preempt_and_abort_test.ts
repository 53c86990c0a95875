import { expect } from "expect";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { KeptReservations } from "../scsi/reservation.ts";
import { cdb10 } from "./testing/cdb.ts";
import {
  type Fixture,
  fixturesOf,
  gate,
  pattern,
  settle,
} from "./testing/fixture.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";
import { Volume } from "./volume.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const WRITE = 0x2a;

async function waitingWrite(initiator: RawInitiator): Promise<number> {
  const tag = await initiator.command({ cdb: cdb10(WRITE, 0, 2), write: 1024 });
  expect((await initiator.receive()).bytes[0]).toBe(opcode.R2T);
  return tag;
}

/** What the unit says of the next command: the tasks of these sessions, in the order of their logins, end. */
function preemptNext({ unit, target }: Fixture, ...places: number[]): void {
  const ids = [...target.sessions].map(({ nexus }) => nexus.id);
  const nexuses = new Set(places.map((place) => ids[place]!));
  unit.next = { kind: "abort-tasks", nexuses };
}

const cleared = ({ unit }: Fixture) =>
  unit.log.filter((line) => line.startsWith("cleared"));

Deno.test("PREEMPT AND ABORT ends the tasks of whom it names, tells those that lost some, and leaves the rest", async () => {
  const fix = fixture();
  const [one, two, three, four] = [
    await fix.session({ n: 1 }),
    await fix.session({ n: 2 }),
    await fix.session({ n: 3 }),
    await fix.session({ n: 4 }),
  ];
  const lost = await waitingWrite(two.initiator);
  const kept = await waitingWrite(three.initiator);
  preemptNext(fix, 1, 3);
  expect((await one.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  // The fourth had none to lose.
  expect(cleared(fix).length).toBe(1);
  expect(cleared(fix)[0]).toMatch(/02$/);
  const data = pattern(1024);
  await two.initiator.dataOut({ tag: lost, ttt: 1, offset: 0, data });
  await three.initiator.dataOut({ tag: kept, ttt: 1, offset: 0, data });
  expect((await three.initiator.receive()).bytes[0]).toBe(opcode.SCSI_RESPONSE);
  expect((await two.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  expect((await four.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  expect(fix.store.calls).toEqual(["write 0+1024"]);
});

Deno.test("PREEMPT AND ABORT is answered when what it ends cannot touch the volume any more", async () => {
  const fix = fixture();
  const hold = gate();
  fix.store.gate = hold.wait;
  fix.volume.waits = true;
  const [one, two] = [await fix.session({ n: 1 }), await fix.session({ n: 2 })];
  const write = { cdb: cdb10(WRITE, 0, 1), write: 512, data: pattern(512) };
  await two.initiator.command(write);
  await settle();
  preemptNext(fix, 1);
  let answered = false;
  const answer = one.initiator.run({ cdb: cdb10(0, 0, 0) });
  answer.then(() => answered = true);
  await settle();
  expect(answered).toBe(false);
  hold.open();
  expect((await answer).status).toBe(0);
  fix.store.gate = undefined;
  // The write is never answered.
  expect((await two.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("PREEMPT AND ABORT of one's own registration ends one's other tasks, not itself, and tells nobody", async () => {
  const fix = fixture();
  const { initiator } = await fix.session();
  await waitingWrite(initiator);
  preemptNext(fix, 0);
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  expect(cleared(fix)).toEqual([]);
  for (let i = 0; i < 128; i++) await waitingWrite(initiator);
});

Deno.test("PREEMPT AND ABORT whose list came late does not wait for itself", async () => {
  const fix = fixture();
  const { initiator } = await fix.session();
  await waitingWrite(initiator);
  const [own] = [...fix.target.sessions].map(({ nexus }) => nexus.id);
  const nexuses = new Set([own!]);
  fix.unit.next = {
    kind: "data-out",
    length: 24,
    then: () => ({ kind: "abort-tasks", nexuses }),
  };
  const ask = { cdb: cdb10(0x5f, 0, 24), write: 24 };
  expect((await initiator.run(ask, new Uint8Array(24))).status).toBe(0);
  for (let i = 0; i < 128; i++) await waitingWrite(initiator);
});

Deno.test("two that preempt each other at once both get an end, or lose it to the other", async () => {
  const fix = fixture();
  const hold = gate();
  fix.store.gate = hold.wait;
  fix.volume.waits = true;
  const [one, two] = [await fix.session({ n: 1 }), await fix.session({ n: 2 })];
  for (const { initiator } of [one, two]) {
    const write = { cdb: cdb10(WRITE, 0, 1), write: 512, data: pattern(512) };
    await initiator.command(write);
  }
  await settle();
  preemptNext(fix, 1);
  await one.initiator.command({ cdb: cdb10(0, 0, 0) });
  await settle();
  preemptNext(fix, 0);
  const last = two.initiator.run({ cdb: cdb10(0, 0, 0) });
  await settle();
  hold.open();
  fix.store.gate = undefined;
  // The first was among the tasks that the second ended.
  expect((await last).status).toBe(0);
  expect((await one.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("reservations are kept before the answer, and the answer says where they could not be", async () => {
  const fix = fixture();
  const { initiator } = await fix.session();
  const reservations: KeptReservations = { registrations: [] };
  const ask = () => {
    fix.unit.next = {
      kind: "keep",
      reservations,
      then: (kept) => ({ kind: "answer", outcome: { status: kept ? 0 : 8 } }),
    };
    return initiator.run({ cdb: cdb10(0, 0, 0) });
  };
  // Nowhere to keep them.
  expect((await ask()).status).toBe(8);
  const { unit, store, clock, log } = fix.volume;
  const seen: unknown[] = [];
  const volume = new Volume({
    unit,
    store,
    clock,
    log,
    keep: (kept) => {
      seen.push(kept);
      if (seen.length > 1) throw new Error("The disk is full");
    },
  });
  expect(volume.keep(reservations)).toBe(true);
  expect(volume.keep(undefined)).toBe(false);
  expect(seen).toEqual([reservations, undefined]);
});
