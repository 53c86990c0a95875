import { expect } from "expect";
import { serialAdd } from "../base/serial.ts";
import { decodeNopIn } from "../iscsi/pdu/nop_in.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import {
  decodeReject,
  REJECT_TOO_MANY_IMMEDIATE_COMMANDS,
} from "../iscsi/pdu/reject.ts";
import { decodeScsiResponse } from "../iscsi/pdu/scsi_response.ts";
import * as functions from "../iscsi/pdu/task_management_request.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { COMMAND_WINDOW, MAX_IMMEDIATE_COMMANDS } from "./limits.ts";
import { cdb10 } from "./testing/cdb.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const WRITE = 0x2a;

function writeAt(lba: number) {
  return { cdb: cdb10(WRITE, lba, 1), write: 512, data: pattern(512, lba) };
}

/** A session whose writes wait until `open`. */
async function stuckSession() {
  const { session, store, volume } = fixture();
  const { initiator } = await session();
  const hold = gate();
  store.gate = hold.wait;
  volume.waits = true;
  return { initiator, store, open: hold.open };
}

Deno.test("a full window is said to be closed, what comes beyond it is dropped, and it opens with the answers", async () => {
  const { initiator, store, open } = await stuckSession();
  const first = initiator.cmdSn;
  for (let i = 0; i < COMMAND_WINDOW; i++) await initiator.command(writeAt(i));
  const beyond = initiator.cmdSn;
  await initiator.command(writeAt(COMMAND_WINDOW));
  await settle();
  await initiator.ping("there?");
  const pong = decodeNopIn((await initiator.receive()).bytes);
  expect([pong.expCmdSn, pong.maxCmdSn]).toEqual([
    beyond,
    serialAdd(beyond, -1),
  ]);
  open();
  for (let i = 0; i < COMMAND_WINDOW; i++) {
    const { bytes } = await initiator.receive();
    expect(bytes[0]).toBe(opcode.SCSI_RESPONSE);
    const { expCmdSn, maxCmdSn, status } = decodeScsiResponse(bytes);
    expect([expCmdSn, status]).toEqual([beyond, 0]);
    expect(maxCmdSn).toBe(serialAdd(beyond, i));
  }
  // The one that was dropped is sent again, and done once.
  await initiator.command({ ...writeAt(COMMAND_WINDOW), cmdSn: beyond });
  expect((await initiator.receive()).bytes[0]).toBe(opcode.SCSI_RESPONSE);
  expect(store.calls.length).toBe(COMMAND_WINDOW + 1);
  expect(serialAdd(first, COMMAND_WINDOW)).toBe(beyond);
  for (let lba = 0; lba <= COMMAND_WINDOW; lba++) {
    expect(store.bytes.subarray(lba * 512, lba * 512 + 512)).toEqual(
      pattern(512, lba),
    );
  }
});

Deno.test("a function gets through a full window and opens it", async () => {
  const { initiator, open } = await stuckSession();
  for (let i = 0; i < COMMAND_WINDOW; i++) await initiator.command(writeAt(i));
  await settle();
  await initiator.taskManagement({ function: functions.ABORT_TASK_SET });
  await settle();
  open();
  expect((await initiator.receive()).bytes[0]).toBe(
    opcode.TASK_MANAGEMENT_RESPONSE,
  );
  for (let i = 0; i < COMMAND_WINDOW; i++) {
    expect((await initiator.run(writeAt(i))).status).toBe(0);
  }
});

Deno.test("immediate commands are bounded, too: those beyond are rejected", async () => {
  const { initiator, store, open } = await stuckSession();
  for (let i = 0; i < MAX_IMMEDIATE_COMMANDS; i++) {
    await initiator.command({ ...writeAt(i), immediate: true });
  }
  await settle();
  await initiator.command({ ...writeAt(99), immediate: true });
  const { bytes } = await initiator.receive();
  expect(bytes[0]).toBe(opcode.REJECT);
  expect(decodeReject(bytes).reason).toBe(REJECT_TOO_MANY_IMMEDIATE_COMMANDS);
  open();
  for (let i = 0; i < MAX_IMMEDIATE_COMMANDS; i++) {
    expect((await initiator.receive()).bytes[0]).toBe(opcode.SCSI_RESPONSE);
  }
  expect((await initiator.run({ ...writeAt(99), immediate: true })).status)
    .toBe(0);
  expect(store.calls.length).toBe(MAX_IMMEDIATE_COMMANDS + 1);
});
