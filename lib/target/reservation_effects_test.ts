/** What task management, the end of sessions and PREEMPT AND ABORT do to a real disk's reservations and unit attentions, over PDUs. */
import { expect } from "expect";
import { putBig64 } from "../base/bytes.ts";
import { silent } from "../base/log.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import * as functions from "../iscsi/pdu/task_management_request.ts";
import { decodeTaskManagementResponse } from "../iscsi/pdu/task_management_response.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { Disk } from "../scsi/disk.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import {
  type Fixture,
  fixturesOf,
  pattern,
  settle,
} from "./testing/fixture.ts";
import type { RawInitiator } from "./testing/raw_initiator.ts";
import { Volume } from "./volume.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const IQN = "iqn.2026-01.example:real";
const BYTES = 1024 * 1024;
const CONFLICT = "conflict";
const WRITE = cdb10(0x2a, 0, 1);
const RESERVE_6 = cdb10(0x16, 0, 0);

/** A target with a real disk beside the fixture's, and logins to it by number: the same number is the same initiator port. */
class Real {
  readonly #fixture: Fixture = fixture();

  constructor() {
    const store = new MemoryStore(BYTES);
    const unit = new Disk({
      identity: {
        vendor: "VAULT",
        product: "VOLUME",
        revision: "1",
        serial: "1",
        naa: "3000000000000001",
        targetName: IQN,
      },
      geometry: { blockSizeBytes: 512, sizeBytes: BYTES },
      readOnly: false,
    });
    const volume = new Volume({ unit, store, clock: systemClock, log: silent });
    const units = new Map([[0, volume]]);
    this.#fixture.targets.add({ iqn: IQN, name: "real", units });
  }

  /** Without the unit attention of its login. */
  async login(n: number): Promise<RawInitiator> {
    const { initiator } = this.#fixture.connect();
    const isid = Uint8Array.of(0, 0, 0, 0, 0, n);
    expect(await initiator.login({ target: IQN, isid })).toBe(0);
    expect(await ready(initiator)).toBe("29/00");
    return initiator;
  }
}

/** `good`, `conflict`, or the additional sense code. */
async function run(
  initiator: RawInitiator,
  cdb: Uint8Array,
  data?: Uint8Array,
): Promise<string> {
  const ended = await initiator.run(
    data ? { cdb, data, write: data.length } : { cdb },
  );
  if (ended.status === 0x00) return "good";
  if (ended.status === 0x18) return CONFLICT;
  const { code } = senseOf(ended);
  const two = (byte: number) => byte.toString(16).padStart(2, "0");
  return `${two(code >>> 8)}/${two(code & 0xff)}`;
}

function ready(initiator: RawInitiator): Promise<string> {
  return run(initiator, cdb10(0x00, 0, 0));
}

function write(initiator: RawInitiator): Promise<string> {
  return run(initiator, WRITE, pattern(512));
}

function reserveOut(
  initiator: RawInitiator,
  ask: { action: number; type?: number; key?: bigint; actionKey?: bigint },
): Promise<string> {
  const cdb = cdb10(0x5f, 0, 24);
  cdb[1] = ask.action;
  cdb[2] = ask.type ?? 0;
  const list = new Uint8Array(24);
  putBig64(list, 0, ask.key ?? 0n);
  putBig64(list, 8, ask.actionKey ?? 0n);
  return run(initiator, cdb, list);
}

async function manage(initiator: RawInitiator, code: number): Promise<number> {
  await initiator.taskManagement({ function: code });
  const { bytes } = await initiator.receive();
  expect(bytes[0]).toBe(opcode.TASK_MANAGEMENT_RESPONSE);
  return decodeTaskManagementResponse(bytes).response;
}

async function waitingWrite(initiator: RawInitiator): Promise<void> {
  await initiator.command({ cdb: cdb10(0x2a, 0, 2), write: 1024 });
  expect((await initiator.receive()).bytes[0]).toBe(opcode.R2T);
}

/** What each function tells the one who asked and another who had a task, and whether the other's RESERVE stays. */
const FUNCTIONS = [
  ["ABORT TASK SET", functions.ABORT_TASK_SET, "good", "good", true],
  ["CLEAR TASK SET", functions.CLEAR_TASK_SET, "good", "2f/00", true],
  ["LUN RESET", functions.LOGICAL_UNIT_RESET, "29/03", "29/03", false],
  ["WARM RESET", functions.TARGET_WARM_RESET, "29/02", "29/02", false],
] as const;

for (const [name, code, own, others, stays] of FUNCTIONS) {
  Deno.test(`${name}: who is told what, and which reservations stay`, async () => {
    const real = new Real();
    const [one, two] = [await real.login(1), await real.login(2)];
    expect(await run(two, RESERVE_6)).toBe("good");
    await waitingWrite(two);
    expect(await manage(one, code)).toBe(0);
    // While the other's RESERVE stands, what waits for this one stays hidden behind conflicts.
    if (stays) expect(await ready(one)).toBe(CONFLICT);
    else expect([await ready(one), await ready(one)]).toEqual([own, "good"]);
    expect(await ready(two)).toBe(others);
    expect(await ready(two)).toBe("good");
    // The task that ended has left its place in the window; one that did not still has it.
    expect(await run(two, cdb10(0x17, 0, 0))).toBe("good");
    expect(await ready(one)).toBe("good");
    // Persistent reservations stay in any case.
    expect(await reserveOut(one, { action: 0, actionKey: 1n })).toBe("good");
    const reserve = { action: 1, key: 1n, type: 3 };
    expect(await reserveOut(one, reserve)).toBe("good");
    expect(await manage(two, code)).toBe(0);
    for (const initiator of [one, two]) {
      for (let i = 0; i < 3; i++) await ready(initiator);
    }
    expect(await write(one)).toBe("good");
    expect(await write(two)).toBe(CONFLICT);
  });
}

for (
  const [name, lose] of [
    ["a session that is lost", (one: RawInitiator) => one.duplex.abort()],
    ["a login in a session's place", () => {}],
    [
      "TARGET COLD RESET",
      (one: RawInitiator) =>
        one.taskManagement({ function: functions.TARGET_COLD_RESET }),
    ],
  ] as const
) {
  Deno.test(`${name} ends a RESERVE and no persistent reservation`, async () => {
    const real = new Real();
    let one = await real.login(1);
    let two = await real.login(2);
    const again = async () => {
      await lose(one);
      await settle();
      one = await real.login(1);
      if (name === "TARGET COLD RESET") two = await real.login(2);
    };
    expect(await run(one, RESERVE_6)).toBe("good");
    expect(await write(two)).toBe(CONFLICT);
    await again();
    expect(await write(two)).toBe("good");
    expect(await reserveOut(one, { action: 0, actionKey: 1n })).toBe("good");
    const reserve = { action: 1, key: 1n, type: 1 };
    expect(await reserveOut(one, reserve)).toBe("good");
    await again();
    expect(await write(two)).toBe(CONFLICT);
    expect(await write(one)).toBe("good");
  });
}

Deno.test("PREEMPT AND ABORT takes reservation and tasks, and tells of both", async () => {
  const real = new Real();
  const [one, two] = [await real.login(1), await real.login(2)];
  for (const [initiator, actionKey] of [[one, 1n], [two, 2n]] as const) {
    expect(await reserveOut(initiator, { action: 0, actionKey })).toBe("good");
  }
  const reserve = { action: 1, key: 2n, type: 1 };
  expect(await reserveOut(two, reserve)).toBe("good");
  await waitingWrite(two);
  const preempt = { action: 5, key: 1n, actionKey: 2n, type: 3 };
  expect(await reserveOut(one, preempt)).toBe("good");
  const data = pattern(1024);
  await two.dataOut({ tag: 0xffff, ttt: 1, offset: 0, data });
  expect(await write(two)).toBe(CONFLICT);
  expect([await ready(two), await ready(two), await ready(two)]).toEqual([
    "2a/05",
    "2f/00",
    "good",
  ]);
  expect(await write(one)).toBe("good");
  // The generation: two registrations and the preemption.
  const read = await one.run({ cdb: cdb10(0x5e, 0, 64), read: 64 });
  expect([...read.data]).toEqual(
    [0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1],
  );
});
