import { expect } from "expect";
import { decodeAsyncMessage } from "../iscsi/pdu/async_message.ts";
import { ManualClock } from "./testing/fakes.ts";
import { systemClock } from "../os/clock.ts";
import { logout } from "./testing/exchanges.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { fixturesOf, gate, IQN, pattern, settle } from "./testing/fixture.ts";
import { cdb10 } from "./testing/cdb.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

Deno.test("a hidden target is not there, for login either", async () => {
  const { connect } = fixture();
  const { initiator, served } = connect({ only: "iqn.2026-01.example:other" });
  expect(await initiator.login({ target: IQN })).toBe(0x0203);
  await initiator.duplex.close();
  await served;
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
  await target.resize(0, { sizeBytes: 8192 });
  await target.resize(0, { sizeBytes: 1024 });
  expect(unit.log).toEqual([
    "store 8192",
    "resized 8192",
    "resized 1024",
    "store 1024",
  ]);
});

Deno.test("a disk never reaches further than what is noted, whatever fails", async () => {
  const { target, volume, store } = fixture({ sizeBytes: 4096 });
  let storeBytes = 4096;
  let fails = "";
  Object.defineProperty(store, "sizeBytes", { get: () => storeBytes });
  store.resize = (sizeBytes) => {
    if (fails === "store") return Promise.reject(new Error("No store"));
    storeBytes = sizeBytes;
    return Promise.resolve();
  };
  let noted = 4096;
  const resize = (sizeBytes: number) =>
    target.resize(0, {
      sizeBytes,
      record: () => {
        if (fails === "note") throw new Error("No room");
        noted = sizeBytes;
      },
    });
  const sizes = () => [volume.sizeBytes, noted, storeBytes];
  for (fails of ["store", "note"]) {
    await expect(resize(8192)).rejects.toThrow("No");
    expect(sizes().slice(0, 2)).toEqual([4096, 4096]);
  }
  await expect(resize(2048)).rejects.toThrow("No room");
  expect(volume.sizeBytes).toBe(4096);
  fails = "store";
  await expect(resize(2048)).rejects.toThrow("No store");
  expect(sizes().slice(0, 2)).toEqual([2048, 2048]);
  // What was not cut then is cut before the disk grows over it.
  fails = "";
  const cuts: number[] = [];
  const { resize: cut } = store;
  store.resize = (sizeBytes) => {
    cuts.push(sizeBytes);
    return cut(sizeBytes);
  };
  await resize(4096);
  expect([cuts, sizes()]).toEqual([[2048, 4096], [4096, 4096, 4096]]);
});

Deno.test("shrinking waits for what is under way", async () => {
  const { session, target, store, unit } = fixture({ sizeBytes: 4096 });
  const { initiator } = await session();
  const hold = gate();
  store.gate = hold.wait;
  store.resize = () => {
    unit.log.push(`store after ${store.bytes[4095]}`);
    return Promise.resolve();
  };
  const data = new Uint8Array(512).fill(7);
  const tag = await initiator.command({
    cdb: cdb10(0x2a, 7, 1),
    write: 512,
    data,
  });
  await settle();
  const resized = target.resize(0, { sizeBytes: 2048 });
  await settle();
  expect(unit.log.at(-1)).toBe("resized 2048");
  hold.open();
  await resized;
  expect(unit.log.at(-1)).toBe("store after 7");
  expect((await initiator.ended(tag)).status).toBe(0);
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
