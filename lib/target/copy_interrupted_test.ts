/** EXTENDED COPY that does not come to its end, and what happens beside one. */

import { expect } from "expect";
import { equalBytes, u16, u32 } from "../base/bytes.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { copyCdb, copyList, resultsCdb } from "../scsi/copy/testing.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import {
  BLOCK,
  BOTH,
  copy,
  failure,
  FIRST,
  MIB_BLOCKS,
  ONE,
  part,
  SECOND,
} from "./testing/copies.ts";
import { type DiskFixture, diskFixturesOf } from "./testing/disks.ts";
import { FakeStore } from "./testing/fakes.ts";
import { gate, settle } from "./testing/fixture.ts";

const fixture = diskFixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

/** Disk 1 is a store that waits and fails as a test wants. */
async function withFake() {
  const fake = new FakeStore(BOTH[1].slice());
  const disks = fixture([{}, { store: fake }]);
  const first = BOTH[0].slice();
  await disks.target.units.get(0)!.store.write(0, first);
  const before = fake.bytes.slice();
  fake.calls.length = 0;
  return { disks, fake, first, before };
}

const [ABORT_TASK, LUN_RESET] = [1, 5];

/** A copy of several pieces whose first write is held; gives its tag. */
async function held(disks: DiskFixture, fake: FakeStore) {
  const { initiator, served } = await disks.session();
  const hold = gate();
  fake.gate = hold.wait;
  const list = copyList({
    cscds: [FIRST, SECOND],
    segments: [{ blocks: 3 * MIB_BLOCKS, destination: 1 }],
  });
  const tag = await initiator.command({
    cdb: copyCdb(list.length),
    write: list.length,
    data: list,
  });
  await settle();
  expect(fake.calls).toEqual(["write 0+1048576"]);
  return { initiator, served, hold, tag };
}

Deno.test("a store that fails ends the copy, and its status says how far it came", async () => {
  const { disks, fake, first, before } = await withFake();
  const { initiator } = await disks.session();
  let writes = 0;
  fake.broken = (what) => what === "write" && ++writes > 2;
  const ended = await copy(initiator, [
    { blocks: 1, destinationLba: 7 },
    { blocks: 3 * MIB_BLOCKS, destinationLba: 8 },
  ]);
  expect(senseOf(ended)).toEqual({ key: 0xa, code: 0 });
  const { data } = await initiator.run({ cdb: resultsCdb(0), read: 1024 });
  const done = BLOCK + 1024 * 1024;
  expect([data[4], u16(data, 5), u32(data, 8)]).toEqual([2, 1, done]);
  expect(await failure(initiator)).toMatchObject({
    segment: 1,
    end: "destination",
    said: 0x4400,
  });
  before.set(part(first, 0, 1), 7 * BLOCK);
  before.set(part(first, 0, MIB_BLOCKS), 8 * BLOCK);
  expect(equalBytes(fake.bytes, before)).toBe(true);
});

Deno.test("ABORT TASK, a reset and the end of the session stop a copy after the piece at hand", async () => {
  for (const how of ["abort", "reset", "cut"] as const) {
    const { disks, fake } = await withFake();
    const { initiator, served, hold, tag } = await held(disks, fake);
    if (how === "cut") await initiator.duplex.close();
    else {
      await initiator.taskManagement(
        how === "abort"
          ? { function: ABORT_TASK, referenced: tag }
          : { function: LUN_RESET },
      );
    }
    await settle();
    hold.open();
    if (how === "cut") await served;
    else expect((await initiator.receive()).bytes[0]).toBe(0x22);
    await settle();
    expect([how, fake.calls]).toEqual([how, ["write 0+1048576"]]);
    expect(disks.target.units.get(1)!.order.idle).toBe(true);
    if (how !== "abort") continue;
    const { data } = await initiator.run({ cdb: resultsCdb(0), read: 1024 });
    expect(data[4]).toBe(2);
    fake.gate = undefined;
    expect((await copy(initiator, [{ blocks: 1 }])).status).toBe(0);
  }
});

Deno.test("a copy that is aborted between its read and its write does not write", async () => {
  const fake = new FakeStore(BOTH[0].slice());
  const disks = fixture([{ store: fake }, {}]);
  const { initiator } = await disks.session();
  const hold = gate();
  fake.gate = hold.wait;
  const list = copyList({
    cscds: [FIRST, SECOND],
    segments: [{ blocks: MIB_BLOCKS, destination: 1 }],
  });
  const tag = await initiator.command({
    cdb: copyCdb(list.length),
    write: list.length,
    data: list,
  });
  await settle();
  await initiator.taskManagement({ function: ABORT_TASK, referenced: tag });
  await settle();
  hold.open();
  expect((await initiator.receive()).bytes[0]).toBe(0x22);
  const { store } = disks.target.units.get(1)!;
  expect(store.nextMapped(0)).toBeUndefined();
  const { data } = await initiator.run({ cdb: resultsCdb(0), read: 1024 });
  expect([data[4], u32(data, 8)]).toEqual([2, 0]);
});

Deno.test("a destination that is reset, goes, shrinks or is reserved meanwhile is written no more", async () => {
  for (
    const [how, code] of [
      ["reset", 0x0d02],
      ["removed", 0x0d02],
      ["resized", 0],
      ["reserved", 0x0d01],
    ] as const
  ) {
    const { disks, fake } = await withFake();
    const { initiator, hold, tag } = await held(disks, fake);
    const volume = disks.target.units.get(1)!;
    let gone: Promise<unknown> | undefined;
    if (how === "reset") volume.unit.reset("logical-unit");
    if (how === "removed") gone = disks.target.removeUnit(1);
    if (how === "resized") volume.resized(1024 * 1024);
    if (how === "reserved") {
      const { initiator: other } = await disks.session({ n: 1 });
      await other.run({ cdb: cdb10(0x56, 0, 0), lun: ONE });
    }
    fake.gate = undefined;
    await settle();
    // Nothing is made of what is still being written to.
    expect([how, fake.calls]).toEqual([how, ["write 0+1048576"]]);
    hold.open();
    expect([how, senseOf(await initiator.ended(tag))])
      .toEqual([how, { key: 0xa, code }]);
    await gone;
    const writes = fake.calls.filter((call) => call.startsWith("write"));
    expect(writes).toEqual(["write 0+1048576"]);
  }
});

Deno.test("others run between the pieces of a copy", async () => {
  const { disks, fake } = await withFake();
  const { initiator, hold, tag } = await held(disks, fake);
  const { initiator: other } = await disks.session({ n: 1 });
  const ready = await other.run({ cdb: cdb10(0x28, 0, 1), read: BLOCK });
  expect(ready.data).toEqual(BOTH[0].subarray(0, BLOCK));
  fake.gate = undefined;
  hold.open();
  expect((await initiator.ended(tag)).status).toBe(0);
});

Deno.test("without a write cache at the destination, a copy is stable before it is answered", async () => {
  const { disks, fake } = await withFake();
  const { initiator } = await disks.session();
  const select = cdb10(0x55, 0, 0);
  select[1] = 0x10;
  select[8] = 28;
  const sense = cdb10(0x5a, 0, 0);
  sense[2] = 0x08;
  sense[1] = 0x08;
  sense[8] = 255;
  const { data } = await initiator.run({ cdb: sense, read: 255, lun: ONE });
  const list = new Uint8Array(28);
  list.set(data.subarray(8, 28), 8);
  list[8]! &= 0x7f;
  list[10]! &= ~0x04;
  const set = await initiator.run({
    cdb: select,
    write: 28,
    data: list,
    lun: ONE,
  });
  expect(set.status).toBe(0);
  await initiator.run({ cdb: cdb10(0, 0, 0) });
  fake.calls.length = 0;
  expect((await copy(initiator, [{ blocks: 1 }])).status).toBe(0);
  expect(fake.calls).toEqual(["write 0+512", "flush 0+0"]);
  fake.broken = (what) => what === "flush";
  const ended = await copy(initiator, [{ blocks: 1 }]);
  expect(senseOf(ended)).toEqual({ key: 0xa, code: 0 });
  expect(await failure(initiator)).toMatchObject({ end: "destination" });
});
