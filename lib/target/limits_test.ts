import { expect } from "expect";
import { u32 } from "../base/bytes.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import {
  COMMAND_WINDOW,
  DATA_IN_BUDGET_BYTES,
  DATA_OUT_BUDGET_BYTES,
} from "./limits.ts";
import { cdb10 } from "./testing/cdb.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const READ = 0x28;
const WRITE = 0x2a;
const MiB = 1024 * 1024;

Deno.test("R2Ts ask for no more than the session's budget, and go on as it is given back", async () => {
  const { session, store } = fixture({ sizeBytes: MiB });
  const { initiator } = await session({
    keys: { MaxBurstLength: String(MiB) },
  });
  const data = pattern(MiB);
  for (let i = 0; i < 40; i++) {
    await initiator.command({ cdb: cdb10(WRITE, 0, MiB / 512), write: MiB });
  }
  await initiator.ping("that is all");
  const asked: { tag: number; ttt: number }[] = [];
  const next = async () => {
    const pdu = await initiator.receive();
    if (pdu.bytes[0] === opcode.R2T) {
      asked.push({ tag: u32(pdu.bytes, 16), ttt: u32(pdu.bytes, 20) });
    }
    return pdu.bytes[0];
  };
  while (await next() !== opcode.NOP_IN);
  expect(asked.length).toBe(DATA_OUT_BUDGET_BYTES / MiB);
  for (let ended = 0; ended < 40;) {
    const ask = asked.shift();
    if (ask) {
      for (let at = 0; at < MiB; at += MiB / 4) {
        await initiator.dataOut({
          ...ask,
          offset: at,
          dataSn: 4 * at / MiB,
          final: at === 3 * MiB / 4,
          data: data.subarray(at, at + MiB / 4),
        });
      }
    }
    if (await next() === opcode.SCSI_RESPONSE) ended++;
    expect(asked.length).toBeLessThanOrEqual(DATA_OUT_BUDGET_BYTES / MiB);
  }
  expect(store.calls.length).toBe(40);
});

Deno.test("a task that ends without its data gives its share to the next", async () => {
  const { session } = fixture({ sizeBytes: MiB });
  const { initiator } = await session({
    keys: { MaxBurstLength: String(MiB) },
  });
  const tags: number[] = [];
  for (let i = 0; i < 17; i++) {
    tags.push(
      await initiator.command({ cdb: cdb10(WRITE, 0, MiB / 512), write: MiB }),
    );
  }
  for (let i = 0; i < 16; i++) {
    expect((await initiator.receive()).bytes[0]).toBe(opcode.R2T);
  }
  await initiator.taskManagement({ function: 1, referenced: tags[3]! });
  const kinds = [
    (await initiator.receive()).bytes[0],
    (await initiator.receive()).bytes[0],
  ];
  expect(kinds.sort()).toEqual([opcode.TASK_MANAGEMENT_RESPONSE, opcode.R2T]);
});

Deno.test("reads that wait for the store hold no more than their budget", async () => {
  const { session, store, volume } = fixture({ sizeBytes: MiB });
  const { initiator } = await session();
  const hold = gate();
  store.gate = hold.wait;
  volume.waits = true;
  for (let i = 0; i < COMMAND_WINDOW; i++) {
    await initiator.command({ cdb: cdb10(READ, 0, 512), read: 256 * 1024 });
  }
  await settle();
  expect(store.calls.length).toBe(DATA_IN_BUDGET_BYTES / (256 * 1024));
  hold.open();
  for (let i = 0; i < COMMAND_WINDOW; i++) {
    expect((await initiator.ended(i + 1)).status).toBe(0);
  }
});

Deno.test("what comes after a gap in the order of commands is held, up to a limit", async () => {
  const { session, complaints } = fixture({ sizeBytes: MiB });
  const { initiator, served } = await session();
  initiator.cmdSn++;
  const data = pattern(256 * 1024);
  let sent = 0;
  const sending = (async () => {
    for (let i = 0; i < 100; i++) {
      await initiator.command({
        cdb: cdb10(WRITE, 0, 512),
        write: data.length,
        data,
      });
      sent++;
    }
  })().catch(() => {});
  await served;
  await sending;
  expect(sent).toBeLessThan(80);
  expect(complaints.at(-1)).toContain("out of the order");
});

Deno.test("a task that ends while it waits for its share gets none", async () => {
  const { session } = fixture({ sizeBytes: MiB });
  const { initiator } = await session({
    keys: { MaxBurstLength: String(MiB) },
  });
  const tags: number[] = [];
  for (let i = 0; i < 18; i++) {
    tags.push(
      await initiator.command({ cdb: cdb10(WRITE, 0, MiB / 512), write: MiB }),
    );
  }
  for (let i = 0; i < 16; i++) await initiator.receive();
  for (const referenced of [tags[16]!, tags[0]!]) {
    await initiator.taskManagement({ function: 1, referenced });
  }
  const asked: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { bytes } = await initiator.receive();
    if (bytes[0] === opcode.R2T) asked.push(u32(bytes, 16));
  }
  expect(asked).toEqual([tags[17]!]);
});

Deno.test("a long read waits for a reader that does not read", async () => {
  const { session, store } = fixture({ sizeBytes: 16 * MiB });
  const { initiator } = await session({ windowBytes: 16 * 1024 });
  const length = 16 * MiB;
  const tag = await initiator.command({
    cdb: cdb10(READ, 0, length / 512),
    read: length,
  });
  for (let i = 0; i < 20; i++) await settle();
  // A block that is being written, a block that is filled, and one piece that waits for room.
  expect(store.calls.length).toBeLessThanOrEqual(2 * 4 + 1);
  expect((await initiator.ended(tag)).data.length).toBe(length);
});
