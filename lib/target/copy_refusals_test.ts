/** EXTENDED COPY where something is in the way: what may not be read or written is not, and nothing behind it is touched. */

import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import {
  BLOCK,
  copy,
  failure,
  filled,
  FIRST,
  holds,
  LAST,
  ONE,
  part,
  SECOND,
} from "./testing/copies.ts";
import { diskFixturesOf, diskVolume, naaOf } from "./testing/disks.ts";
import { pattern } from "./testing/fixture.ts";

const fixture = diskFixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

Deno.test("a segment beyond an end fails at its turn: what came before is done, what comes after is not", async () => {
  for (
    const [beyond, end] of [
      [{ sourceLba: LAST, blocks: 2 }, "source"],
      [{ destinationLba: LAST, blocks: 2 }, "destination"],
      [{ sourceLba: LAST + 1, blocks: 1 }, "source"],
      [{ destinationLba: 2 ** 52, blocks: 1 }, "destination"],
    ] as const
  ) {
    const disks = fixture();
    const { first, second } = await filled(disks);
    const { initiator } = await disks.session();
    const ended = await copy(initiator, [
      { blocks: 1, destinationLba: 5 },
      beyond,
      { blocks: 1, destinationLba: 6 },
    ]);
    expect(senseOf(ended)).toEqual({ key: 0xa, code: 0 });
    second.set(part(first, 0, 1), 5 * BLOCK);
    await holds(disks, 1, second);
    await holds(disks, 0, first);
    expect(await failure(initiator)).toEqual({
      key: 0xa,
      code: 0,
      segment: 1,
      end,
      status: 2,
      said: 0x2100,
    });
  }
});

Deno.test("no unit of another target is reached, and none that is not there", async () => {
  const disks = fixture();
  const { second } = await filled(disks);
  const other = diskVolume({ clock: systemClock, n: 9 });
  const secret = pattern(BLOCK, 5);
  await other.store.write(0, secret);
  disks.targets.add({
    iqn: "iqn.2026-01.example:other",
    name: "other",
    units: new Map([[0, other]]),
  });
  const { initiator } = await disks.session();
  const foreign = { naa: naaOf(9) };
  const attempts = [
    copy(initiator, [{ blocks: 1 }], { cscds: [foreign, SECOND] }),
  ];
  expect(senseOf((await Promise.all(attempts))[0]!))
    .toEqual({ key: 0xa, code: 0x0804 });
  const into = await copy(initiator, [{ blocks: 1 }], {
    cscds: [FIRST, foreign],
  });
  expect(senseOf(into)).toEqual({ key: 0xa, code: 0x0804 });
  const index = await copy(initiator, [{ blocks: 1, destination: 2 }]);
  expect(senseOf(index)).toEqual({ key: 0xa, code: 0x0804 });
  const tape = await copy(initiator, [{ blocks: 1 }], {
    cscds: [FIRST, { ...SECOND, peripheralDeviceType: 1 }],
  });
  expect(senseOf(tape)).toEqual({ key: 0xa, code: 0x0d03 });
  await holds(disks, 1, second);
  const untouched = new Uint8Array(BLOCK);
  await other.store.read(0, untouched);
  expect(untouched).toEqual(secret);
});

Deno.test("what must not be written is not copied to, but from", async () => {
  const disks = fixture([{}, { readOnly: true }]);
  const { initiator } = await disks.session();
  const ended = await copy(initiator, [{ blocks: 1 }]);
  expect(senseOf(ended)).toEqual({ key: 0xa, code: 0 });
  expect(await failure(initiator)).toMatchObject({
    end: "destination",
    said: 0x2700,
  });
  // A command to the read-only unit may copy from it.
  const from = await copy(
    initiator,
    [{ blocks: 1, source: 1, destination: 0 }],
    { lun: ONE },
  );
  expect(from.status).toBe(0);
  const { initiator: reader } = await disks.session({ n: 1, readOnly: true });
  expect(
    senseOf(await copy(reader, [{ blocks: 1, source: 1, destination: 0 }])),
  )
    .toEqual({ key: 7, code: 0x2700 });
});

Deno.test("reservations of both ends hold for a copy", async () => {
  const RESERVE = cdb10(0x56, 0, 0);
  const RELEASE = cdb10(0x57, 0, 0);
  for (const [lun, end] of [[0, "source"], [1, "destination"]] as const) {
    const disks = fixture([{}, {}, {}]);
    const { second } = await filled(disks);
    const { initiator } = await disks.session();
    const { initiator: holder } = await disks.session({ n: 1 });
    const reserved = await holder.run({ cdb: RESERVE, lun: encodeLun(lun) });
    expect(reserved.status).toBe(0);
    // Through a unit that nobody has reserved.
    const through = { lun: encodeLun(2) };
    const ended = await copy(initiator, [{ blocks: 1 }], through);
    expect(senseOf(ended)).toEqual({ key: 0xa, code: 0x0d01 });
    await holds(disks, 1, second);
    if (lun === 1) {
      expect(await failure(initiator)).toMatchObject({ end, status: 0x18 });
    }
    const asked = await copy(initiator, [{ blocks: 1 }], {
      lun: encodeLun(lun),
    });
    expect(asked.status).toBe(0x18);
    expect((await copy(holder, [{ blocks: 1 }], through)).status).toBe(0);
    await holder.run({ cdb: RELEASE, lun: encodeLun(lun) });
    expect((await copy(initiator, [{ blocks: 1 }], through)).status).toBe(0);
  }
});

Deno.test("a disk that others may only read is copied from, and not to", async () => {
  const disks = fixture([{}, {}, {}]);
  const { second } = await filled(disks);
  const { initiator } = await disks.session();
  const { initiator: holder } = await disks.session({ n: 1 });
  const persistent = async (action: number, type: number, at: number) => {
    const cdb = cdb10(0x5f, 0, 0);
    cdb.set([action, type], 1);
    cdb[8] = 24;
    const data = new Uint8Array(24);
    data[at] = 9;
    for (const lun of [encodeLun(0), ONE]) {
      const done = await holder.run({ cdb, write: 24, data, lun });
      expect(done.status).toBe(0);
    }
  };
  // REGISTER, then RESERVE, both of them with WRITE EXCLUSIVE.
  await persistent(0, 0, 15);
  await persistent(1, 1, 7);
  const through = { lun: encodeLun(2) };
  const from = await copy(
    initiator,
    [{ blocks: 1, destination: 1 }],
    { ...through, cscds: [FIRST, { naa: naaOf(2) }] },
  );
  expect(from.status).toBe(0);
  const to = await copy(
    initiator,
    [{ blocks: 1, destination: 1 }],
    { ...through, cscds: [{ naa: naaOf(2) }, SECOND] },
  );
  expect(senseOf(to)).toEqual({ key: 0xa, code: 0x0d01 });
  await holds(disks, 1, second);
});

Deno.test("a destination that is stopped, or that SWP protects, is not written", async () => {
  const disks = fixture();
  const { second } = await filled(disks);
  const { initiator } = await disks.session();
  const startStop = (start: number) => {
    const cdb = cdb10(0x1b, 0, 0);
    cdb[4] = start;
    return initiator.run({ cdb, lun: ONE });
  };
  expect((await startStop(0)).status).toBe(0);
  expect(senseOf(await copy(initiator, [{ blocks: 1 }])))
    .toEqual({ key: 0xa, code: 0 });
  expect(await failure(initiator)).toMatchObject({
    end: "destination",
    said: 0x0402,
  });
  expect((await startStop(1)).status).toBe(0);

  const sense = cdb10(0x1a, 0, 0);
  sense.set([0x08, 0x0a, 0, 255], 1);
  const { data } = await initiator.run({ cdb: sense, read: 255, lun: ONE });
  const list = data.slice();
  list.fill(0, 0, 4);
  list[4 + 4]! |= 0x08;
  const select = cdb10(0x15, 0, 0);
  select.set([0x10, 0, 0, list.length], 1);
  const set = await initiator.run({
    cdb: select,
    write: list.length,
    data: list,
    lun: ONE,
  });
  expect(set.status).toBe(0);
  expect(senseOf(await copy(initiator, [{ blocks: 1 }])))
    .toEqual({ key: 0xa, code: 0 });
  expect(await failure(initiator)).toMatchObject({
    end: "destination",
    said: 0x2700,
  });
  await holds(disks, 1, second);
});
