import { expect } from "expect";
import { decodeDataOut } from "../iscsi/pdu/data_out.ts";
import { encodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { decodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { encodeR2t } from "../iscsi/pdu/r2t.ts";
import { decodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import { encodeSense } from "../iscsi/pdu/scsi_response.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectPair, counting, type PairOptions } from "./scripted_target.ts";

const LUN = new Uint8Array(8);
const TUR = new Uint8Array(6);
const RESERVED = 0xffff_ffff;

const connected = (setup: Omit<PairOptions, "primitives"> = {}) =>
  connectPair({ primitives: systemPrimitives, ...setup });

Deno.test("initiator: a command without data, and a sense", async () => {
  const { session, target } = await connected();
  const asked = session.command({ lun: 5, cdb: TUR });
  const command = await target.expect(decodeScsiCommand);
  expect(command).toMatchObject({
    final: true,
    read: false,
    write: false,
    expectedDataTransferLength: 0,
    cmdSn: 1,
    lun: Uint8Array.of(0, 5, 0, 0, 0, 0, 0, 0),
    expStatSn: target.statSn,
  });
  const sense = Uint8Array.of(0x70, 0, 6);
  const data = new Uint8Array(5);
  encodeSense(sense, data, 0);
  await target.respond(command.initiatorTaskTag, { status: 2, data });
  expect(await asked).toMatchObject({ status: 2, response: 0, sense });
  session.abort();
});

Deno.test("initiator: data comes in over several PDUs, in any chunks", async () => {
  for (const chunkBytes of [1, 7, 4096]) {
    const { session, target } = await connected({
      chunkBytes,
      options: { headerDigest: ["CRC32C"], dataDigest: ["CRC32C"] },
    });
    const data = counting(1000);
    const asked = session.command({ lun: 0, cdb: TUR, dataInLength: 4096 });
    const command = await target.expect(decodeScsiCommand);
    expect(command).toMatchObject({
      read: true,
      expectedDataTransferLength: 4096,
    });
    const tag = command.initiatorTaskTag;
    await target.dataIn(tag, {
      data: data.subarray(0, 600),
      bufferOffset: 0,
      dataSn: 0,
      last: false,
    });
    await target.dataIn(tag, {
      data: data.subarray(600),
      bufferOffset: 600,
      dataSn: 1,
      last: true,
    });
    expect((await asked).dataIn).toEqual(data);
    session.abort();
  }
});

Deno.test("initiator: data goes into the caller's buffer", async () => {
  const { session, target } = await connected();
  const into = new Uint8Array(8);
  const asked = session.command({ lun: 0, cdb: TUR, into });
  const { initiatorTaskTag } = await target.expect(decodeScsiCommand);
  await target.dataIn(initiatorTaskTag, {
    data: counting(8),
    bufferOffset: 0,
    dataSn: 0,
    last: true,
  });
  expect((await asked).dataIn.buffer).toBe(into.buffer);
  expect(into).toEqual(counting(8));
  session.abort();
});

Deno.test("initiator: a write goes immediately, unsolicited and by R2T", async () => {
  const { session, target } = await connected({
    offer: {
      firstBurstLength: 1024,
      maxBurstLength: 2048,
      maxRecvDataSegmentLength: 512,
    },
  });
  const data = counting(3000);
  const got = new Uint8Array(3000);
  const asked = session.command({ lun: 0, cdb: TUR, dataOut: data });
  const first = (await target.next())!;
  const command = decodeScsiCommand(first.bytes);
  expect(command).toMatchObject({
    final: false,
    write: true,
    expectedDataTransferLength: 3000,
  });
  got.set(first.data, 0);
  expect(first.dataLength).toBe(512);
  const receive = async (want: object[]) => {
    for (const fields of want) {
      const pdu = (await target.next())!;
      const out = decodeDataOut(pdu.bytes);
      expect(out).toMatchObject({
        initiatorTaskTag: command.initiatorTaskTag,
        ...fields,
      });
      got.set(pdu.data, out.bufferOffset);
    }
  };
  await receive([
    { bufferOffset: 512, dataSn: 0, final: true, targetTransferTag: RESERVED },
  ]);
  await target.send(encodeR2t, {
    lun: LUN,
    initiatorTaskTag: command.initiatorTaskTag,
    targetTransferTag: 77,
    statSn: target.statSn,
    expCmdSn: 2,
    maxCmdSn: 9,
    r2tSn: 0,
    bufferOffset: 1024,
    desiredDataTransferLength: 1976,
  });
  await receive([
    { bufferOffset: 1024, dataSn: 0, final: false, targetTransferTag: 77 },
    { bufferOffset: 1536, dataSn: 1, final: false },
    { bufferOffset: 2048, dataSn: 2, final: false },
    { bufferOffset: 2560, dataSn: 3, final: true, dataSegmentLength: 440 },
  ]);
  await target.respond(command.initiatorTaskTag);
  expect((await asked).status).toBe(0);
  expect(got).toEqual(data);
  session.abort();
});

Deno.test("initiator: without immediate data and with InitialR2T nothing goes unasked", async () => {
  const { session, target } = await connected({
    offer: { immediateData: false, initialR2T: true },
  });
  const asked = session.command({ lun: 0, cdb: TUR, dataOut: counting(10) });
  const pdu = (await target.next())!;
  expect(decodeScsiCommand(pdu.bytes).final).toBe(true);
  expect(pdu.dataLength).toBe(0);
  await target.respond(decodeScsiCommand(pdu.bytes).initiatorTaskTag);
  await asked;
  session.abort();
});

Deno.test("initiator: commands wait for the window, in their order", async () => {
  const { session, target } = await connected({ windowCommands: 2 });
  const all = Array.from(
    { length: 5 },
    (_, i) => session.command({ lun: i, cdb: TUR }),
  );
  const sent: number[] = [];
  for (let i = 0; i < 5; i++) {
    const command = await target.expect(decodeScsiCommand);
    expect(command.cmdSn).toBe(1 + i);
    expect(session.tasks.size).toBeLessThanOrEqual(2);
    sent.push(command.lun[1]!);
    target.expCmdSn = command.cmdSn + 1;
    target.maxCmdSn = command.cmdSn + 2;
    await target.respond(command.initiatorTaskTag);
  }
  await Promise.all(all);
  expect(sent).toEqual([0, 1, 2, 3, 4]);
  session.abort();
});

Deno.test("initiator: an old window does not close what a newer one opened", async () => {
  const { session, target } = await connected({ windowCommands: 4 });
  await target.send(encodeNopIn, {
    dataSegmentLength: 0,
    lun: LUN,
    initiatorTaskTag: RESERVED,
    targetTransferTag: 3,
    statSn: target.statSn,
    expCmdSn: 1,
    maxCmdSn: 1,
  });
  await target.expect(decodeNopOut);
  const all = [0, 1, 2].map((lun) => session.command({ lun, cdb: TUR }));
  for (let i = 0; i < 3; i++) {
    const { initiatorTaskTag } = await target.expect(decodeScsiCommand);
    if (i < 2) continue;
    for (let tag = initiatorTaskTag - 2; tag <= initiatorTaskTag; tag++) {
      await target.respond(tag);
    }
  }
  await Promise.all(all);
  session.abort();
});

Deno.test("initiator: an old or contradictory window says nothing", async () => {
  const { session, target } = await connected({ windowCommands: 1 });
  const first = session.command({ lun: 0, cdb: TUR });
  const second = session.command({ lun: 1, cdb: TUR });
  const { initiatorTaskTag } = await target.expect(decodeScsiCommand);
  for (
    const [expCmdSn, maxCmdSn] of [[2, 0xffffffff], [100, 50], [2, 1]] as const
  ) {
    await target.send(encodeNopIn, {
      dataSegmentLength: 0,
      lun: LUN,
      initiatorTaskTag: RESERVED,
      targetTransferTag: 3,
      statSn: target.statSn,
      expCmdSn,
      maxCmdSn,
    });
    // The pong shows that it was read; the second command is still not there.
    expect((await target.expect(decodeNopOut)).targetTransferTag).toBe(3);
  }
  expect(session.tasks.size).toBe(1);
  target.maxCmdSn = 2;
  await target.respond(initiatorTaskTag);
  await first;
  const next = await target.expect(decodeScsiCommand);
  expect(next.cmdSn).toBe(2);
  await target.respond(next.initiatorTaskTag);
  await second;
  session.abort();
});
