import { expect } from "expect";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import * as functions from "../iscsi/pdu/task_management_request.ts";
import { decodeTaskManagementResponse } from "../iscsi/pdu/task_management_response.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { MAX_IMMEDIATE_FUNCTIONS } from "./limits.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";
import { cdb10 } from "./testing/cdb.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const WRITE = 0x2a;
const FLUSH = 0x35;

async function manage(
  initiator: RawInitiator,
  fields: Parameters<RawInitiator["taskManagement"]>[0],
): Promise<number> {
  await initiator.taskManagement(fields);
  const pdu = await initiator.receive();
  expect(pdu.bytes[0]).toBe(opcode.TASK_MANAGEMENT_RESPONSE);
  return decodeTaskManagementResponse(pdu.bytes).response;
}

/** Starts a write and lets its R2T go unanswered. */
async function waitingWrite(initiator: RawInitiator): Promise<number> {
  const tag = await initiator.command({ cdb: cdb10(WRITE, 0, 2), write: 1024 });
  expect((await initiator.receive()).bytes[0]).toBe(opcode.R2T);
  return tag;
}

Deno.test("ABORT TASK ends a task that waits for data, and what still comes for it is dropped", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const tag = await waitingWrite(initiator);
  expect(
    await manage(initiator, {
      function: functions.ABORT_TASK,
      referenced: tag,
    }),
  ).toBe(0);
  await initiator.dataOut({ tag, ttt: 1, offset: 0, data: pattern(1024) });
  expect(
    await manage(initiator, {
      function: functions.ABORT_TASK,
      referenced: tag,
    }),
  ).toBe(1);
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
  expect(store.calls).toEqual([]);
});

Deno.test("ABORT TASK is answered when the task cannot touch the volume any more, and the task never", async () => {
  const { session, store, volume } = fixture();
  const { initiator } = await session();
  const hold = gate();
  store.gate = hold.wait;
  volume.waits = true;
  const tag = await initiator.command({
    cdb: cdb10(WRITE, 0, 1),
    write: 512,
    data: pattern(512),
  });
  await settle();
  const answer = manage(initiator, {
    function: functions.ABORT_TASK,
    referenced: tag,
  });
  let answered = false;
  answer.then(() => answered = true);
  await settle();
  expect(answered).toBe(false);
  hold.open();
  expect(await answer).toBe(0);
  store.gate = undefined;
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("ABORT TASK for a command that never came closes its gap", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  const lost = initiator.cmdSn++;
  const behind = await initiator.command({ cdb: cdb10(0, 0, 0) });
  await initiator.taskManagement({
    function: functions.ABORT_TASK,
    referenced: 4711,
    refCmdSn: lost,
  });
  const seen = [
    (await initiator.receive()).bytes.slice(),
    (await initiator.receive()).bytes.slice(),
  ];
  expect(seen.map((bytes) => bytes[0]).sort()).toEqual([
    opcode.SCSI_RESPONSE,
    opcode.TASK_MANAGEMENT_RESPONSE,
  ]);
  expect(behind).toBeGreaterThan(0);
  // One from the future is no gap.
  expect(
    await manage(initiator, {
      function: functions.ABORT_TASK,
      referenced: 4711,
      refCmdSn: initiator.cmdSn + 3,
    }),
  ).toBe(1);
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("ABORT TASK SET ends one's own tasks, CLEAR TASK SET everybody's, and the others are told", async () => {
  const { session, unit } = fixture();
  const [one, two] = [await session({ n: 1 }), await session({ n: 2 })];
  await waitingWrite(one.initiator);
  await waitingWrite(two.initiator);
  expect(await manage(one.initiator, { function: functions.ABORT_TASK_SET }))
    .toBe(0);
  expect(unit.log.filter((line) => line.startsWith("cleared"))).toEqual([]);
  await waitingWrite(one.initiator);
  expect(await manage(one.initiator, { function: functions.CLEAR_TASK_SET }))
    .toBe(0);
  expect(unit.log.filter((line) => line.startsWith("cleared")).length).toBe(1);
  expect(unit.log.at(-1)).toMatch(/02$/);
  // Both windows are whole again.
  for (const { initiator } of [one, two]) {
    for (let i = 0; i < 128; i++) await waitingWrite(initiator);
    expect(await manage(initiator, { function: functions.ABORT_TASK_SET }))
      .toBe(0);
  }
});

Deno.test("resets end the tasks of all sessions and reset the unit; a cold one ends the sessions too", async () => {
  const { session, unit, targets } = fixture();
  const [one, two] = [await session({ n: 1 }), await session({ n: 2 })];
  const kinds = [
    [functions.LOGICAL_UNIT_RESET, "reset logical-unit"],
    [functions.TARGET_WARM_RESET, "reset target-warm"],
    [functions.TARGET_COLD_RESET, "reset target-cold"],
  ] as const;
  for (const [code, log] of kinds) {
    await waitingWrite(two.initiator);
    expect(await manage(one.initiator, { function: code })).toBe(0);
    expect(unit.log.at(-1)).toBe(log);
  }
  await Promise.all([one.initiator.closed(), two.initiator.closed()]);
  await Promise.all([one.served, two.served]);
  await settle();
  expect(targets.sessions()).toEqual([]);
});

Deno.test("a reset does not wait for a session whose initiator does not read", async () => {
  const { session, store } = fixture({ sizeBytes: 2 * 1024 * 1024 });
  const slow = await session({ n: 1, windowBytes: 16 * 1024 });
  for (let i = 0; i < 30; i++) {
    await slow.initiator.command({
      cdb: cdb10(0x28, 0, 4096),
      read: 2 * 1024 * 1024,
    });
  }
  await settle();
  expect(store.calls.length).toBeGreaterThan(0);
  const { initiator } = await session({ n: 2 });
  const reset = { function: functions.LOGICAL_UNIT_RESET };
  expect(await manage(initiator, reset)).toBe(0);
});

Deno.test("a session that may only read ends nobody else's tasks, and its own", async () => {
  const { session, unit } = fixture();
  const writer = await session({ n: 1 });
  const reader = await session({ n: 2, readOnly: true });
  const tag = await waitingWrite(writer.initiator);
  const table = [
    [functions.CLEAR_TASK_SET, 6],
    [functions.LOGICAL_UNIT_RESET, 6],
    [functions.TARGET_WARM_RESET, 6],
    [functions.TARGET_COLD_RESET, 6],
    [functions.ABORT_TASK_SET, 0],
    [functions.ABORT_TASK, 1],
  ] as const;
  for (const [code, response] of table) {
    const ask = { function: code, referenced: 4711 };
    expect([code, await manage(reader.initiator, ask)]).toEqual([
      code,
      response,
    ]);
  }
  expect(unit.log.filter((line) => /^(reset|cleared)/.test(line))).toEqual([]);
  const data = pattern(1024);
  await writer.initiator.dataOut({ tag, ttt: 1, offset: 0, data });
  expect((await writer.initiator.receive()).bytes[0]).toBe(
    opcode.SCSI_RESPONSE,
  );
});

Deno.test("immediate functions that wait for a store are bounded, and those beyond are rejected", async () => {
  const { session, store, volume } = fixture();
  const { initiator } = await session();
  const hold = gate();
  store.gate = hold.wait;
  volume.waits = true;
  const data = pattern(512);
  await initiator.command({ cdb: cdb10(WRITE, 0, 1), write: 512, data });
  await settle();
  const ask = { function: functions.ABORT_TASK_SET };
  for (let i = 0; i < MAX_IMMEDIATE_FUNCTIONS; i++) {
    await initiator.taskManagement(ask);
  }
  await initiator.taskManagement(ask);
  expect((await initiator.receive()).bytes[0]).toBe(opcode.REJECT);
  hold.open();
  for (let i = 0; i < MAX_IMMEDIATE_FUNCTIONS; i++) {
    expect((await initiator.receive()).bytes[0]).toBe(
      opcode.TASK_MANAGEMENT_RESPONSE,
    );
  }
  expect(await manage(initiator, ask)).toBe(0);
});

Deno.test("what cannot be done is said in the response's own words", async () => {
  const { session } = fixture();
  const { initiator } = await session();
  const table = [
    [functions.TASK_REASSIGN, 4],
    [functions.CLEAR_ACA, 5],
    [functions.QUERY_TASK, 5],
    [99, 5],
  ] as const;
  for (const [code, response] of table) {
    expect(await manage(initiator, { function: code })).toBe(response);
  }
  expect(
    await manage(initiator, {
      function: functions.LOGICAL_UNIT_RESET,
      lun: encodeLun(3),
    }),
  ).toBe(2);
  const flush = await initiator.run({ cdb: cdb10(FLUSH, 0, 0) });
  expect(flush.status).toBe(0);
});

Deno.test("an aborted flush is never answered", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const hold = gate();
  store.flush = hold.wait;
  const tag = await initiator.command({ cdb: cdb10(FLUSH, 0, 0) });
  await settle();
  await initiator.taskManagement({
    function: functions.ABORT_TASK,
    referenced: tag,
  });
  hold.open();
  expect((await initiator.receive()).bytes[0]).toBe(
    opcode.TASK_MANAGEMENT_RESPONSE,
  );
  expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
});

Deno.test("a reset waits for the writes of other sessions", async () => {
  const { session, store, volume } = fixture();
  const hold = gate();
  store.gate = hold.wait;
  volume.waits = true;
  const [one, two] = [await session({ n: 1 }), await session({ n: 2 })];
  const data = pattern(512);
  await two.initiator.command({ cdb: cdb10(WRITE, 0, 1), write: 512, data });
  await settle();
  let answered = false;
  const answer = manage(one.initiator, {
    function: functions.LOGICAL_UNIT_RESET,
  }).then((response) => {
    answered = true;
    return response;
  });
  await settle();
  expect(answered).toBe(false);
  hold.open();
  expect(await answer).toBe(0);
});

Deno.test("a command that waits for its turn is aborted, too: it does not run when its gap is closed", async () => {
  const cases = [
    { function: functions.ABORT_TASK, left: 0 },
    { function: functions.ABORT_TASK_SET, left: 0 },
    { function: functions.CLEAR_TASK_SET, left: 0 },
    { function: functions.LOGICAL_UNIT_RESET, left: 0 },
    { function: functions.TARGET_WARM_RESET, left: 0 },
    // Of another unit.
    { function: functions.LOGICAL_UNIT_RESET, lun: encodeLun(5), left: 1 },
    // By another session.
    { function: functions.LOGICAL_UNIT_RESET, other: true, left: 0 },
  ];
  for (const { left, other, ...ask } of cases) {
    const { session, store } = fixture();
    const { initiator } = await session();
    const stranger = (await session({ n: 1 })).initiator;
    const lost = initiator.cmdSn++;
    const tag = await initiator.command({
      cdb: cdb10(WRITE, 0, 1),
      write: 512,
      data: pattern(512),
    });
    await settle();
    const by = other ? stranger : initiator;
    const response = await manage(by, { ...ask, referenced: tag });
    expect([ask.function, response]).toEqual([
      ask.function,
      left === 0 ? 0 : 2,
    ]);
    await initiator.command({ cdb: cdb10(0, 0, 0), cmdSn: lost });
    await initiator.receive();
    if (left > 0) await initiator.receive();
    expect((await initiator.run({ cdb: cdb10(0, 0, 0) })).status).toBe(0);
    expect([ask.function, store.calls.length]).toEqual([ask.function, left]);
  }
});
