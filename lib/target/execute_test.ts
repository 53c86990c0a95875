import { expect } from "expect";
import type { Plan } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import { systemClock } from "../os/clock.ts";
import { execute } from "./execute.ts";
import { compareAndWrite, JOB } from "./testing/jobs.ts";
import { fakeVolume } from "./testing/fakes.ts";
import { settle } from "./testing/fixture.ts";

function setUp(sizeBytes = 64 * 1024) {
  return fakeVolume({ sizeBytes, clock: systemClock });
}

Deno.test("reads, writes and answers of a store that answers at once make no promise", () => {
  const { volume, store } = setUp();
  const dataOut = new Uint8Array(1024).fill(7);
  const write: Plan = {
    kind: "write",
    extent: { offset: 512, length: 1024 },
    fua: false,
  };
  expect(execute(volume, { ...JOB, dataOut }, write)).toEqual({
    outcome: { status: Status.GOOD },
  });
  expect(store.bytes.subarray(512, 1536)).toEqual(dataOut);
  expect(store.bytes[1536]).toBe(0);
  expect(volume.waits).toBe(false);
});

Deno.test("FUA flushes after the write and before GOOD", async () => {
  const { volume, store } = setUp();
  const plan: Plan = {
    kind: "write",
    extent: { offset: 0, length: 4 },
    fua: true,
  };
  const dataOut = Uint8Array.of(1, 2, 3, 4);
  await execute(volume, { ...JOB, dataOut }, plan);
  expect(store.calls).toEqual(["write 0+4", "flush 0+0"]);
});

Deno.test("data that the initiator did not mean to send are left as they are", async () => {
  const { volume, store } = setUp();
  store.bytes.fill(9);
  const plan: Plan = {
    kind: "write",
    extent: { offset: 0, length: 8 },
    fua: false,
  };
  await execute(volume, { ...JOB, dataOut: Uint8Array.of(1, 2) }, plan);
  expect([...store.bytes.subarray(0, 4)]).toEqual([1, 2, 9, 9]);
});

Deno.test("a store that throws or rejects gives the unit's outcome, at once or later", async () => {
  for (const late of [false, true]) {
    const { volume, store } = setUp();
    if (late) store.gate = () => Promise.reject(new Error("torn"));
    else store.broken = () => true;
    for (
      const plan of [
        { kind: "read", extent: { offset: 0, length: 8 } },
        { kind: "write", extent: { offset: 0, length: 0 }, fua: false },
        { kind: "flush", immediate: false },
        { kind: "unmap", extents: [{ offset: 0, length: 8 }], fua: false },
        {
          kind: "write-same",
          extent: { offset: 0, length: 8 },
          pattern: Uint8Array.of(1),
          fua: false,
        },
      ] satisfies Plan[]
    ) {
      const done = await execute(volume, JOB, plan);
      expect(done.outcome.status).toBe(Status.CHECK_CONDITION);
      expect(done.data).toBeUndefined();
    }
    expect(volume.order.idle).toBe(true);
  }
});

Deno.test("the failure of an immediate flush is reported by the next one", async () => {
  const { volume, store, unit } = setUp();
  const plan: Plan = { kind: "flush", immediate: true };
  store.broken = (what) => what === "flush";
  expect((await execute(volume, JOB, plan)).outcome.status).toBe(Status.GOOD);
  await settle();
  expect(unit.log).toEqual(["deferred flush"]);
  Object.assign(store, { health: { state: "failed", why: "no medium" } });
  expect((await execute(volume, JOB, plan)).outcome.status).toBe(
    Status.CHECK_CONDITION,
  );
});

Deno.test("an immediate flush does not wait, and its failure harms nobody", async () => {
  const { volume, store } = setUp();
  store.broken = () => true;
  expect(execute(volume, JOB, { kind: "flush", immediate: true })).toEqual({
    outcome: { status: Status.GOOD },
  });
  await settle();
});

Deno.test("a connection that may only read changes nothing", async () => {
  const { volume, store } = setUp();
  const job = { ...JOB, readOnly: true, dataOut: new Uint8Array(4).fill(1) };
  const plans: Plan[] = [
    { kind: "write", extent: { offset: 0, length: 4 }, fua: false },
    { kind: "unmap", extents: [{ offset: 0, length: 4 }], fua: false },
    {
      kind: "write-same",
      extent: { offset: 0, length: 4 },
      pattern: Uint8Array.of(1),
      fua: false,
    },
    compareAndWrite(0, new Uint8Array(4), new Uint8Array(4).fill(1)),
  ];
  for (const plan of plans) {
    const wrapped: Plan = { kind: "data-out", length: 4, then: () => plan };
    const inside: Plan = { kind: "sequence", steps: [plan] };
    for (const each of [plan, wrapped, inside]) {
      expect((await execute(volume, job, each)).outcome.status).toBe(
        Status.CHECK_CONDITION,
      );
    }
  }
  expect(store.calls).toEqual([]);
});

Deno.test("a sequence ends at its first failure and gives the last data", async () => {
  const { volume, store } = setUp();
  store.bytes.set([1, 2, 3]);
  const read: Plan = { kind: "read", extent: { offset: 0, length: 3 } };
  const fail: Plan = { kind: "answer", outcome: { status: 8 } };
  const good = await execute(volume, JOB, {
    kind: "sequence",
    steps: [{ kind: "flush", immediate: false }, read],
  });
  expect(good).toEqual({
    outcome: { status: 0 },
    data: Uint8Array.of(1, 2, 3),
  });
  const silent = await execute(volume, JOB, { kind: "sequence", steps: [] });
  expect(silent).toEqual({ outcome: { status: 0 } });
  const bad = await execute(volume, JOB, {
    kind: "sequence",
    steps: [fail, {
      kind: "write",
      extent: { offset: 0, length: 0 },
      fua: false,
    }],
  });
  expect(bad.outcome.status).toBe(8);
  expect(store.calls).toEqual(["flush 0+0", "read 0+3"]);
});
