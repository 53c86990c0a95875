import { expect } from "expect";
import type { Plan } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import { systemClock } from "../os/clock.ts";
import { execute } from "./execute.ts";
import { compareAndWrite, JOB } from "./testing/jobs.ts";
import { fakeVolume } from "./testing/fakes.ts";
import { gate, settle } from "./testing/fixture.ts";
import type { Done } from "./job.ts";

const MiB = 1024 * 1024;

function setUp(sizeBytes = 64 * 1024) {
  return fakeVolume({ sizeBytes, clock: systemClock });
}

Deno.test("UNMAP and WRITE SAME work in pieces, whatever the extent, and read back", async () => {
  const { volume, store } = setUp(5 * MiB + 512);
  const pattern = Uint8Array.from({ length: 512 }, (_, i) => i);
  const extent = { offset: 512, length: 4 * MiB + 512 };
  const same: Plan = { kind: "write-same", extent, pattern, fua: true };
  await execute(volume, JOB, same);
  expect(store.calls).toEqual([
    "write 512+1048576",
    `write ${512 + MiB}+1048576`,
    `write ${512 + 2 * MiB}+1048576`,
    `write ${512 + 3 * MiB}+1048576`,
    `write ${512 + 4 * MiB}+512`,
    "flush 0+0",
  ]);
  expect(store.bytes[511]).toBe(0);
  const end = extent.offset + extent.length;
  for (let at = 512; at < end; at++) {
    if (store.bytes[at] !== at % 512 % 256) throw new Error(`at ${at}`);
  }
  expect(store.bytes[end + 1]).toBe(0);
  const extents = [{ offset: 1024, length: 3 * MiB }, {
    offset: 4 * MiB,
    length: 512,
  }];
  await execute(volume, JOB, { kind: "unmap", extents, fua: false });
  for (const { offset, length } of extents) {
    expect(store.bytes.subarray(offset, offset + length).every((b) => b === 0))
      .toBe(true);
    expect(store.bytes[offset - 1]).toBe(255);
    expect(store.bytes[offset + length + 1]).toBe(1);
  }
});

Deno.test("others get their turn while a long command works", async () => {
  const { volume } = setUp(64 * MiB);
  let slow = 0;
  const clock = { ...systemClock, monotonic: () => slow += 1 };
  Object.assign(volume, { clock });
  const long = execute(volume, JOB, {
    kind: "write-same",
    extent: { offset: 0, length: 64 * MiB },
    pattern: new Uint8Array(512).fill(1),
    fua: false,
  });
  let over = false;
  const done = Promise.resolve(long).then(() => over = true);
  await systemClock.sleep(0);
  expect(over).toBe(false);
  await done;
});

Deno.test("what nobody waits for any more stops after the piece at hand", async () => {
  const { volume, store } = setUp(8 * MiB);
  const job = { ...JOB, aborted: false };
  const plan: Plan = {
    kind: "write-same",
    extent: { offset: 0, length: 8 * MiB },
    pattern: new Uint8Array(512).fill(1),
    fua: false,
  };
  const done = execute(volume, job, plan);
  job.aborted = true;
  await done;
  expect(store.calls.length).toBeLessThan(3);
});

Deno.test("a comparison tells the first differing byte and writes only when all is equal", async () => {
  const { volume, store } = setUp();
  store.bytes.set([1, 2, 3, 4], 512);
  const wrong = compareAndWrite(
    512,
    Uint8Array.of(1, 2, 9, 9),
    Uint8Array.of(5, 5, 5, 5),
  );
  expect(await execute(volume, JOB, wrong)).toEqual({
    outcome: { status: 0x02, sense: Uint8Array.of(2) },
  });
  expect([...store.bytes.subarray(512, 516)]).toEqual([1, 2, 3, 4]);
  const right = compareAndWrite(
    512,
    Uint8Array.of(1, 2, 3, 4),
    Uint8Array.of(5, 6, 7, 8),
  );
  expect((await execute(volume, JOB, right)).outcome.status).toBe(Status.GOOD);
  expect([...store.bytes.subarray(512, 516)]).toEqual([5, 6, 7, 8]);
});

Deno.test("many COMPARE AND WRITEs at once: exactly one wins, whether the store waits or not", async () => {
  for (const waits of [false, true]) {
    const { volume, store } = setUp();
    if (waits) store.gate = () => systemClock.sleep(0);
    const racers = [1, 2, 3, 4, 5, 6, 7, 8].map((n) =>
      execute(
        volume,
        JOB,
        compareAndWrite(0, new Uint8Array(4), new Uint8Array(4).fill(n)),
      )
    );
    const statuses = (await Promise.all(racers)).map((d: Done) =>
      d.outcome.status
    );
    expect(statuses).toEqual([0, 2, 2, 2, 2, 2, 2, 2]);
    expect(store.bytes[0]).toBe(1);
    expect(volume.order.idle).toBe(true);
  }
});

Deno.test("an overlapping write waits for COMPARE AND WRITE, another does not", async () => {
  const { volume, store } = setUp();
  const hold = gate();
  store.gate = hold.wait;
  const swap = execute(
    volume,
    JOB,
    compareAndWrite(0, new Uint8Array(4), new Uint8Array(4).fill(1)),
  );
  await settle();
  const write = (offset: number): Plan => ({
    kind: "write",
    extent: { offset, length: 4 },
    fua: false,
  });
  const dataOut = new Uint8Array(4).fill(2);
  const beside = execute(volume, { ...JOB, dataOut }, write(4));
  const behind = execute(volume, { ...JOB, dataOut }, write(2));
  await settle();
  expect(store.calls).toEqual(["read 0+4", "write 4+4"]);
  hold.open();
  await Promise.all([swap, beside, behind]);
  expect(store.calls).toEqual([
    "read 0+4",
    "write 4+4",
    "write 0+4",
    "write 2+4",
  ]);
  expect([...store.bytes.subarray(0, 8)]).toEqual([1, 1, 2, 2, 2, 2, 2, 2]);
});

Deno.test("COMPARE AND WRITE waits for a write under way", async () => {
  const { volume, store } = setUp();
  const hold = gate();
  store.gate = hold.wait;
  const dataOut = new Uint8Array(4).fill(3);
  const write = execute(volume, { ...JOB, dataOut }, {
    kind: "write",
    extent: { offset: 0, length: 4 },
    fua: false,
  });
  const swap = execute(
    volume,
    JOB,
    compareAndWrite(0, new Uint8Array(4), new Uint8Array(4).fill(1)),
  );
  await settle();
  expect(store.calls).toEqual(["write 0+4"]);
  hold.open();
  expect((await write).outcome.status).toBe(Status.GOOD);
  expect((await swap).outcome.status).toBe(Status.CHECK_CONDITION);
  expect(store.bytes[0]).toBe(3);
});

Deno.test("the map of an extent is in order, without gaps, and cut at its ends", async () => {
  const { volume, store } = setUp(4096);
  store.bytes.fill(1, 512, 1024);
  store.bytes.fill(1, 2048, 3072);
  const query = (maxExtents: number): Plan => ({
    kind: "map-query",
    extent: { offset: 600, length: 2000 },
    maxExtents,
    render: (extents) =>
      Uint8Array.from(
        extents.flatMap(({ extent, mapped }) => [
          extent.offset >> 3,
          extent.length >> 3,
          Number(mapped),
        ]),
      ),
  });
  expect([...(await execute(volume, JOB, query(10))).data!]).toEqual([
    75,
    53,
    1,
    128,
    128,
    0,
    256 % 256,
    69,
    1,
  ]);
  expect([...(await execute(volume, JOB, query(1))).data!]).toEqual([
    75,
    53,
    1,
  ]);
});

Deno.test("a probe reads what is mapped and nothing else", async () => {
  const { volume, store } = setUp(8192);
  store.bytes.fill(1, 1000, 1100);
  const probe: Plan = { kind: "probe", extent: { offset: 0, length: 8192 } };
  expect((await execute(volume, JOB, probe)).outcome.status).toBe(0);
  expect(store.calls).toEqual(["read 1000+100"]);
  store.broken = () => true;
  expect((await execute(volume, JOB, probe)).outcome.status).toBe(2);
});
