import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { ConnectionLost, PeerError } from "../base/errors.ts";
import { LoginFailure } from "../iscsi/login_failure.ts";
import type { Offer } from "../iscsi/offer.ts";
import { encodeAsyncMessage } from "../iscsi/pdu/async_message.ts";
import { decodeDataOut } from "../iscsi/pdu/data_out.ts";
import { decodeLogoutRequest } from "../iscsi/pdu/logout_request.ts";
import { encodeLogoutResponse } from "../iscsi/pdu/logout_response.ts";
import { encodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { decodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { encodeR2t } from "../iscsi/pdu/r2t.ts";
import { encodeReject } from "../iscsi/pdu/reject.ts";
import { decodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import { encodeSense } from "../iscsi/pdu/scsi_response.ts";
import { decodeTaskManagementRequest } from "../iscsi/pdu/task_management_request.ts";
import { encodeTaskManagementResponse } from "../iscsi/pdu/task_management_response.ts";
import { decodeTextRequest } from "../iscsi/pdu/text_request.ts";
import { encodeTextResponse } from "../iscsi/pdu/text_response.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectInitiator, type InitiatorOptions } from "./initiator.ts";
import { ScriptedTarget } from "./scripted_target.ts";
import type { Session, SessionEvent } from "./session.ts";

const LUN = new Uint8Array(8);
const TUR = new Uint8Array(6);
const RESERVED = 0xffff_ffff;

interface Setup {
  readonly options?: Partial<InitiatorOptions>;
  readonly offer?: Partial<Offer>;
  readonly windowCommands?: number;
  readonly chunkBytes?: number;
}

/** A session and the target that it is with. */
async function connected(
  setup: Setup = {},
): Promise<
  { session: Session; target: ScriptedTarget; events: SessionEvent[] }
> {
  const { chunkBytes, windowCommands, offer, options } = setup;
  const [near, far] = duplexPair({ ...(chunkBytes && { chunkBytes }) });
  const target = new ScriptedTarget(far);
  const events: SessionEvent[] = [];
  const [session] = await Promise.all([
    connectInitiator({
      duplex: near,
      primitives: systemPrimitives,
      initiatorName: "iqn.1994-05.example:laptop",
      targetName: "iqn.2024-01.example:photos",
      onEvent: (event) => events.push(event),
      ...options,
    }),
    target.accept({
      primitives: systemPrimitives,
      ...(windowCommands && { windowCommands }),
      ...(offer && { offer }),
    }),
  ]);
  return { session, target, events };
}

const counting = (length: number) =>
  Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));

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
    addresses: [{ host: "127.0.0.1", port: 3260, tag: 1 }],
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
    { kind: "async", message: { asyncEvent: 1, parameter3: 10 } },
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

/** What a target may not do, after one command that reads 8 bytes or writes 8. */
const BREACHES: [
  string,
  (target: ScriptedTarget, tag: number) => Promise<void>,
][] = [
  ["a StatSN that was skipped", async (target, tag) => {
    target.statSn++;
    await target.respond(tag);
  }],
  ["an answer to nothing", (target, tag) => target.respond(tag + 1)],
  ["more data than asked for", (target, tag) =>
    target.dataIn(tag, {
      data: counting(9),
      bufferOffset: 0,
      dataSn: 0,
      last: true,
    })],
  ["data out of order", (target, tag) =>
    target.dataIn(tag, {
      data: counting(4),
      bufferOffset: 4,
      dataSn: 0,
      last: true,
    })],
  ["a DataSN that was skipped", (target, tag) =>
    target.dataIn(tag, {
      data: counting(4),
      bufferOffset: 0,
      dataSn: 1,
      last: true,
    })],
  ["an R2T beyond the data", (target, tag) =>
    target.send(encodeR2t, {
      lun: LUN,
      initiatorTaskTag: tag,
      targetTransferTag: 1,
      statSn: target.statSn,
      expCmdSn: 2,
      maxCmdSn: 9,
      r2tSn: 0,
      bufferOffset: 4,
      desiredDataTransferLength: 9,
    })],
  [
    "a sense longer than its data",
    (target, tag) =>
      target.respond(tag, { status: 2, data: Uint8Array.of(0, 9, 1) }),
  ],
  ["an initiator's PDU", (target, tag) =>
    target.raw(target.make(
      (_fields: object, into, at) => into[at] = 0x01,
      { tag },
    ))],
  ["a flipped bit under a digest", async (target, tag) => {
    const bytes = target.make((_: object, into, at) => {
      into[at] = 0x21;
    }, { tag });
    bytes[20]! ^= 1;
    await target.raw(bytes);
  }],
];

for (const [name, breach] of BREACHES) {
  Deno.test(`initiator: a target's breach ends the session: ${name}`, async () => {
    const { session, target } = await connected({
      options: { headerDigest: ["CRC32C"] },
    });
    const failed = expect(
      session.command({ lun: 0, cdb: TUR, dataInLength: 8 }),
    ).rejects.toThrow(PeerError);
    const { initiatorTaskTag } = await target.expect(decodeScsiCommand);
    await breach(target, initiatorTaskTag);
    await failed;
    await session.closed;
  });
}

Deno.test("initiator: flipped data under a digest ends the session", async () => {
  const { session, target } = await connected({
    options: { dataDigest: ["CRC32C"] },
  });
  const asked = session.nop();
  const failed = expect(asked).rejects.toThrow("digest");
  const { initiatorTaskTag } = await target.expect(decodeNopOut);
  const bytes = target.make(encodeNopIn, {
    dataSegmentLength: 4,
    lun: LUN,
    initiatorTaskTag,
    targetTransferTag: RESERVED,
    ...target.counted(),
  }, counting(4));
  bytes[50]! ^= 1;
  await target.raw(bytes);
  await failed;
  await session.closed;
});

Deno.test("initiator: a refused login says why", async () => {
  const [near, far] = duplexPair();
  const target = new ScriptedTarget(far);
  const secret = utf8("annas-secret");
  const login = connectInitiator({
    duplex: near,
    primitives: systemPrimitives,
    initiatorName: "iqn.1994-05.example:laptop",
    targetName: "iqn.2024-01.example:photos",
    chap: { initiator: { user: "anna", secret: utf8("another-one!") } },
  });
  const failed = expect(login).rejects.toThrow(LoginFailure);
  const accepted = await target.accept({
    primitives: systemPrimitives,
    chap: { users: [{ user: "anna", secret }] },
  });
  expect(accepted).toBe(false);
  await failed;
  await expect(login).rejects.toThrow("authentication failed");
});

Deno.test("initiator: a target that hangs up during login", async () => {
  const [near, far] = duplexPair();
  const login = connectInitiator({
    duplex: near,
    primitives: systemPrimitives,
    initiatorName: "iqn.1994-05.example:laptop",
  });
  await far.close();
  await expect(login).rejects.toThrow(ConnectionLost);
});
