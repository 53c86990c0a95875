import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import { decodeReject } from "../iscsi/pdu/reject.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { equalBytes, u32 } from "../base/bytes.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const READ = 0x28;
const WRITE = 0x2a;
const KiB = 1024;

Deno.test("a read goes out in Data-Ins of MaxRecvDataSegmentLength, and the last carries GOOD", async () => {
  const { session, store } = fixture();
  store.bytes.set(pattern(64 * KiB));
  const { initiator } = await session({
    keys: { MaxRecvDataSegmentLength: "4096", MaxBurstLength: "8192" },
  });
  const ended = await initiator.run({
    cdb: cdb10(READ, 3, 21),
    read: 21 * 512,
  });
  expect(ended.status).toBe(0);
  expect(ended.data).toEqual(store.bytes.slice(3 * 512, 24 * 512));
  expect(ended.response).toBeUndefined();
  expect(ended.dataIns.map((pdu) => pdu.dataSegmentLength)).toEqual([
    4096,
    4096,
    2560,
  ]);
  expect(ended.dataIns.map((pdu) => pdu.final)).toEqual([false, true, true]);
  expect(ended.dataIns.map((pdu) => pdu.dataSn)).toEqual([0, 1, 2]);
  expect(ended.dataIns.map((pdu) => pdu.statSn !== 0)).toEqual([
    false,
    false,
    true,
  ]);
  expect(ended.dataIns.map((pdu) => pdu.bufferOffset)).toEqual([0, 4096, 8192]);
});

Deno.test("data come immediately, unsolicited, by R2T, and mixed; every way they read back", async () => {
  const ways = [
    { keys: {}, immediate: 16 * KiB, unsolicited: 0 },
    { keys: { InitialR2T: "No" }, immediate: 0, unsolicited: 16 * KiB },
    { keys: { InitialR2T: "No" }, immediate: 4 * KiB, unsolicited: 8 * KiB },
    {
      keys: { ImmediateData: "No", InitialR2T: "Yes" },
      immediate: 0,
      unsolicited: 0,
    },
    {
      keys: { MaxBurstLength: "512", FirstBurstLength: "512" },
      immediate: 512,
      unsolicited: 0,
    },
    {
      keys: { HeaderDigest: "CRC32C", DataDigest: "CRC32C" },
      immediate: 1 * KiB,
      unsolicited: 0,
    },
  ];
  for (const { keys, immediate, unsolicited } of ways) {
    for (const late of [false, true]) {
      const { session, store } = fixture();
      if (late) store.gate = () => Promise.resolve();
      const { initiator } = await session({ keys, chunkBytes: 777 });
      const data = pattern(16 * KiB, immediate + unsolicited);
      const tag = await initiator.command({
        cdb: cdb10(WRITE, 5, 32),
        write: data.length,
        data: data.subarray(0, immediate),
        final: unsolicited === 0,
      });
      for (
        let at = immediate, sn = 0;
        at < immediate + unsolicited;
        at += 4 * KiB
      ) {
        await initiator.dataOut({
          tag,
          offset: at,
          dataSn: sn++,
          final: at + 4 * KiB === immediate + unsolicited,
          data: data.subarray(at, at + 4 * KiB),
        });
      }
      const ended = await initiator.ended(tag, data);
      expect(ended.status).toBe(0);
      expect(ended.residualCount).toBe(0);
      expect(store.bytes.subarray(5 * 512, 37 * 512)).toEqual(data);
      expect(store.bytes[5 * 512 - 1]).toBe(0);
      expect(store.bytes[37 * 512]).toBe(0);
      expect(store.calls.length).toBe(1);
    }
  }
});

Deno.test("a long write is written a burst at a time, and a long read crosses the queue's limit", async () => {
  for (const late of [false, true]) {
    const { session, store } = fixture({ sizeBytes: 8 * 1024 * KiB });
    if (late) store.gate = () => Promise.resolve();
    const { initiator } = await session();
    const data = pattern(5 * 1024 * KiB + 512);
    const write = await initiator.run({
      cdb: cdb10(WRITE, 1, data.length / 512),
      write: data.length,
      data: data.subarray(0, 512),
    }, data);
    expect(write.status).toBe(0);
    expect(store.calls.length).toBeGreaterThan(5);
    const read = await initiator.run({
      cdb: cdb10(READ, 1, data.length / 512),
      read: data.length,
    });
    expect(read.status).toBe(0);
    expect(equalBytes(read.data, data)).toBe(true);
  }
});

Deno.test("a refused write takes its unsolicited data and answers after them", async () => {
  const { session, store } = fixture();
  const { initiator } = await session({ keys: { InitialR2T: "No" } });
  const tag = await initiator.command({
    cdb: cdb10(0xff, 0, 0),
    write: 2048,
    data: pattern(512),
    final: false,
  });
  await initiator.dataOut({ tag, offset: 512, data: pattern(1536) });
  const ended = await initiator.ended(tag);
  expect(senseOf(ended)).toEqual({ key: 5, code: 0x2000 });
  expect([ended.underflow, ended.residualCount]).toEqual([true, 2048]);
  expect(store.calls).toEqual([]);
});

Deno.test("data that break the rules end their task alone", async () => {
  const { session, store } = fixture();
  const { initiator } = await session({
    keys: { ImmediateData: "No", InitialR2T: "Yes" },
  });
  const cases = [
    { dataSn: 1, offset: 0, length: 1024, code: 0x4705 },
    { dataSn: 0, offset: 512, length: 512, code: 0x4705 },
    { dataSn: 0, offset: 0, length: 1536, code: 0x0c0d },
    { dataSn: 0, offset: 0, length: 512, code: 0x0c0d },
  ];
  for (const { dataSn, offset, length, code } of cases) {
    const tag = await initiator.command({
      cdb: cdb10(WRITE, 0, 2),
      write: 1024,
    });
    const r2t = await initiator.receive();
    expect(r2t.bytes[0]).toBe(opcode.R2T);
    const ttt = u32(r2t.bytes, 20);
    await initiator.dataOut({
      tag,
      ttt,
      dataSn,
      offset,
      data: pattern(length),
    });
    expect(senseOf(await initiator.ended(tag))).toEqual({ key: 0xb, code });
    // What still comes for it is dropped.
    await initiator.dataOut({
      tag,
      ttt,
      dataSn: 1,
      offset: 512,
      data: pattern(512),
    });
  }
  expect(store.calls).toEqual([]);
  const unasked = await initiator.command({
    cdb: cdb10(WRITE, 0, 2),
    write: 1024,
    data: pattern(512),
  });
  expect(senseOf(await initiator.ended(unasked)).code).toBe(0x0c0c);
  const good = await initiator.run(
    { cdb: cdb10(WRITE, 0, 2), write: 1024 },
    pattern(1024),
  );
  expect(good.status).toBe(0);
});

Deno.test("a wrong data digest is rejected and ends the task after all of its data; a wrong header digest ends the connection", async () => {
  const { session, store, complaints } = fixture();
  const { initiator, served } = await session({
    keys: {
      HeaderDigest: "CRC32C",
      DataDigest: "CRC32C",
      ImmediateData: "No",
      InitialR2T: "Yes",
    },
  });
  const tag = await initiator.command({ cdb: cdb10(WRITE, 0, 2), write: 1024 });
  const ttt = u32((await initiator.receive()).bytes, 20);
  const bad = initiator.dataOutPdu({
    tag,
    ttt,
    offset: 0,
    final: false,
    data: pattern(512),
  });
  bad[60]! ^= 1;
  await initiator.duplex.write(bad);
  const reject = await initiator.receive();
  expect(reject.bytes[0]).toBe(opcode.REJECT);
  expect(decodeReject(reject.bytes).reason).toBe(2);
  expect(reject.data).toEqual(bad.subarray(0, 48));
  await initiator.dataOut({
    tag,
    ttt,
    offset: 512,
    dataSn: 1,
    data: pattern(512),
  });
  expect(senseOf(await initiator.ended(tag))).toEqual({
    key: 0xb,
    code: 0x4705,
  });
  expect(store.calls).toEqual([]);

  const { bytes } = initiator.commandPdu({ cdb: cdb10(READ, 0, 1), read: 512 });
  bytes[35]! ^= 1;
  await initiator.duplex.write(bytes);
  await initiator.closed();
  await served;
  expect(complaints.at(-1)).toContain("digest");
});

Deno.test("a command with a wrong data digest is as if it had never come, until it comes again", async () => {
  const { session, store } = fixture();
  const { initiator } = await session({
    keys: { DataDigest: "CRC32C" },
    chunkBytes: 100,
  });
  const write = (lba: number) =>
    initiator.commandPdu({
      cdb: cdb10(WRITE, lba, 1),
      write: 512,
      data: pattern(512, lba),
    });
  const good = write(0);
  const bad = good.bytes.slice();
  bad[50]! ^= 1;
  await initiator.duplex.write(bad);
  expect((await initiator.receive()).bytes[0]).toBe(opcode.REJECT);
  // What comes after the gap waits for it.
  const later = [write(1), write(2), write(3)];
  for (const { bytes } of later) await initiator.duplex.write(bytes);
  await settle();
  expect(store.calls).toEqual([]);
  await initiator.duplex.write(good.bytes);
  for (const { tag } of [good, ...later]) {
    expect((await initiator.ended(tag)).status).toBe(0);
  }
  for (let lba = 0; lba < 4; lba++) {
    const found = store.bytes.subarray(lba * 512, lba * 512 + 512);
    expect(found).toEqual(pattern(512, lba));
  }
});

Deno.test("what a store that waits still has to read is not overwritten by what comes next", async () => {
  const { session, store } = fixture();
  const { initiator } = await session({ chunkBytes: 100 });
  const hold = gate();
  store.gate = hold.wait;
  const tags: number[] = [];
  for (let lba = 0; lba < 6; lba++) {
    tags.push(
      await initiator.command({
        cdb: cdb10(WRITE, lba, 1),
        write: 512,
        data: pattern(512, lba),
      }),
    );
  }
  await settle();
  hold.open();
  for (const tag of tags) {
    expect((await initiator.ended(tag)).status).toBe(0);
  }
  for (let lba = 0; lba < 6; lba++) {
    const found = store.bytes.subarray(lba * 512, lba * 512 + 512);
    expect(found).toEqual(pattern(512, lba));
  }
});

Deno.test("a long write is handed on in whole blocks, wherever its sequences end", async () => {
  const length = 1536 * KiB + 512;
  for (const late of [false, true]) {
    const { session, store } = fixture({ sizeBytes: 2048 * KiB });
    if (late) store.gate = () => Promise.resolve();
    const { initiator } = await session({
      keys: { FirstBurstLength: "1000", MaxBurstLength: "100001" },
    });
    const data = pattern(length);
    const cdb = cdb10(WRITE, 0, length / 512);
    expect((await initiator.run({ cdb, write: length }, data)).status).toBe(0);
    expect(equalBytes(store.bytes.subarray(0, length), data)).toBe(true);
    const lengths = store.calls.map((call) => Number(call.split("+")[1]));
    expect(lengths.length).toBeGreaterThan(10);
    expect(lengths.every((bytes) => bytes % 512 === 0)).toBe(true);
  }
});
