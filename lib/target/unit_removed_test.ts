/** A logical unit that goes while commands for it are in every state: each of them is answered, and none of its data is written any more. */

import { expect } from "expect";
import { u32 } from "../base/bytes.ts";
import { ATTR_ORDERED } from "../iscsi/pdu/scsi_command.ts";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import { type DiskFixture, diskFixturesOf } from "./testing/disks.ts";
import { fakeVolume } from "./testing/fakes.ts";
import { gate, pattern, settle } from "./testing/fixture.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";

const fixture = diskFixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});
const [READ, WRITE, SYNCHRONIZE_CACHE] = [0x28, 0x2a, 0x35];
const READY = new Uint8Array(16);
const TWO = encodeLun(2);
const ABORT_TASK = 1;
const TASK_MANAGEMENT_RESPONSE = 0x22;
const GONE = { key: 5, code: 0x2500 };

/** A unit at LUN 2 that reads and writes when it is let, and a session. */
async function withSlowUnit(sizeBytes = 1024 * 1024) {
  const disks = fixture();
  const { volume, store } = fakeVolume({ sizeBytes, clock: systemClock });
  disks.target.addUnit(2, volume);
  const { initiator } = await disks.session();
  const hold = gate();
  store.gate = hold.wait;
  // It is known for that: data are put where they can stay, and the connection reads on.
  volume.waits = true;
  return { disks, volume, store, initiator, hold };
}

function remove(disks: DiskFixture): { isOver: () => boolean } {
  let over = false;
  disks.target.removeUnit(2).then(() => over = true);
  return { isOver: () => over };
}

async function expectGone(initiator: RawInitiator, tag: number) {
  expect(senseOf(await initiator.ended(tag))).toEqual(GONE);
}

Deno.test("a command whose data are on their way is answered at once, and its data go nowhere", async () => {
  const { disks, store, initiator } = await withSlowUnit();
  const cdb = cdb10(WRITE, 0, 16);
  const tag = await initiator.command({ cdb, write: 8192, lun: TWO });
  const r2t = (await initiator.receive()).bytes.slice();
  expect(r2t[0]).toBe(opcode.R2T);
  store.gate = undefined;
  const { isOver } = remove(disks);
  await expectGone(initiator, tag);
  await settle();
  expect(isOver()).toBe(true);
  const ttt = u32(r2t, 20);
  await initiator.dataOut({ tag, ttt, offset: 0, data: pattern(8192) });
  // The session and its other units are as good as before.
  const ready = await initiator.run({ cdb: READY });
  expect(senseOf(ready).code).toBe(0x3f0e);
  expect((await initiator.run({ cdb: READY })).status).toBe(0);
  expect(store.calls).toEqual(["flush 0+0"]);
});

Deno.test("commands that the store works for, and those that wait for them, are answered when it is done", async () => {
  const { disks, store, initiator, hold } = await withSlowUnit();
  const one = { write: 512, data: pattern(512), lun: TWO };
  await initiator.command({ cdb: cdb10(WRITE, 0, 1), ...one });
  await initiator.command({ cdb: cdb10(READ, 8, 1), read: 512, lun: TWO });
  await initiator.command({ cdb: cdb10(SYNCHRONIZE_CACHE, 0, 0), lun: TWO });
  await settle();
  const last = await initiator.command({
    cdb: cdb10(WRITE, 9, 1),
    ...one,
    attr: ATTR_ORDERED,
  });
  await settle();
  const { isOver } = remove(disks);
  // The one that waits for the others has nothing to wait for any more.
  await expectGone(initiator, last);
  expect(isOver()).toBe(false);
  hold.open();
  store.gate = undefined;
  const tags = new Set<number>();
  for (let i = 0; i < 3; i++) {
    const { bytes } = await initiator.receive();
    expect([bytes[0], bytes[3]]).toEqual([opcode.SCSI_RESPONSE, 2]);
    tags.add(u32(bytes, 16));
  }
  expect(tags).toEqual(new Set([last - 3, last - 2, last - 1]));
  await settle();
  expect(isOver()).toBe(true);
  expect(store.calls.filter((call) => call.startsWith("write")))
    .toEqual(["write 0+512"]);
});

Deno.test("a command that waits for one with an earlier number finds nobody when its turn comes", async () => {
  const { disks, store, initiator } = await withSlowUnit();
  store.gate = undefined;
  const missing = initiator.cmdSn++;
  const tag = await initiator.command({ cdb: READY, lun: TWO });
  await settle();
  await disks.target.removeUnit(2);
  const before = await initiator.command({ cdb: READY, cmdSn: missing });
  expect(senseOf(await initiator.ended(before)).code).toBe(0x3f0e);
  await expectGone(initiator, tag);
});

Deno.test("a read that waits for its reader is answered after what was sent of it", async () => {
  const { disks, store } = await withSlowUnit(4 * 1024 * 1024);
  const { initiator } = await disks.session({ n: 1 });
  store.gate = () => Promise.resolve();
  const read = 4 * 1024 * 1024;
  const tags: number[] = [];
  for (let i = 0; i < 8; i++) {
    const cdb = cdb10(READ, 0, read / 512);
    tags.push(await initiator.command({ cdb, read, lun: TWO }));
  }
  await settle();
  const { isOver } = remove(disks);
  await settle();
  expect(isOver()).toBe(true);
  const ends = new Map<number, number>();
  while (ends.size < tags.length) {
    const { bytes } = await initiator.receive();
    if (bytes[0] === opcode.DATA_IN && (bytes[1]! & 1) === 0) continue;
    ends.set(u32(bytes, 16), bytes[3]!);
  }
  expect([...ends.keys()].sort((a, b) => a - b)).toEqual(tags);
  expect(ends.get(tags.at(-1)!)).toBe(2);
});

Deno.test("what was aborted before its unit goes is not answered a second time", async () => {
  const { disks, initiator, hold } = await withSlowUnit();
  const cdb = cdb10(WRITE, 0, 1);
  const one = { write: 512, data: pattern(512), lun: TWO };
  const referenced = await initiator.command({ cdb, ...one });
  await settle();
  await initiator.taskManagement({
    function: ABORT_TASK,
    referenced,
    lun: TWO,
  });
  await settle();
  remove(disks);
  hold.open();
  expect((await initiator.receive()).bytes[0]).toBe(TASK_MANAGEMENT_RESPONSE);
  const ready = await initiator.run({ cdb: READY });
  expect(senseOf(ready).code).toBe(0x3f0e);
});
