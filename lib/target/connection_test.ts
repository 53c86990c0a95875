import { expect } from "expect";
import { u16, u32, utf8 } from "../base/bytes.ts";
import { beginBhs, RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import { decodeNopIn } from "../iscsi/pdu/nop_in.ts";
import { encodeNopOut } from "../iscsi/pdu/nop_out.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { decodeReject } from "../iscsi/pdu/reject.ts";
import { ManualClock } from "./testing/fakes.ts";
import { systemClock } from "../os/clock.ts";
import { logout, text } from "./testing/exchanges.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { fixturesOf, IQN, pattern, settle } from "./testing/fixture.ts";
import { cdb10 } from "./testing/cdb.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

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
          lun: new Uint8Array(8),
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

Deno.test("what comes after a logout is not looked at", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const asked = logout(initiator, 0);
  await initiator.command({
    cdb: cdb10(0x2a, 0, 1),
    write: 512,
    data: pattern(512),
  });
  expect(await asked).toBe(0);
  await initiator.closed();
  expect(store.calls).toEqual([]);
});
