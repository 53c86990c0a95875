import { expect } from "expect";
import { u16, u32, utf8 } from "../base/bytes.ts";
import { decodeAsyncMessage } from "../iscsi/pdu/async_message.ts";
import { beginBhs, RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import { encodeLogoutRequest } from "../iscsi/pdu/logout_request.ts";
import { decodeLogoutResponse } from "../iscsi/pdu/logout_response.ts";
import { decodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { encodeNopOut } from "../iscsi/pdu/nop_out.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { decodeReject } from "../iscsi/pdu/reject.ts";
import { encodeTextRequest } from "../iscsi/pdu/text_request.ts";
import { decodeTextResponse } from "../iscsi/pdu/text_response.ts";
import { parseText, renderText } from "../iscsi/text.ts";
import { ManualClock } from "./fakes.ts";
import { fixture, gate, IQN, pattern, settle } from "./fixture.ts";
import { cdb10, type RawInitiator } from "./raw_initiator.ts";

const LUN_0 = new Uint8Array(8);

async function logout(
  initiator: RawInitiator,
  reasonCode: number,
  cid = 0,
): Promise<number> {
  await initiator.send((into, at) =>
    encodeLogoutRequest(
      {
        immediate: true,
        reasonCode,
        initiatorTaskTag: 77,
        cid,
        cmdSn: initiator.cmdSn,
        expStatSn: 0,
      },
      into,
      at,
    )
  );
  return decodeLogoutResponse((await initiator.receive()).bytes).response;
}

async function text(
  initiator: RawInitiator,
  pairs: Record<string, string>,
): Promise<{ key: string; value: string }[]> {
  const data = renderText(
    Object.entries(pairs).map(([key, value]) => ({ key, value })),
  );
  let whole = "";
  let ttt = RESERVED_TAG;
  for (let first = true;; first = false) {
    await initiator.send((into, at) =>
      encodeTextRequest(
        {
          immediate: true,
          final: true,
          continue: false,
          dataSegmentLength: first ? data.length : 0,
          lun: LUN_0,
          initiatorTaskTag: 55,
          targetTransferTag: ttt,
          cmdSn: initiator.cmdSn,
          expStatSn: 0,
        },
        into,
        at,
      ), first ? data : new Uint8Array(0));
    const pdu = await initiator.receive();
    expect(pdu.bytes[0]).toBe(opcode.TEXT_RESPONSE);
    const response = decodeTextResponse(pdu.bytes);
    whole += new TextDecoder().decode(pdu.data);
    ttt = u32(pdu.bytes, 20);
    if (response.final) return parseText(utf8(whole));
    expect(response.continue).toBe(true);
    expect(ttt).not.toBe(RESERVED_TAG);
  }
}

Deno.test("discovery tells the visible targets and the address that we were told", async () => {
  const { connect, targets, volume } = fixture();
  for (let i = 0; i < 40; i++) {
    targets.add({
      iqn: `${IQN}.${i}${"x".repeat(100)}`,
      name: `disk${i}`,
      units: new Map([[0, volume]]),
    });
  }
  const all = connect().initiator;
  expect(await all.login({ keys: { MaxRecvDataSegmentLength: "512" } })).toBe(
    0,
  );
  const names = (await text(all, { SendTargets: "All" }))
    .filter(({ key }) => key === "TargetName");
  expect(names.length).toBe(41);
  expect(await text(all, { SendTargets: IQN })).toEqual([
    { key: "TargetName", value: IQN },
    { key: "TargetAddress", value: "127.0.0.1:3260,1" },
  ]);
  expect(await logout(all, 0)).toBe(0);

  const { initiator: one, served } = connect({ only: IQN });
  expect(await one.login()).toBe(0);
  expect((await text(one, { SendTargets: "All" })).length).toBe(2);
  expect(await text(one, { SendTargets: `${IQN}.1` })).toEqual([]);
  // No commands in a discovery session.
  await one.command({ cdb: cdb10(0, 0, 0) });
  expect((await one.receive()).bytes[0]).toBe(opcode.REJECT);
  expect(await logout(one, 0)).toBe(0);
  await one.duplex.close();
  await served;
});

Deno.test("a hidden target is not there, for login either", async () => {
  const { connect } = fixture();
  const { initiator, served } = connect({ only: "iqn.2026-01.example:other" });
  expect(await initiator.login({ target: IQN })).toBe(0x0203);
  await initiator.duplex.close();
  await served;
});

Deno.test("in a session text may change what the initiator takes, and nothing else", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  store.bytes.set(pattern(2048));
  expect(
    await text(initiator, {
      MaxRecvDataSegmentLength: "512",
      MaxBurstLength: "512",
      "X-unknown": "1",
      SendTargets: "",
    }),
  ).toEqual([
    { key: "MaxBurstLength", value: "Reject" },
    { key: "X-unknown", value: "NotUnderstood" },
    { key: "TargetName", value: IQN },
    { key: "TargetAddress", value: "127.0.0.1:3260,1" },
  ]);
  const read = await initiator.run({ cdb: cdb10(0x28, 0, 4), read: 2048 });
  expect(read.dataIns.map((pdu) => pdu.dataSegmentLength)).toEqual([
    512,
    512,
    512,
    512,
  ]);
  expect(read.data).toEqual(pattern(2048));
});

Deno.test("logout closes its session or its connection, and refuses what it cannot do", async () => {
  const { session, unit } = fixture();
  const { initiator, served } = await session();
  expect(await logout(initiator, 2)).toBe(2);
  expect(await logout(initiator, 1, 9)).toBe(1);
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  expect(await logout(initiator, 1, 0)).toBe(0);
  await initiator.closed();
  await initiator.duplex.close();
  await served;
  await settle();
  expect(unit.log.map((line) => line.split(" ")[0])).toEqual(["join", "leave"]);
});

Deno.test("an initiator that neither reads nor closes after logout is cut", async () => {
  const clock = new ManualClock();
  const { session } = fixture({ clock });
  const { initiator, served } = await session();
  expect(await logout(initiator, 0)).toBe(0);
  await settle();
  clock.advance(5000);
  await served;
});

Deno.test("pings are answered with their data", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  await initiator.ping("are you there");
  const pong = await initiator.receive();
  expect(new TextDecoder().decode(pong.data)).toBe("are you there");
  expect(decodeNopIn(pong.bytes).targetTransferTag).toBe(RESERVED_TAG);
});

Deno.test("a quiet initiator is pinged; one that answers stays, one that does not is gone", async () => {
  const clock = new ManualClock();
  const { session, complaints } = fixture({
    clock,
    limits: { pingAfterMs: 1000, pingAnswerMs: 500 },
  });
  const { initiator, served } = await session();
  for (let round = 0; round < 3; round++) {
    clock.advance(1000);
    const ping = await initiator.receive();
    expect(ping.bytes[0]).toBe(opcode.NOP_IN);
    const { targetTransferTag, initiatorTaskTag } = decodeNopIn(ping.bytes);
    expect(initiatorTaskTag).toBe(RESERVED_TAG);
    await initiator.send((into, at) =>
      encodeNopOut(
        {
          immediate: true,
          dataSegmentLength: 0,
          lun: LUN_0,
          initiatorTaskTag: RESERVED_TAG,
          targetTransferTag,
          cmdSn: initiator.cmdSn,
          expStatSn: 0,
        },
        into,
        at,
      )
    );
    await settle();
    clock.advance(500);
    await settle();
  }
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  clock.advance(1000);
  await settle();
  clock.advance(1000);
  await settle();
  clock.advance(500);
  await served;
  expect(complaints).toEqual([]);
});

Deno.test("what is no request is rejected with its reason, and the session goes on", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  for (
    const [code, reason] of [[opcode.SNACK_REQUEST, 3], [0x1c, 5], [
      0x21,
      5,
    ]] as const
  ) {
    await initiator.send((into, at) => beginBhs(into, at, code, 0x80));
    expect(decodeReject((await initiator.receive()).bytes).reason).toBe(reason);
  }
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("a login request after the login and an overlong segment end the connection and nothing else", async () => {
  const { session, connect } = fixture();
  const bystander = await session({ n: 9 });
  for (const wrong of ["login", "length"]) {
    const { initiator, served } = await session();
    await initiator.send((into, at) => {
      beginBhs(into, at, wrong === "login" ? 0x43 : 0x40, 0x80);
      if (wrong === "length") into[at + 5] = 0x7f;
    });
    await initiator.closed();
    await served;
  }
  const { initiator, served } = connect();
  await initiator.duplex.write(
    utf8("GET / HTTP/1.1\r\nHost: example\r\nUser-Agent: wrong\r\n\r\n"),
  );
  await initiator.closed();
  await served;
  expect((await bystander.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(
    0,
  );
});

Deno.test("a session of the same initiator port replaces the old one once that is over", async () => {
  const { session, store, unit, targets } = fixture();
  const old = await session();
  const hold = gate();
  store.gate = hold.wait;
  await old.initiator.command({
    cdb: cdb10(0x2a, 0, 1),
    write: 512,
    data: pattern(512),
  });
  await settle();
  let replaced = false;
  const fresh = session().then((session) => {
    replaced = true;
    return session;
  });
  await old.initiator.closed();
  await settle();
  // A write of the old session may still land: the new one has to wait for it.
  expect(replaced).toBe(false);
  hold.open();
  await old.served;
  const { initiator } = await fresh;
  expect(unit.log.map((line) => line.split(" ")[0])).toEqual([
    "join",
    "leave",
    "join",
  ]);
  expect(targets.sessions().length).toBe(1);
  expect((await initiator.run({ cdb: cdb10(0x28, 0, 1), read: 512 })).data)
    .toEqual(pattern(512));
  const other = await session({ n: 1 });
  expect(targets.sessions().length).toBe(2);
  expect(other.initiator.tsih).not.toBe(initiator.tsih);
});

Deno.test("sessions of a target, logins at a time and the time of a login are limited", async () => {
  const clock = new ManualClock();
  const { session, connect, complaints } = fixture({
    clock,
    limits: { sessionsPerTarget: 2, logins: 3, loginMs: 1000 },
  });
  const [first] = [await session({ n: 1 }), await session({ n: 2 })];
  const third = connect();
  expect(await third.initiator.login({ target: IQN, isid: new Uint8Array(6) }))
    .toBe(0x0302);
  await third.initiator.duplex.close();
  await third.served;
  const idle = [connect(), connect(), connect()];
  const { initiator, served } = connect();
  await served;
  await initiator.closed();
  expect(complaints.at(-1)).toContain("too many logins");
  clock.advance(1000);
  await Promise.all(idle.map(({ served }) => served));
  await logout(first!.initiator, 0);
  await first!.initiator.duplex.close();
  await first!.served;
  await settle();
  await session({ n: 3 });
});

Deno.test("a removed target ends its sessions, flushes, and can be added again", async () => {
  const { session, targets, store, volume, connect } = fixture();
  const { initiator, served } = await session();
  await initiator.run({
    cdb: cdb10(0x2a, 0, 1),
    write: 512,
    data: pattern(512),
  });
  await targets.remove(IQN);
  await served;
  expect(store.calls.at(-1)).toBe("flush 0+0");
  expect(await connect().initiator.login({ target: IQN })).toBe(0x0203);
  targets.add({ iqn: IQN, name: "disk", units: new Map([[0, volume]]) });
  expect(await connect().initiator.login({ target: IQN })).toBe(0);
});

Deno.test("growing tells the unit after, shrinking before the store", async () => {
  const { target, store, unit } = fixture({ sizeBytes: 4096 });
  store.resize = (sizeBytes) => {
    unit.log.push(`store ${sizeBytes}`);
    return Promise.resolve();
  };
  await target.resize(0, 8192);
  await target.resize(0, 1024);
  expect(unit.log).toEqual([
    "store 8192",
    "resized 8192",
    "resized 1024",
    "store 1024",
  ]);
});

Deno.test("draining asks for logout, lets commands end, cuts who stays, and flushes", async () => {
  const clock = new ManualClock();
  const { session, targets, store, connect } = fixture({ clock });
  const polite = await session({ n: 1 });
  const stubborn = await session({ n: 2 });
  const drained = targets.drain(3000);
  const message = decodeAsyncMessage((await polite.initiator.receive()).bytes);
  expect([message.asyncEvent, message.parameter3]).toEqual([1, 3]);
  expect((await polite.initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  expect(await logout(polite.initiator, 0)).toBe(0);
  await polite.initiator.duplex.close();
  await polite.served;
  expect(await connect().initiator.login({ target: IQN })).toBe(0x0301);
  let over = false;
  drained.then(() => over = true);
  await settle();
  expect(over).toBe(false);
  clock.advance(3000);
  await drained;
  await stubborn.served;
  expect(store.calls.at(-1)).toBe("flush 0+0");
});

Deno.test("a reader that does not read is waited for, and holds no more than the limits allow", async () => {
  const { session, store } = fixture({ sizeBytes: 1024 * 1024 });
  const { initiator } = await session({ windowBytes: 64 * 1024 });
  for (let i = 0; i < 100; i++) {
    await initiator.command({ cdb: cdb10(0x28, 0, 512), read: 256 * 1024 });
  }
  await settle();
  const reads = store.calls.length;
  expect(reads).toBeLessThan(20);
  for (let i = 1; i <= 100; i++) {
    expect((await initiator.ended(i)).data.length).toBe(256 * 1024);
  }
  expect(store.calls.length).toBe(100);
});

Deno.test("a connection cut in the middle of everything leaves nothing behind", async () => {
  const { session, targets, unit, store } = fixture();
  const hold = gate();
  const { initiator, served } = await session();
  await initiator.command({ cdb: cdb10(0x2a, 0, 64), write: 32 * 1024 });
  store.gate = hold.wait;
  await initiator.command({ cdb: cdb10(0x28, 0, 1), read: 512 });
  await initiator.command({ cdb: cdb10(0x35, 0, 0) });
  await settle();
  initiator.duplex.abort();
  let over = false;
  served.then(() => over = true);
  await settle();
  expect(over).toBe(false);
  hold.open();
  await served;
  await settle();
  expect(targets.sessions()).toEqual([]);
  expect(unit.log.at(-1)).toContain("leave");
});

Deno.test("the login's answer is a session handle and a window that starts at its CmdSN", async () => {
  const { connect } = fixture();
  const { initiator } = connect();
  expect(await initiator.login({ target: IQN })).toBe(0);
  expect(initiator.tsih).toBeGreaterThan(0);
  await initiator.ping("");
  const pong = await initiator.receive();
  expect(u32(pong.bytes, 28)).toBe(100);
  expect(u32(pong.bytes, 32)).toBe(227);
  expect(u16(pong.bytes, 4)).toBe(0);
});
