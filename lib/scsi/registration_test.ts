import { expect } from "expect";
import fc from "fast-check";
import { concat, putU32, utf8 } from "../base/bytes.ts";
import type { Disk } from "./disk.ts";
import { MAX_REGISTRATIONS } from "./limits.ts";
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
  move,
  out,
  persistentIn,
  READY,
  registered,
  sendList,
} from "./testing_reservations.ts";
import { decodeTransportId, encodeTransportId } from "./transport_id.ts";

const SPEC_I_PT = 0x08;
const ALL_TG_PT = 0x04;
const APTPL = 0x01;
const UNREG = 0x02;

/** Who is registered with what, and what they hold, as READ FULL STATUS tells it: `alice 1`, `bob 2 holds 5`. */
function statusOf(disk: Disk): string[] {
  const data = persistentIn(disk, 3);
  const found: string[] = [];
  for (let at = 8; at < data.length;) {
    const idLength = data[at + 23]!;
    const port = new TextDecoder().decode(
      data.subarray(at + 28, at + 24 + idLength),
    );
    const name = /:(\w+),i/.exec(port)?.[1];
    const key = data[at + 7]!;
    const holds = data[at + 12] === 1 ? ` holds ${data[at + 13]}` : "";
    found.push(`${name} ${key}${holds}`);
    at += 24 + idLength;
  }
  return found;
}

/** REGISTER with SPEC_I_PT. */
function registerOthers(
  disk: Disk,
  nexus: Nexus,
  ask: { key?: number; actionKey: number; ids: Uint8Array; length?: number },
): string {
  const list = new Uint8Array(28);
  list[7] = ask.key ?? 0;
  list[15] = ask.actionKey;
  list[20] = SPEC_I_PT;
  putU32(list, 24, ask.length ?? ask.ids.length);
  const whole = concat([list, ask.ids]);
  return sendList(disk, nexus, { action: Out.REGISTER, list: whole });
}

function idOf(nexus: Nexus): Uint8Array {
  return encodeTransportId(nexus.initiatorPort);
}

/** Format 00b: an initiator, and none of its ports. */
function deviceId(name: string): Uint8Array {
  const id = encodeTransportId(name);
  id[0] = 0x05;
  return id;
}

Deno.test("SPEC_I_PT registers others with the same key, logged in or not", () => {
  const disk = registered([carol]);
  const eve = nexusNamed("eve", 50);
  const ids = concat([idOf(bob), idOf(carol), idOf(eve)]);
  expect(registerOthers(disk, alice, { actionKey: 7, ids })).toBe("GOOD");
  // Who was registered keeps its key.
  expect(statusOf(disk)).toEqual(["carol 3", "alice 7", "bob 7", "eve 7"]);
  expect(persistentIn(disk, 0).subarray(0, 4)).toEqual(hex("00000002"));
  disk.join(eve);
  disk.plan(eve, READY);
  const ask = { action: Out.RESERVE, key: 7n, type: Type.EXCLUSIVE_ACCESS };
  expect(out(disk, eve, ask)).toBe("GOOD");
});

Deno.test("SPEC_I_PT registers all or nobody", () => {
  const bad: [string, Uint8Array][] = [
    ["cut", idOf(bob).subarray(0, 40)],
    ["of Fibre Channel", Uint8Array.from(idOf(bob), (b, i) => i === 0 ? 0 : b)],
    ["of a third format", Uint8Array.from(idOf(bob), (b, i) => i ? b : 0x85)],
    ["without an end", utf8("\x45\0\0\x14iqn.2026-01.example:")],
    ["without ISID", encodeTransportId("iqn.2026-01.example:bob")],
    ["with a bad ISID", encodeTransportId("iqn.2026-01.example:bob,i,0xq")],
    ["of nobody", deviceId("iqn.2026-01.example:nobody")],
    ["of a device with an ISID", deviceId(bob.initiatorPort)],
  ];
  for (const [what, id] of bad) {
    const disk = registered([]);
    const ids = concat([idOf(carol), id]);
    expect([what, registerOthers(disk, alice, { actionKey: 7, ids })])
      .toEqual([what, "5 26/00"]);
    expect(statusOf(disk)).toEqual([]);
  }
  const disk = registered([alice]);
  const ids = idOf(bob);
  // Only who is not registered yet, and with a key.
  expect(registerOthers(disk, alice, { key: 1, actionKey: 7, ids }))
    .toBe("5 26/00");
  expect(registerOthers(disk, alice, { actionKey: 7, ids })).toBe(CONFLICT);
  expect(registerOthers(disk, bob, { actionKey: 0, ids })).toBe("5 26/00");
  expect(
    registerOthers(disk, bob, { actionKey: 7, ids, length: ids.length - 4 }),
  )
    .toBe("5 1a/00");
  const list = new Uint8Array(24);
  list[15] = 7;
  list[20] = SPEC_I_PT;
  expect(sendList(disk, bob, { action: Out.REGISTER, list })).toBe("5 1a/00");
  for (const action of [Out.REGISTER_AND_IGNORE_EXISTING_KEY, Out.CLEAR]) {
    expect(sendList(disk, bob, { action, list })).toBe("5 26/00");
  }
  list[20] = 0;
  const long = concat([list, new Uint8Array(4)]);
  expect(sendList(disk, bob, { action: Out.REGISTER, list: long })).toBe(
    "5 1a/00",
  );
  expect(statusOf(disk)).toEqual(["alice 1"]);
});

Deno.test("SPEC_I_PT keeps to the most registrations", () => {
  const disk = registered([]);
  const ids = (count: number) =>
    concat(
      Array.from({ length: count }, (_, i) =>
        encodeTransportId(`iqn.2026-01.example:${"x".repeat(180)}${i},i,0x1`)),
    );
  const most = MAX_REGISTRATIONS - 1;
  expect(registerOthers(disk, alice, { actionKey: 7, ids: ids(most + 1) }))
    .toBe("5 55/04");
  expect(statusOf(disk)).toEqual([]);
  expect(registerOthers(disk, alice, { actionKey: 7, ids: ids(most) })).toBe(
    "GOOD",
  );
  expect(statusOf(disk).length).toBe(MAX_REGISTRATIONS);
});

Deno.test("a TransportID may leave out the ISID's zeros, and name a device by its known ports", () => {
  const disk = registered([]);
  const ids = concat([
    encodeTransportId("iqn.2026-01.example:bob,i,0x23D000001"),
    deviceId("iqn.2026-01.example:carol"),
  ]);
  expect(registerOthers(disk, alice, { actionKey: 7, ids })).toBe("GOOD");
  for (const nexus of [bob, carol]) {
    const ask = { action: Out.REGISTER, key: 7n, actionKey: 8n };
    expect(out(disk, nexus, ask)).toBe("GOOD");
  }
  expect(statusOf(disk)).toEqual(["alice 7", "bob 8", "carol 8"]);
});

Deno.test("no list of TransportIDs gets more than a verdict, and none a registration without a name", () => {
  const ids = concat([idOf(bob), deviceId("iqn.2026-01.example:carol")]);
  const change = fc.tuple(fc.nat(27 + ids.length), fc.nat(255));
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 6 }),
      fc.nat(28 + ids.length),
      fc.constantFrom(Out.REGISTER, Out.REGISTER_AND_MOVE),
      (changes, cut, action) => {
        const list = concat([new Uint8Array(28), ids]);
        list[15] = 7;
        list[20] = SPEC_I_PT;
        list[27] = ids.length;
        for (const [at, value] of changes) list[at] = value;
        const disk = held(Type.WRITE_EXCLUSIVE, [alice]);
        for (const nexus of [alice, carol]) {
          for (const length of [list.length, list.length - cut]) {
            const verdict = sendList(disk, nexus, {
              action,
              list: list.subarray(0, length),
            });
            expect(["GOOD", CONFLICT, "5 26/00", "5 1a/00", "5 24/00"])
              .toContain(verdict);
          }
        }
        expect(statusOf(disk).length).toBeGreaterThan(0);
        const full = persistentIn(disk, 3);
        for (let at = 8; at < full.length; at += 24 + full[at + 23]!) {
          expect(decodeTransportId(full.subarray(at + 24))).toBeDefined();
        }
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("ALL_TG_PT asks for what is so: there is one target port", () => {
  const disk = registered([]);
  const ask = { action: Out.REGISTER, actionKey: 1n, flags: ALL_TG_PT };
  expect(out(disk, alice, ask)).toBe("GOOD");
  expect(persistentIn(disk, 3).subarray(8 + 12, 8 + 20)).toEqual(
    hex("00 00 00000000 0001"),
  );
});

Deno.test("REGISTER AND MOVE gives the reservation to another port", () => {
  for (const unreg of [false, true]) {
    const disk = held(Type.WRITE_EXCLUSIVE_REGISTRANTS_ONLY, [alice, bob]);
    const ask = { key: 1n, actionKey: 9n, flags: unreg ? UNREG : 0 };
    expect(move(disk, alice, { ...ask, to: carol.initiatorPort })).toBe("GOOD");
    expect(statusOf(disk)).toEqual([
      ...(unreg ? [] : ["alice 1"]),
      "bob 2",
      "carol 9 holds 5",
    ]);
    expect(persistentIn(disk, 1).subarray(0, 4)).toEqual(hex("00000003"));
    for (const nexus of all) expect(attentions(disk, nexus)).toEqual([]);
    const write = verdictOf(disk.plan(alice, hex("2a 00 00000000 00 0001 00")));
    expect(write).toBe(unreg ? CONFLICT : "write");
  }
  // One that is registered gets the new key.
  const disk = held(Type.EXCLUSIVE_ACCESS);
  const to = bob.initiatorPort;
  expect(move(disk, alice, { key: 1n, actionKey: 9n, to })).toBe("GOOD");
  expect(statusOf(disk)).toEqual(["alice 1", "bob 9 holds 3", "carol 3"]);
});

Deno.test("REGISTER AND MOVE refuses what makes no sense, and does nothing then", () => {
  const to = carol.initiatorPort;
  const good = { key: 1n, actionKey: 9n, to };
  const table: [string, Disk, Parameters<typeof move>[2], string][] = [
    ["no reservation", registered(), good, "5 24/00"],
    ["wrong key", held(1), { ...good, key: 2n }, CONFLICT],
    ["all registrants", held(7), good, CONFLICT],
    ["key 0", held(1), { ...good, actionKey: 0n }, "5 26/00"],
    ["to itself", held(1), { ...good, to: alice.initiatorPort }, "5 26/00"],
    ["no such target port", held(1), { ...good, targetPort: 2 }, "5 26/00"],
    ["no name", held(1), { ...good, to: "" }, "5 26/00"],
    [
      "an unknown device",
      held(1),
      { ...good, id: deviceId("iqn.2026-01.example:nobody") },
      "5 26/00",
    ],
    ["no place to keep it", held(1), { ...good, flags: APTPL }, "5 26/00"],
    ["too short", held(1), { ...good, id: new Uint8Array(20) }, "5 1a/00"],
  ];
  for (const [what, disk, ask, verdict] of table) {
    const before = statusOf(disk);
    expect([what, move(disk, alice, ask)]).toEqual([what, verdict]);
    expect([what, statusOf(disk)]).toEqual([what, before]);
  }
  const disk = held(1);
  expect(move(disk, bob, { ...good, key: 2n })).toBe(CONFLICT);
});

Deno.test("PREEMPT AND ABORT names the nexuses that lost their registration, and no others", () => {
  const disk = held(Type.WRITE_EXCLUSIVE);
  const again = { ...alice, id: 77 };
  disk.join(again);
  const cdb = hex("5f 05 03 0000 00000018 00");
  const list = hex("0000000000000002 0000000000000001 0000000000000000");
  expect(withData(disk.plan(bob, cdb), list)).toEqual({
    kind: "abort-tasks",
    nexuses: new Set([alice.id, again.id]),
  });
  expect(statusOf(disk)).toEqual(["bob 2 holds 3", "carol 3"]);
  expect(attentions(disk, alice)).toEqual(["6 2a/05"]);
});

Deno.test("a list that arrives after another's RESERVE does nothing", () => {
  const disk = diskWith({}, all);
  const plan = disk.plan(alice, hex("5f 00 00 0000 00000018 00"));
  expect(verdictOf(disk.plan(bob, hex("16 00 00 00 00 00")))).toBe("GOOD");
  const list = hex("0000000000000000 0000000000000001 0000000000000000");
  expect(verdictOf(withData(plan, list))).toBe(CONFLICT);
  expect(verdictOf(disk.plan(bob, hex("17 00 00 00 00 00")))).toBe("GOOD");
  expect(verdictOf(disk.plan(carol, hex("16 00 00 00 00 00")))).toBe("GOOD");
});
