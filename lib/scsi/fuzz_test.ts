import { expect } from "expect";
import fc from "fast-check";
import { commands } from "./commands.ts";
import type { Disk } from "./disk.ts";
import {
  MAX_COMPARE_AND_WRITE_BLOCKS,
  MAX_MODE_SELECT_BYTES,
  MAX_TRANSFER_BYTES,
} from "./limits.ts";
import { NoUnit } from "./no_unit.ts";
import type { Plan } from "./plan.ts";
import { alice, bob, diskWith } from "./testing.ts";

const RUNS = 4000;
const BLOCKS = 1000;
const SIZE_BYTES = BLOCKS * 512;
const MOST_DATA_OUT = Math.max(
  MAX_TRANSFER_BYTES,
  2 * MAX_COMPARE_AND_WRITE_BLOCKS * 4096,
  MAX_MODE_SELECT_BYTES,
);

/** Small numbers in most bytes, so that many CDBs get past the first checks. */
const byte = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);

/** A CDB of a command that there is, all its bytes outside the mask 0. */
const known = fc.tuple(
  fc.constantFrom(...commands),
  fc.array(byte, { minLength: 16, maxLength: 16 }),
).map(([command, bytes]) => {
  const cdb = Uint8Array.from(command.mask, (mask, i) => bytes[i]! & mask);
  cdb[0] = command.opcode;
  if (command.serviceAction !== undefined) {
    cdb[1] = (cdb[1]! & ~0x1f) | command.serviceAction;
  }
  return cdb;
});

const anyCdb = fc.oneof(
  { weight: 3, arbitrary: known },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 0, maxLength: 32 }) },
);

const parameters = fc.array(byte, { maxLength: 600 }).map((bytes) =>
  Uint8Array.from(bytes)
);

/** A plan keeps to the medium, and what it says is of the right shape, all the way down. */
function checkPlan(plan: Plan, data: Uint8Array): void {
  const inside = (offset: number, length: number) => {
    expect(Number.isSafeInteger(offset) && Number.isSafeInteger(length))
      .toBe(true);
    expect(offset >= 0 && length > 0 && offset + length <= SIZE_BYTES)
      .toBe(true);
    expect(offset % 512 === 0 && length % 512 === 0).toBe(true);
  };
  switch (plan.kind) {
    case "answer":
      expect([0x00, 0x02, 0x18]).toContain(plan.outcome.status);
      expect(plan.outcome.sense !== undefined).toBe(
        plan.outcome.status === 0x02,
      );
      return;
    case "data-in":
      expect(plan.data).toBeInstanceOf(Uint8Array);
      return;
    case "read":
    case "write":
    case "probe":
    case "map-query":
      return inside(plan.extent.offset, plan.extent.length);
    case "write-same":
      expect(plan.extent.length % plan.pattern.length).toBe(0);
      return inside(plan.extent.offset, plan.extent.length);
    case "unmap":
      for (const extent of plan.extents) inside(extent.offset, extent.length);
      return;
    case "compare":
      if (plan.then) {
        expect(plan.then.data.length).toBe(plan.expected.length);
      }
      return inside(plan.offset, plan.expected.length);
    case "sequence":
      for (const step of plan.steps) checkPlan(step, data);
      return;
    case "data-out": {
      expect(plan.length > 0 && plan.length <= MOST_DATA_OUT).toBe(true);
      const given = new Uint8Array(plan.length);
      given.set(data.subarray(0, plan.length));
      checkPlan(plan.then(data.subarray(0, plan.length)), data);
      const next = plan.then(given);
      expect(next.kind).not.toBe("data-out");
      checkPlan(next, data);
      return;
    }
    case "or":
    case "write-atomic":
      return inside(plan.offset, plan.data.length);
    case "attempt":
      return checkPlan(plan.plan, data);
    case "erase":
      // A block after the other: each is told apart by its beginning.
      for (const pass of plan.erasure.passes) {
        if (pass.kind === "overwrite") expect(pass.pattern.length).toBe(512);
      }
      return plan.erasure.begin();
    case "keep":
      for (const { port, key } of plan.reservations?.registrations ?? []) {
        expect(port.length > 0 && key > 0n).toBe(true);
      }
      return checkPlan(plan.then((data[0] ?? 0) % 2 === 0), data);
    case "abort-tasks":
      for (const id of plan.nexuses) expect([alice.id, bob.id]).toContain(id);
      return;
    case "flush":
      return;
  }
}

const step = fc.record({
  cdb: anyCdb,
  data: parameters,
  nexus: fc.constantFrom(alice, bob),
});

Deno.test("no CDB, no parameter list and no order of them gets more than a plan", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      (steps, readOnly) => {
        const disk: Disk = diskWith(
          { blocks: BLOCKS, readOnly, keptReservations: {} },
          [alice, bob],
        );
        for (const { cdb, data, nexus } of steps) {
          const before = cdb.slice();
          checkPlan(disk.plan(nexus, cdb), data);
          expect(cdb).toEqual(before);
        }
      },
    ),
    { numRuns: RUNS },
  );
});

Deno.test("a read-only disk has no plan that changes anything", () => {
  fc.assert(
    fc.property(anyCdb, parameters, (cdb, data) => {
      const disk = diskWith({ blocks: BLOCKS, readOnly: true });
      const plan = disk.plan(alice, cdb);
      const last = plan.kind === "data-out" ? plan.then(data) : plan;
      expect(["write", "write-same", "unmap", "or", "write-atomic", "erase"])
        .not.toContain(last.kind);
      if (last.kind === "compare") expect(last.then).toBeUndefined();
      if (last.kind === "sequence") {
        for (const step of last.steps) expect(step.kind).toBe("compare");
      }
    }),
    { numRuns: RUNS },
  );
});

Deno.test("nothing at a LUN answers every CDB", () => {
  const none = new NoUnit();
  fc.assert(
    fc.property(anyCdb, (cdb) => {
      expect(["answer", "data-in"]).toContain(none.plan(alice, cdb).kind);
    }),
    { numRuns: RUNS },
  );
});
