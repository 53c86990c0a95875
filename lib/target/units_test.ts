/** Several logical units behind one target, which come and go while initiators are logged in. */

import { expect } from "expect";
import { toHex, u32 } from "../base/bytes.ts";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import { fakeVolume } from "./testing/fakes.ts";
import { diskFixturesOf, diskVolume } from "./testing/disks.ts";
import { gate, pattern, settle } from "./testing/fixture.ts";

const fixture = diskFixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const [READY, READ, WRITE] = [0x00, 0x28, 0x2a];
const [ONE, TWO] = [encodeLun(1), encodeLun(2)];

Deno.test("each LUN has its own bytes, and a LUN without a unit none", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  for (const [i, lun] of [encodeLun(0), ONE].entries()) {
    const data = pattern(512, i);
    const cdb = cdb10(WRITE, 3, 1);
    expect((await initiator.run({ cdb, write: 512, data, lun })).status)
      .toBe(0);
  }
  for (const [i, lun] of [encodeLun(0), ONE].entries()) {
    const read = await initiator.run({
      cdb: cdb10(READ, 3, 1),
      read: 512,
      lun,
    });
    expect(read.data).toEqual(pattern(512, i));
  }
  const none = await initiator.run({ cdb: cdb10(READY, 0, 0), lun: TWO });
  expect(senseOf(none)).toEqual({ key: 5, code: 0x2500 });
});

Deno.test("a unit that appears is reached by the sessions there are, and goes again", async () => {
  const { session, target } = fixture();
  const { initiator } = await session();
  const ready = (lun = encodeLun(0)) =>
    initiator.run({ cdb: cdb10(READY, 0, 0), lun });
  target.addUnit(2, diskVolume({ clock: systemClock, n: 2 }));
  expect(senseOf(await ready()).code).toBe(0x3f0e);
  // Whoever meets a new unit begins with 29/00.
  expect(senseOf(await ready(TWO)).code).toBe(0x2900);
  expect((await ready(TWO)).status).toBe(0);
  const reportLuns = Uint8Array.of(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
  const cdb = new Uint8Array(16);
  cdb.set(reportLuns);
  const list = (await initiator.run({ cdb, read: 64 })).data;
  expect([u32(list, 0), list[9], list[17], list[25]]).toEqual([24, 0, 1, 2]);
  await target.removeUnit(2);
  expect(senseOf(await ready(TWO)).code).toBe(0x2500);
  expect(senseOf(await ready(ONE)).code).toBe(0x3f0e);
  await expect(target.removeUnit(0)).rejects.toThrow();
  expect(() => target.addUnit(1, diskVolume({ clock: systemClock, n: 3 })))
    .toThrow();
});

Deno.test("a unit goes when nothing touches its store any more", async () => {
  const { session, target } = fixture();
  const { volume, store } = fakeVolume({ sizeBytes: 4096, clock: systemClock });
  target.addUnit(2, volume);
  const { initiator } = await session();
  const hold = gate();
  store.gate = hold.wait;
  await initiator.command({
    cdb: cdb10(WRITE, 0, 1),
    write: 512,
    data: pattern(512),
    lun: TWO,
  });
  await settle();
  let gone = false;
  const going = target.removeUnit(2).then(() => gone = true);
  await settle();
  expect([gone, store.calls]).toEqual([false, ["write 0+512"]]);
  store.gate = undefined;
  hold.open();
  await going;
  expect(store.calls).toEqual(["write 0+512", "flush 0+0"]);
});

Deno.test("what may not be written over a connection may not be written at any of its LUNs", async () => {
  const { session } = fixture();
  const { initiator } = await session({ readOnly: true });
  for (const lun of [encodeLun(0), ONE]) {
    const write = await initiator.run({
      cdb: cdb10(WRITE, 0, 1),
      write: 512,
      data: pattern(512),
      lun,
    });
    expect(senseOf(write)).toEqual({ key: 7, code: 0x2700 });
  }
});

Deno.test("a reset of one unit leaves the others alone; one of the target does not", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  const ready = async (lun: Uint8Array) => {
    const ended = await initiator.run({ cdb: cdb10(READY, 0, 0), lun });
    return ended.status === 0 ? 0 : senseOf(ended).code;
  };
  const reset = async (code: number, lun: Uint8Array) => {
    await initiator.taskManagement({ function: code, lun });
    await initiator.receive();
  };
  await reset(5, ONE);
  expect([await ready(encodeLun(0)), await ready(ONE)]).toEqual([0, 0x2903]);
  await reset(6, ONE);
  expect([await ready(encodeLun(0)), await ready(ONE)])
    .toEqual([0x2902, 0x2902]);
});

Deno.test("each unit has its own designators, and all of them the same target and port", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  const cdb = Uint8Array.of(0x12, 1, 0x83, 0, 255, ...new Uint8Array(11));
  const [ofUnits, ofTarget] = [new Set<string>(), new Set<string>()];
  for (const lun of [encodeLun(0), ONE]) {
    const { data } = await initiator.run({ cdb, read: 255, lun });
    for (let at = 4; at < data.length; at += 4 + data[at + 3]!) {
      const designator = toHex(data.subarray(at, at + 4 + data[at + 3]!));
      const ofUnit = (data[at + 1]! & 0x30) === 0;
      expect(ofUnit && ofUnits.has(designator)).toBe(false);
      (ofUnit ? ofUnits : ofTarget).add(designator);
    }
  }
  // NAA and T10 vendor ID of each; relative port, port name, port group, target name of both.
  expect(ofUnits.size).toBe(4);
  expect(ofTarget.size).toBe(4);
});
