import { expect } from "expect";
import {
  ATTR_HEAD_OF_QUEUE,
  ATTR_ORDERED,
  ATTR_SIMPLE,
} from "../iscsi/pdu/scsi_command.ts";
import { u32 } from "../base/bytes.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { cdb10 } from "./testing/cdb.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});
const READ = 0x28;
const WRITE = 0x2a;
const SYNCHRONIZE_CACHE = 0x35;
const READY = new Uint8Array(16);
const ABORT_TASK = 1;

/** The tags of the next answers, in the order in which they come. */
async function answers(
  initiator: RawInitiator,
  count: number,
): Promise<number[]> {
  const tags: number[] = [];
  for (let i = 0; i < count; i++) {
    tags.push(u32((await initiator.receive()).bytes, 16));
  }
  return tags;
}

function flushOf(attr: number) {
  return { cdb: cdb10(SYNCHRONIZE_CACHE, 0, 0), attr };
}

Deno.test("an ORDERED command waits for all before it, and all after it wait for it, but HEAD OF QUEUE", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const other = (await session({ n: 1 })).initiator;
  const { wait, open } = gate();
  store.gate = wait;
  // A flush takes as long as the gate is shut; the test's unit answers TEST UNIT READY without a store.
  await initiator.command({ ...flushOf(ATTR_SIMPLE), tag: 1 });
  await settle();
  await initiator.command({ cdb: READY, attr: ATTR_ORDERED, tag: 2 });
  await initiator.command({ cdb: READY, attr: ATTR_SIMPLE, tag: 3 });
  await initiator.command({ cdb: READY, attr: ATTR_HEAD_OF_QUEUE, tag: 4 });
  expect(await answers(initiator, 1)).toEqual([4]);
  // The task set is one for all sessions.
  await other.command({ cdb: READY, attr: ATTR_SIMPLE, tag: 5 });
  await other.command({ cdb: READY, attr: ATTR_HEAD_OF_QUEUE, tag: 6 });
  expect(await answers(other, 1)).toEqual([6]);
  open();
  expect(await answers(initiator, 3)).toEqual([1, 2, 3]);
  expect(await answers(other, 1)).toEqual([5]);
});

Deno.test("SIMPLE commands do not wait for each other", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const { wait, open } = gate();
  store.gate = wait;
  await initiator.command({ ...flushOf(ATTR_SIMPLE), tag: 1 });
  await initiator.command({ cdb: READY, attr: ATTR_SIMPLE, tag: 2 });
  await initiator.command({ cdb: READY, attr: 0, tag: 3 });
  expect(await answers(initiator, 2)).toEqual([2, 3]);
  open();
  expect(await answers(initiator, 1)).toEqual([1]);
});

Deno.test("an ORDERED write waits with its data, those that nobody asked for too", async () => {
  for (const keys of [{}, { InitialR2T: "No" }]) {
    const { session, store } = fixture();
    const { initiator } = await session({ keys });
    const { wait, open } = gate();
    store.gate = wait;
    await initiator.command({ ...flushOf(ATTR_SIMPLE), tag: 1 });
    await settle();
    const data = pattern(16 * 512);
    const unsolicited = "InitialR2T" in keys;
    await initiator.command({
      cdb: cdb10(WRITE, 8, 16),
      attr: ATTR_ORDERED,
      write: data.length,
      data: data.subarray(0, 512),
      final: !unsolicited,
      tag: 2,
    });
    if (unsolicited) {
      await initiator.dataOut({
        tag: 2,
        offset: 512,
        data: data.subarray(512),
      });
    }
    await settle();
    expect(store.calls).toEqual(["flush 0+0"]);
    open();
    store.gate = undefined;
    expect(await answers(initiator, 1)).toEqual([1]);
    const ended = await initiator.ended(2, data);
    expect(ended.status).toBe(0);
    expect(store.bytes.subarray(8 * 512, 24 * 512)).toEqual(data);
  }
});

Deno.test("a command that waits for its turn is aborted at once, and ends with its session", async () => {
  const { session, store, target } = fixture();
  const { initiator, served } = await session();
  const { wait, open } = gate();
  store.gate = wait;
  await initiator.command({ ...flushOf(ATTR_SIMPLE), tag: 1 });
  await initiator.command({ cdb: READY, attr: ATTR_ORDERED, tag: 2 });
  await initiator.command({ cdb: cdb10(READ, 0, 1), read: 512, tag: 3 });
  await initiator.taskManagement({ function: ABORT_TASK, referenced: 2 });
  const response = await initiator.receive();
  expect(response.bytes[2]).toBe(0);
  // What waited for it goes on; it waits for the store now.
  await settle();
  expect(store.calls).toEqual(["flush 0+0", "read 0+512"]);
  await initiator.command({ cdb: READY, attr: ATTR_ORDERED, tag: 4 });
  await settle();
  initiator.duplex.abort();
  open();
  await served;
  expect(target.sessions.size).toBe(0);
  const again = (await session()).initiator;
  await again.command({ cdb: READY, attr: ATTR_ORDERED, tag: 9 });
  expect(await answers(again, 1)).toEqual([9]);
});

Deno.test("a command that waits is looked at when its turn comes", async () => {
  const { session, store, unit } = fixture();
  const { initiator } = await session();
  const { wait, open } = gate();
  store.gate = wait;
  await initiator.command({ ...flushOf(ATTR_SIMPLE), tag: 1 });
  await settle();
  await initiator.command({ cdb: READY, attr: ATTR_ORDERED, tag: 2 });
  await settle();
  // The next plan is that of the command that waits.
  unit.next = { kind: "answer", outcome: { status: 0x18 } };
  open();
  expect(await answers(initiator, 1)).toEqual([1]);
  expect((await initiator.ended(2)).status).toBe(0x18);
});

Deno.test("more unsolicited data than was agreed on ends the connection, also while its command waits", async () => {
  const { session, store } = fixture();
  const keys = { InitialR2T: "No", FirstBurstLength: "4096" };
  const { initiator, served } = await session({ keys });
  const { wait, open } = gate();
  store.gate = wait;
  await initiator.command({ ...flushOf(ATTR_SIMPLE), tag: 1 });
  await settle();
  await initiator.command({
    cdb: cdb10(WRITE, 0, 64),
    attr: ATTR_ORDERED,
    write: 64 * 512,
    final: false,
    tag: 2,
  });
  for (const offset of [0, 4096]) {
    await initiator.dataOut({
      tag: 2,
      offset,
      final: false,
      dataSn: offset / 4096,
      data: new Uint8Array(4096),
    });
  }
  await initiator.closed();
  open();
  await served;
});
