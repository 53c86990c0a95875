/** TARGET COLD RESET ends the sessions that were there when it came, and those alone. */
import { expect } from "expect";
import * as functions from "../iscsi/pdu/task_management_request.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { cdb10 } from "./testing/cdb.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const WRITE = 0x2a;

Deno.test("a cold reset ends no session that came after it, however long it takes", async () => {
  const { session, store, volume } = fixture();
  const { initiator } = await session({ n: 1 });
  const hold = gate();
  store.gate = hold.wait;
  volume.waits = true;
  const data = pattern(512);
  await initiator.command({ cdb: cdb10(WRITE, 0, 1), write: 512, data });
  await settle();
  await initiator.taskManagement({ function: functions.TARGET_COLD_RESET });
  await settle();
  const late = await session({ n: 2 });
  hold.open();
  await initiator.closed();
  await settle();
  const ended = await late.initiator.run({ cdb: cdb10(0, 0, 0) });
  expect(ended.status).toBe(0);
});

Deno.test("a cold reset ends no session that came after it, however late its initiator reads the answer", async () => {
  const { session } = fixture();
  const slow = await session({ n: 1, windowBytes: 1 });
  await slow.initiator.taskManagement({
    function: functions.TARGET_COLD_RESET,
  });
  await settle();
  const late = await session({ n: 2 });
  await slow.initiator.closed();
  await slow.served;
  await settle();
  const ended = await late.initiator.run({ cdb: cdb10(0, 0, 0) });
  expect(ended.status).toBe(0);
});
