import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { fixturesOf, gate, IQN, pattern } from "./testing/fixture.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import { decodeReject } from "../iscsi/pdu/reject.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { u32 } from "../base/bytes.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const READ = 0x28;
const WRITE = 0x2a;
const FLUSH = 0x35;
const KiB = 1024;

Deno.test("FUA and SYNCHRONIZE CACHE wait for the flush, and other commands pass them", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const fua = cdb10(WRITE, 0, 1);
  fua[1] = 8;
  const hold = gate();
  const flush = store.flush.bind(store);
  store.flush = () => hold.wait().then(flush);
  const first = await initiator.command({
    cdb: fua,
    write: 512,
    data: pattern(512),
  });
  const second = await initiator.command({ cdb: cdb10(FLUSH, 0, 0) });
  const read = await initiator.run({ cdb: cdb10(READ, 0, 1), read: 512 });
  expect(read.data).toEqual(pattern(512));
  hold.open();
  expect((await initiator.ended(first)).status).toBe(0);
  expect((await initiator.ended(second)).status).toBe(0);
});

Deno.test("commands outside of the window are ignored, and the window never shrinks", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const hold = gate();
  const flush = store.flush.bind(store);
  store.flush = () => hold.wait().then(flush);
  const tags: number[] = [];
  for (let i = 0; i < 128; i++) {
    tags.push(await initiator.command({ cdb: cdb10(FLUSH, 0, 0) }));
  }
  await initiator.command({
    cdb: cdb10(0, 0, 0),
    cmdSn: initiator.cmdSn,
    tag: 900,
  });
  await initiator.command({ cdb: cdb10(0, 0, 0), cmdSn: 99, tag: 901 });
  await initiator.ping("still there");
  const pong = await initiator.receive();
  expect(pong.bytes[0]).toBe(opcode.NOP_IN);
  // MaxCmdSN = ExpCmdSN - 1: the window is closed.
  expect(u32(pong.bytes, 28)).toBe(100 + 128);
  expect(u32(pong.bytes, 32)).toBe(100 + 127);
  hold.open();
  let max = 100 + 127;
  for (const tag of tags) {
    const { response } = await initiator.ended(tag);
    expect(response!.maxCmdSn).toBeGreaterThanOrEqual(max);
    max = response!.maxCmdSn;
  }
  expect(max).toBe(100 + 255);
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("a tag that is in use and too many immediate commands are rejected", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const hold = gate();
  const flush = store.flush.bind(store);
  store.flush = () => hold.wait().then(flush);
  const tag = await initiator.command({ cdb: cdb10(FLUSH, 0, 0) });
  await initiator.command({ cdb: cdb10(FLUSH, 0, 0), tag });
  expect(decodeReject((await initiator.receive()).bytes).reason).toBe(7);
  await initiator.command({ cdb: cdb10(FLUSH, 0, 0), tag: 0xffffffff });
  expect(decodeReject((await initiator.receive()).bytes).reason).toBe(9);
  for (let i = 0; i < 33; i++) {
    await initiator.command({ cdb: cdb10(FLUSH, 0, 0), immediate: true });
  }
  expect(decodeReject((await initiator.receive()).bytes).reason).toBe(6);
  // What was rejected takes no place in the window.
  await initiator.ping("");
  const pong = await initiator.receive();
  expect(u32(pong.bytes, 32) - u32(pong.bytes, 28)).toBe(128 - 1 - 1);
  hold.open();
  expect((await initiator.ended(tag)).status).toBe(0);
});

Deno.test("units that are not there: INQUIRY says so, REPORT LUNS lists, the rest is refused", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  const lun = encodeLun(5);
  const inquiry = Uint8Array.of(0x12, 0, 0, 0, 36, ...new Uint8Array(11));
  expect((await initiator.run({ cdb: inquiry, read: 36, lun })).data[0]).toBe(
    0x7f,
  );
  const luns = new Uint8Array(16);
  luns[0] = 0xa0;
  luns[9] = 64;
  const wellKnown = Uint8Array.of(0xc1, 0x01, 0, 0, 0, 0, 0, 0);
  for (const each of [lun, wellKnown]) {
    const { data } = await initiator.run({ cdb: luns, read: 64, lun: each });
    expect(u32(data, 0)).toBe(8);
  }
  const read = await initiator.run({ cdb: cdb10(READ, 0, 1), read: 512, lun });
  expect(senseOf(read)).toEqual({ key: 5, code: 0x2500 });
});

Deno.test("a command both ways is refused, and one the wrong way moves nothing", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const both = await initiator.run({
    cdb: cdb10(READ, 0, 1),
    read: 512,
    write: 512,
    data: pattern(512),
  });
  expect(senseOf(both).key).toBe(5);
  const wrong = await initiator.run({
    cdb: cdb10(READ, 0, 1),
    write: 512,
    data: pattern(512),
  });
  expect([wrong.status, wrong.data.length]).toEqual([0, 0]);
  expect(store.calls).toEqual([]);
});

Deno.test("a store that fails is told in sense data, at once or later, in the first block or the last", async () => {
  for (const late of [false, true]) {
    const { session, store } = fixture({ sizeBytes: 4 * 1024 * KiB });
    if (late) store.gate = () => Promise.resolve();
    let good = 3;
    store.broken = () => good-- <= 0;
    const { initiator } = await session({
      keys: { MaxRecvDataSegmentLength: "4096" },
    });
    const read = await initiator.run({
      cdb: cdb10(READ, 0, 64),
      read: 32 * KiB,
    });
    expect(senseOf(read)).toEqual({ key: 3, code: 0x1100 });
    expect(read.data.length).toBe(12 * KiB);
    expect([read.underflow, read.residualCount]).toEqual([true, 20 * KiB]);
    expect(read.response!.expDataSn).toBe(3);
    const write = await initiator.run({
      cdb: cdb10(WRITE, 0, 1),
      write: 512,
      data: pattern(512),
    });
    expect(senseOf(write)).toEqual({ key: 3, code: 0x0c00 });
    const flush = await initiator.run({ cdb: cdb10(FLUSH, 0, 0) });
    expect(flush.status).toBe(2);
  }
});

Deno.test("a connection that may only read writes nothing, whatever the unit thinks", async () => {
  const { session, store } = fixture();
  const { initiator } = await session({ readOnly: true });
  const write = await initiator.run({
    cdb: cdb10(WRITE, 0, 1),
    write: 512,
    data: pattern(512),
  });
  expect(write.status).toBe(2);
  expect(store.calls).toEqual([]);
  expect((await initiator.run({ cdb: cdb10(READ, 0, 1), read: 512 })).status)
    .toBe(0);
});

Deno.test("counters tell what has gone each way", async () => {
  const { session, targets } = fixture();
  const { initiator } = await session();
  await initiator.run({
    cdb: cdb10(WRITE, 0, 4),
    write: 2048,
    data: pattern(2048),
  });
  await initiator.run({ cdb: cdb10(READ, 0, 2), read: 1024 });
  expect(targets.sessions()).toMatchObject([{
    iqn: IQN,
    volume: "disk",
    device: "laptop",
    commands: 2,
    read: { bytes: 1024, pdus: 1 },
    written: { bytes: 2048, pdus: 1 },
  }]);
});
