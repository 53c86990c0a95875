import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { ConnectionLost, PeerError } from "../base/errors.ts";
import { encodeAsyncMessage } from "../iscsi/pdu/async_message.ts";
import { decodeLogoutRequest } from "../iscsi/pdu/logout_request.ts";
import { encodeLogoutResponse } from "../iscsi/pdu/logout_response.ts";
import { encodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { decodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { encodeReject } from "../iscsi/pdu/reject.ts";
import { decodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import { decodeTaskManagementRequest } from "../iscsi/pdu/task_management_request.ts";
import { encodeTaskManagementResponse } from "../iscsi/pdu/task_management_response.ts";
import { decodeTextRequest } from "../iscsi/pdu/text_request.ts";
import { encodeTextResponse } from "../iscsi/pdu/text_response.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectPair, type PairOptions } from "./scripted_target.ts";

const LUN = new Uint8Array(8);
const TUR = new Uint8Array(6);
const RESERVED = 0xffff_ffff;

const connected = (setup: Omit<PairOptions, "primitives"> = {}) =>
  connectPair({ primitives: systemPrimitives, ...setup });

Deno.test("initiator: pings both ways", async () => {
  const { session, target } = await connected();
  const asked = session.nop(utf8("ping"));
  const pdu = (await target.next())!;
  const nop = decodeNopOut(pdu.bytes);
  expect(nop).toMatchObject({ cmdSn: 1, targetTransferTag: RESERVED });
  const echo = pdu.data.slice();
  await target.send(encodeNopIn, {
    dataSegmentLength: 4,
    lun: LUN,
    initiatorTaskTag: nop.initiatorTaskTag,
    targetTransferTag: RESERVED,
    ...target.counted(),
  }, echo);
  expect(await asked).toEqual(utf8("ping"));
  const lun = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0);
  await target.send(encodeNopIn, {
    dataSegmentLength: 0,
    lun,
    initiatorTaskTag: RESERVED,
    targetTransferTag: 9,
    statSn: target.statSn,
    expCmdSn: 2,
    maxCmdSn: 9,
  });
  expect(await target.expect(decodeNopOut)).toMatchObject({
    immediate: true,
    initiatorTaskTag: RESERVED,
    targetTransferTag: 9,
    lun,
  });
  session.abort();
});

Deno.test("initiator: discovery over several responses", async () => {
  const { session, target } = await connected();
  const asked = session.discover();
  const answer = utf8(
    "TargetName=iqn.2024-01.example:a\0TargetAddress=127.0.0.1:3260,1\0",
  );
  const first = await target.expect(decodeTextRequest);
  expect(first).toMatchObject({ final: true, targetTransferTag: RESERVED });
  const response = (data: Uint8Array, goesOn: boolean) =>
    target.send(encodeTextResponse, {
      final: !goesOn,
      continue: goesOn,
      dataSegmentLength: data.length,
      lun: LUN,
      initiatorTaskTag: first.initiatorTaskTag,
      targetTransferTag: goesOn ? 4 : RESERVED,
      ...target.counted(),
    }, data);
  await response(answer.subarray(0, 20), true);
  expect(await target.expect(decodeTextRequest)).toMatchObject({
    initiatorTaskTag: first.initiatorTaskTag,
    targetTransferTag: 4,
    dataSegmentLength: 0,
  });
  await response(answer.subarray(20), false);
  expect(await asked).toEqual([{
    name: "iqn.2024-01.example:a",
    addresses: [{ hostname: "127.0.0.1", port: 3260, tag: 1 }],
  }]);
  session.abort();
});

Deno.test("initiator: an aborted command fails, and its function is answered", async () => {
  const { session, target } = await connected();
  let tag = 0;
  const command = session.command({
    lun: 0,
    cdb: TUR,
    onTag: (initiatorTaskTag) => tag = initiatorTaskTag,
  });
  const failed = expect(command).rejects.toThrow("aborted");
  await target.expect(decodeScsiCommand);
  const asked = session.taskManagement({ function: 1, referencedTaskTag: tag });
  const request = await target.expect(decodeTaskManagementRequest);
  expect(request).toMatchObject({
    immediate: true,
    function: 1,
    referencedTaskTag: tag,
    refCmdSn: 1,
    cmdSn: 2,
  });
  await target.send(encodeTaskManagementResponse, {
    response: 0,
    initiatorTaskTag: request.initiatorTaskTag,
    ...target.counted(),
  });
  expect(await asked).toBe(0);
  await failed;
  session.abort();
});

Deno.test("initiator: rejects fail their request, or are events", async () => {
  const { session, target, events } = await connected();
  const asked = session.nop();
  const failed = expect(asked).rejects.toThrow(PeerError);
  const header = (await target.next())!.bhs.slice();
  const reject = (bad: Uint8Array) =>
    target.send(encodeReject, {
      reason: 4,
      dataSegmentLength: bad.length,
      ...target.counted(),
      dataSn: 0,
    }, bad);
  await reject(header);
  await failed;
  await reject(header);
  await target.send(encodeAsyncMessage, {
    dataSegmentLength: 0,
    lun: LUN,
    ...target.counted(),
    asyncEvent: 1,
    asyncVCode: 0,
    parameter1: 0,
    parameter2: 0,
    parameter3: 10,
  });
  await target.close();
  await session.closed;
  expect(events).toMatchObject([
    { kind: "reject", reason: 4 },
    { kind: "async", asyncEvent: 1, parameters: [0, 0, 10] },
    { kind: "closed", error: { message: expect.stringContaining("closed") } },
  ]);
});

Deno.test("initiator: logging out ends the session in order", async () => {
  const { session, target, events } = await connected();
  const asked = session.logout();
  await expect(session.nop()).rejects.toThrow(ConnectionLost);
  const request = await target.expect(decodeLogoutRequest);
  await target.send(encodeLogoutResponse, {
    response: 0,
    initiatorTaskTag: request.initiatorTaskTag,
    ...target.counted(),
    time2Wait: 0,
    time2Retain: 0,
  });
  await asked;
  await session.closed;
  expect(events).toEqual([{ kind: "closed" }]);
  await expect(session.command({ lun: 0, cdb: TUR })).rejects.toThrow(
    ConnectionLost,
  );
});

Deno.test("initiator: a lost connection fails everything, sent or waiting", async () => {
  const { session, target } = await connected({ windowCommands: 1 });
  const all = [0, 1, 2].map((lun) =>
    expect(session.command({ lun, cdb: TUR })).rejects.toThrow(ConnectionLost)
  );
  await target.expect(decodeScsiCommand);
  await target.close();
  await Promise.all(all);
  await expect(session.nop()).rejects.toThrow(ConnectionLost);
});

Deno.test("initiator: a reset ends the commands before it, of its unit", async () => {
  const { session, target } = await connected();
  const before = [0, 1, 0].map((lun) => session.command({ lun, cdb: TUR }));
  for (let i = 0; i < 3; i++) await target.expect(decodeScsiCommand);
  const failed = [before[0]!, before[2]!].map((command) =>
    expect(command).rejects.toThrow("aborted")
  );
  const reset = session.taskManagement({ function: 5, lun: 0 });
  const after = session.command({ lun: 0, cdb: TUR });
  const request = await target.expect(decodeTaskManagementRequest);
  const late = await target.expect(decodeScsiCommand);
  await target.send(encodeTaskManagementResponse, {
    response: 0,
    initiatorTaskTag: request.initiatorTaskTag,
    ...target.counted(),
  });
  expect(await reset).toBe(0);
  await Promise.all(failed);
  expect([...session.tasks.values()].map(({ cmdSn }) => cmdSn)).toEqual([2, 4]);
  await target.respond(late.initiatorTaskTag);
  expect((await after).status).toBe(0);
  const lost = expect(before[1]!).rejects.toThrow(ConnectionLost);
  session.abort();
  await lost;
});

Deno.test("initiator: what cannot be sent as asked is not sent at all", async () => {
  const { session, target } = await connected({
    offer: { maxRecvDataSegmentLength: 512 },
  });
  const commands = [
    { lun: 0, cdb: new Uint8Array(0) },
    { lun: 0, cdb: new Uint8Array(17) },
    { lun: 16384, cdb: TUR },
    { lun: 0, cdb: TUR, dataOut: new Uint8Array(1), dataInLength: 1 },
  ];
  for (const command of commands) {
    expect(() => session.command(command)).toThrow(RangeError);
  }
  expect(() => session.nop(new Uint8Array(513))).toThrow(RangeError);
  const longest = session.command({ lun: 16383, cdb: new Uint8Array(16) });
  const sent = await target.expect(decodeScsiCommand);
  expect(sent.cmdSn).toBe(1);
  await target.respond(sent.initiatorTaskTag);
  expect((await longest).status).toBe(0);
  session.abort();
});
