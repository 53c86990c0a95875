/** Whoever has lost the lease changes nothing any more, whatever it asks for. */
import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { Proof } from "../lease/proof.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { Plan } from "../scsi/plan.ts";
import { Status } from "../scsi/status.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { execute } from "./execute.ts";
import type { Job } from "./job.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import { BOTH, copy, filled, holds, MIB_BLOCKS } from "./testing/copies.ts";
import { diskFixturesOf, diskVolume } from "./testing/disks.ts";
import { erasable, SIZE_BYTES } from "./testing/erasable.ts";
import { FakeStore, fakeVolume } from "./testing/fakes.ts";
import { fixturesOf, gate, pattern, settle } from "./testing/fixture.ts";
import { compareAndWrite, JOB, NEXUS } from "./testing/jobs.ts";

const world = { clock: systemClock, primitives: systemPrimitives };
const fixture = fixturesOf(world);
const diskFixture = diskFixturesOf(world);
const MIB = 1024 * 1024;
const WRITE_PROTECTED = { key: 7, code: 0x2700 };
const AUTHORIZATION_FAILURE = 0x0202;

function jobWith(
  proof: Proof,
  dataOut: Uint8Array = new Uint8Array(0),
): Job {
  return { ...JOB, nexus: { ...NEXUS, proof }, dataOut };
}

/** Every plan that changes bytes but for copies and erasures, which have tests of their own. */
const CHANGES: Readonly<Record<string, Plan>> = {
  "write": {
    kind: "write",
    extent: { offset: 512, length: 512 },
    fua: false,
  },
  "unmap": {
    kind: "unmap",
    extents: [{ offset: 0, length: 4096 }],
    fua: false,
  },
  "write same": {
    kind: "write-same",
    extent: { offset: 512, length: 3 * MIB },
    pattern: new Uint8Array(512).fill(9),
    fua: false,
  },
  "compare and write": compareAndWrite(
    0,
    pattern(512),
    new Uint8Array(512).fill(9),
  ),
  "or": {
    kind: "or",
    offset: 0,
    data: new Uint8Array(512).fill(0xff),
    fua: false,
  },
  "write atomically": {
    kind: "write-atomic",
    offset: 0,
    data: new Uint8Array(512).fill(9),
  },
};

for (const [name, plan] of Object.entries(CHANGES)) {
  Deno.test(`a holder that has lost its lease cannot ${name}, and one that has it can`, async () => {
    const before = pattern(4 * MIB);
    const store = new MemoryStore(before.length);
    store.write(0, before);
    const atomic = {
      maxBytes: MIB,
      write: (offset: number, from: Uint8Array) =>
        Promise.resolve(store.write(offset, from)),
    };
    Object.assign(store, { atomic });
    const volume = diskVolume({ clock: systemClock, n: 0, store });
    volume.unit.join(NEXUS);
    volume.unit.plan(NEXUS, new Uint8Array(6));
    const bytes = () => {
      const all = new Uint8Array(before.length);
      store.read(0, all);
      return all;
    };
    const proof = new Proof(1);
    const job = jobWith(proof, new Uint8Array(512).fill(9));
    proof.end();
    const { outcome } = await execute(volume, job, plan);
    expect(outcome.status).toBe(Status.CHECK_CONDITION);
    expect([outcome.sense?.[2], outcome.sense?.[12]]).toEqual([7, 0x27]);
    expect(equalBytes(bytes(), before)).toBe(true);
    const other = jobWith(new Proof(2), job.dataOut);
    expect((await execute(volume, other, plan)).outcome.status).toBe(0);
    expect(equalBytes(bytes(), before)).toBe(false);
  });
}

Deno.test("a lease that moves on ends what works in pieces after the piece at hand", async () => {
  for (
    const [name, plan] of [
      ["write", CHANGES["write same"]!],
      ["unmap", {
        kind: "unmap",
        extents: [{ offset: 0, length: MIB }, { offset: 2 * MIB, length: MIB }],
        fua: false,
      }],
    ] as const
  ) {
    const { volume, store } = fakeVolume({
      sizeBytes: 4 * MIB,
      clock: systemClock,
    });
    const hold = gate();
    store.gate = hold.wait;
    const proof = new Proof(1);
    const done = execute(volume, jobWith(proof), plan);
    await settle();
    proof.end();
    hold.open();
    const { outcome } = await done;
    expect(outcome.status).toBe(Status.CHECK_CONDITION);
    expect(store.calls.filter((call) => call.startsWith(name)).length).toBe(1);
  }
});

Deno.test("a write that waits for its turn proves its lease when it has it", async () => {
  const { volume, store } = fakeVolume({
    sizeBytes: 4096,
    clock: systemClock,
  });
  const hold = gate();
  store.gate = hold.wait;
  const first = execute(volume, { ...JOB, dataOut: pattern(512) }, {
    kind: "or",
    offset: 0,
    data: pattern(512),
    fua: false,
  });
  const proof = new Proof(1);
  const second = execute(volume, jobWith(proof, pattern(512, 5)), {
    kind: "write",
    extent: { offset: 0, length: 512 },
    fua: false,
  });
  await settle();
  proof.end();
  hold.open();
  expect((await first).outcome.status).toBe(Status.GOOD);
  expect((await second).outcome.status).toBe(Status.CHECK_CONDITION);
  expect(store.bytes.subarray(0, 512)).toEqual(pattern(512));
});

Deno.test("a copy goes to no disk of the target once the lease has moved on", async () => {
  const fake = new FakeStore(BOTH[1].slice());
  const disks = diskFixture([{}, { store: fake }]);
  const before = await filled(disks);
  const proof = new Proof(1);
  const tenancy = () => Promise.resolve({ proof, release: () => {} });
  const { initiator } = await disks.session({ tenancy });
  const hold = gate();
  fake.calls.length = 0;
  fake.gate = hold.wait;
  const copied = copy(initiator, [{ blocks: 3 * MIB_BLOCKS, destination: 1 }]);
  while (fake.calls.length === 0) await systemClock.sleep(1);
  proof.end();
  hold.open();
  expect((await copied).status).toBe(Status.CHECK_CONDITION);
  expect(fake.calls).toEqual(["write 0+1048576"]);
  fake.gate = undefined;
  const { second } = before;
  second.set(before.first.subarray(0, MIB));
  await holds(disks, 1, second);
  expect((await copy(initiator, [{ blocks: 1, destinationLba: 9 }])).status)
    .toBe(Status.CHECK_CONDITION);
  await holds(disks, 1, second);
});

Deno.test("FORMAT UNIT does not begin without the lease, and what it began goes on", async () => {
  const proof = new Proof(1);
  const nexus = { ...NEXUS, proof };
  const scene = erasable();
  scene.memory.write(0, pattern(SIZE_BYTES));
  const begun = scene.run("040000000000", "", { nexus });
  proof.end();
  expect(await begun).toBe("GOOD");
  expect(equalBytes(scene.bytes(), new Uint8Array(SIZE_BYTES))).toBe(true);
  scene.memory.write(0, pattern(SIZE_BYTES));
  expect(await scene.run("040000000000", "", { nexus })).toBe("7 27/00");
  expect(scene.note.ask).toBeUndefined();
  expect(equalBytes(scene.bytes(), pattern(SIZE_BYTES))).toBe(true);
});

Deno.test("a session begins under a lease, which is given back when it has ended", async () => {
  const { session, store, connect } = fixture();
  const proof = new Proof(1);
  let released = 0;
  const tenancy = () =>
    Promise.resolve({ proof, release: () => void released++ });
  const { initiator, served } = await session({ tenancy });
  const data = pattern(512);
  const write = () =>
    initiator.run({ cdb: cdb10(0x2a, 0, 1), write: 512, data });
  expect((await write()).status).toBe(0);
  store.bytes.fill(0);
  proof.end();
  expect((await write()).status).toBe(Status.CHECK_CONDITION);
  expect(store.bytes.every((byte) => byte === 0)).toBe(true);
  expect((await initiator.run({ cdb: cdb10(0x28, 0, 1), read: 512 })).status)
    .toBe(0);
  expect(released).toBe(0);
  initiator.duplex.abort();
  await served;
  await settle();
  expect(released).toBe(1);

  const late = connect({ tenancy });
  const target = "iqn.2026-01.example:disk";
  expect(await late.initiator.login({ target })).toBe(AUTHORIZATION_FAILURE);
  expect(released).toBe(2);
  const unwanted = connect({
    tenancy: () => Promise.resolve({ why: "laptop holds it" }),
  });
  expect(await unwanted.initiator.login({ target })).toBe(
    AUTHORIZATION_FAILURE,
  );
  late.initiator.duplex.abort();
  unwanted.initiator.duplex.abort();
  await Promise.all([late.served, unwanted.served]);
});

Deno.test("initiators are told that the medium is write protected", async () => {
  const disks = diskFixture();
  const proof = new Proof(1);
  const tenancy = () => Promise.resolve({ proof, release: () => {} });
  const { initiator } = await disks.session({ tenancy });
  proof.end();
  const ended = await initiator.run({
    cdb: cdb10(0x2a, 0, 1),
    write: 512,
    data: pattern(512),
  });
  expect(senseOf(ended)).toEqual(WRITE_PROTECTED);
});
