/**
 * Random walks over everything that reservations can be asked, beside a twin that is written straight from the standard's sentences, one
 * after the other, and knows no class of the room.
 */
import { expect } from "expect";
import fc from "fast-check";
import { putBig64 } from "../base/bytes.ts";
import type { Disk } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import type { Plan } from "./plan.ts";
import type { KeptReservations } from "./reservation.ts";
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
import { all, attentions, CONFLICT, READY } from "./testing_reservations.ts";
import { encodeTransportId } from "./transport_id.ts";

const dora = nexusNamed("dora", 4);
const TYPES = [1, 3, 5, 6, 7, 8];
const ALL_REGISTRANTS = [7, 8];
const REGISTRANTS = [5, 6, 7, 8];

interface Step {
  /** Service action of PERSISTENT RESERVE OUT; 16 RESERVE(6), 17 RELEASE(6). */
  readonly action: number;
  readonly by: number;
  readonly key: number;
  readonly actionKey: number;
  readonly type: number;
  readonly aptpl: boolean;
  readonly unreg: boolean;
  readonly to: number;
  /** Whether there is room on the disk that keeps it. */
  readonly kept: boolean;
}

const steps = fc.array(
  fc.record({
    action: fc.constantFrom(0, 0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 16, 17),
    by: fc.nat(2),
    key: fc.nat(3),
    actionKey: fc.nat(3),
    type: fc.constantFrom(...TYPES),
    aptpl: fc.boolean(),
    unreg: fc.boolean(),
    to: fc.nat(2),
    kept: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
  }),
  { maxLength: 30 },
);

/** What the twin knows: three nexuses by number, 0 for no key. */
interface Twin {
  keys: number[];
  holder: number | undefined;
  type: number;
  aptpl: boolean;
  generation: number;
  reserved: number | undefined;
  told: string[][];
}

/** One sentence of the standard after the other. Changes the twin and says what the initiator is told. */
function twinDoes(twin: Twin, step: Step): string {
  const { by, action, key, actionKey, type } = step;
  const registered = twin.keys[by] !== 0;
  const anyRegistered = twin.keys.some((each) => each !== 0);
  if (action === 16) {
    if (anyRegistered) return CONFLICT;
    if (twin.reserved !== undefined && twin.reserved !== by) return CONFLICT;
    twin.reserved = by;
    return "GOOD";
  }
  if (action === 17) {
    if (anyRegistered) return CONFLICT;
    if (twin.reserved === by) twin.reserved = undefined;
    return "GOOD";
  }
  if (twin.reserved !== undefined) return CONFLICT;
  const shared = ALL_REGISTRANTS.includes(twin.type);
  const holds = twin.type !== 0 && (shared ? registered : twin.holder === by);
  const tell = (whom: number[], what: string) => {
    for (const who of whom) if (who !== by) twin.told[who]!.push(what);
  };
  const registrants = () => [0, 1, 2].filter((who) => twin.keys[who] !== 0);
  const nobodyHolds = () => {
    twin.type = 0;
    twin.holder = undefined;
  };
  if (action === 0 || action === 6) {
    if (action === 0 && key !== twin.keys[by]) return CONFLICT;
    if (!registered && actionKey === 0) return "GOOD";
    twin.generation++;
    twin.aptpl = step.aptpl;
    twin.keys[by] = actionKey;
    if (actionKey !== 0 || !holds) return "GOOD";
    if (shared && registrants().length > 0) return "GOOD";
    if (REGISTRANTS.includes(twin.type)) tell(registrants(), "6 2a/04");
    nobodyHolds();
    return "GOOD";
  }
  if (!registered || key !== twin.keys[by]) return CONFLICT;
  switch (action) {
    case 1:
      if (twin.type !== 0) {
        return holds && twin.type === type ? "GOOD" : CONFLICT;
      }
      twin.type = type;
      twin.holder = ALL_REGISTRANTS.includes(type) ? undefined : by;
      return "GOOD";
    case 2:
      if (!holds) return "GOOD";
      if (twin.type !== type) return "5 26/04";
      if (REGISTRANTS.includes(type)) tell(registrants(), "6 2a/04");
      nobodyHolds();
      return "GOOD";
    case 3:
      tell(registrants(), "6 2a/03");
      twin.keys = [0, 0, 0];
      nobodyHolds();
      twin.generation++;
      return "GOOD";
    case 7:
      if (twin.type === 0) return "5 24/00";
      if (shared || !holds) return CONFLICT;
      if (actionKey === 0 || step.to === by) return "5 26/00";
      twin.generation++;
      twin.aptpl = step.aptpl;
      twin.keys[step.to] = actionKey;
      twin.holder = step.to;
      if (step.unreg) twin.keys[by] = 0;
      return "GOOD";
  }
  // PREEMPT and PREEMPT AND ABORT.
  if (actionKey === 0 && !shared) return "5 26/00";
  const matching = registrants().filter((who) =>
    actionKey === 0 ? who !== by : twin.keys[who] === actionKey
  );
  const takesOver = shared
    ? actionKey === 0
    : twin.holder !== undefined && twin.keys[twin.holder] === actionKey;
  if (!takesOver && matching.length === 0) return CONFLICT;
  const changed = twin.type !== type;
  for (const who of matching) {
    if (takesOver && who === by) continue;
    twin.keys[who] = 0;
    tell([who], "6 2a/05");
  }
  if (takesOver) {
    if (changed) tell(registrants(), "6 2a/04");
    twin.type = type;
    twin.holder = ALL_REGISTRANTS.includes(type) ? undefined : by;
  } else if (registrants().length === 0) nobodyHolds();
  twin.generation++;
  return "GOOD";
}

/** The same of the disk. `onKeep` sees what is to be kept, and says whether it was. */
function diskDoes(
  disk: Disk,
  step: Step,
  onKeep: (kept: KeptReservations | undefined) => boolean,
): string {
  const nexus = all[step.by]!;
  if (step.action >= 16) {
    return verdictOf(disk.plan(nexus, hex(`${step.action} 00 00 00 00 00`)));
  }
  const moves = step.action === 7;
  const id = moves
    ? encodeTransportId(all[step.to]!.initiatorPort)
    : new Uint8Array(0);
  const list = new Uint8Array(24 + id.length);
  putBig64(list, 0, BigInt(step.key));
  putBig64(list, 8, BigInt(step.actionKey));
  if (moves) {
    list[17] = (step.unreg ? 2 : 0) | (step.aptpl ? 1 : 0);
    list[19] = 1;
    list[23] = id.length;
    list.set(id, 24);
  } else list[20] = step.aptpl ? 1 : 0;
  const cdb = hex("5f 00 00 0000 00000000 00");
  cdb[1] = step.action;
  cdb[2] = step.type;
  cdb[8] = list.length;
  let plan: Plan = disk.plan(nexus, cdb);
  if (plan.kind === "data-out") plan = withData(plan, list);
  if (plan.kind === "keep") plan = plan.then(onKeep(plan.reservations));
  return plan.kind === "abort-tasks" ? "GOOD" : verdictOf(plan);
}

/** READ FULL STATUS as the twin would put it: generation, then every registration by its number. */
function statusOf(disk: Disk, nexus: Nexus): unknown {
  const plan = disk.plan(nexus, hex("5e 03 0000000000 ffff 00"));
  if (plan.kind !== "data-in") return verdictOf(plan);
  const data = dataOf(plan);
  const found: string[] = [];
  for (let at = 8; at < data.length; at += 24 + data[at + 23]!) {
    const port = new TextDecoder().decode(data.subarray(at + 28, at + 70));
    const who = all.findIndex(({ initiatorPort }) =>
      port.startsWith(initiatorPort.slice(0, 24))
    );
    found.push(`${who}: ${data[at + 7]} ${data[at + 12]} ${data[at + 13]}`);
  }
  return { generation: data[3], found: found.sort() };
}

function twinStatus(twin: Twin, generation = twin.generation): unknown {
  if (twin.reserved !== undefined) return CONFLICT;
  const shared = ALL_REGISTRANTS.includes(twin.type);
  const found = twin.keys.flatMap((key, who) => {
    if (key === 0) return [];
    const holds = twin.type !== 0 && (shared || twin.holder === who);
    return [`${who}: ${key} ${holds ? 1 : 0} ${holds ? twin.type : 0}`];
  });
  return { generation, found };
}

Deno.test("reservations do what the standard's sentences say, kept or not, on every walk", () => {
  fc.assert(
    fc.property(steps, (walk) => {
      const disk = diskWith({ keptReservations: {} }, [
        alice,
        bob,
        carol,
        dora,
      ]);
      const twin: Twin = {
        keys: [0, 0, 0],
        holder: undefined,
        type: 0,
        aptpl: false,
        generation: 0,
        reserved: undefined,
        told: [[], [], []],
      };
      let lying: KeptReservations | undefined;
      for (const step of walk) {
        const before = structuredClone(twin);
        let wanted = twinDoes(twin, step);
        const told = diskDoes(disk, step, (kept) => {
          if (step.kept) lying = kept;
          else {
            Object.assign(twin, before);
            wanted = "4 44/00";
          }
          return step.kept;
        });
        expect(told).toBe(wanted);
        expect(statusOf(disk, dora)).toEqual(twinStatus(twin));
        all.forEach((nexus, who) => {
          expect(new Set(attentions(disk, nexus))).toEqual(
            new Set(twin.told[who]),
          );
        });
        twin.told = [[], [], []];
        // A restart now.
        expect(lying !== undefined).toBe(twin.aptpl);
        if (!lying) continue;
        const next = diskWith({ keptReservations: { now: lying } }, []);
        next.join(dora);
        next.plan(dora, READY);
        // RESERVE is not kept, whatever else is.
        const kept = { ...twin, reserved: undefined };
        expect(statusOf(next, dora)).toEqual(twinStatus(kept, 0));
      }
    }),
    { numRuns: 400 },
  );
});
