/** Parameter lists that nobody would send: none is carried out beyond the units, and nothing is thrown. */

import { expect } from "expect";
import fc from "fast-check";
import { Device } from "../device.ts";
import type { Disk } from "../disk.ts";
import { Status } from "../status.ts";
import {
  alice,
  diskWith,
  identity,
  takeAttention,
  withData,
} from "../testing.ts";
import { copyCdb, copyList } from "./testing.ts";

const RUNS = 3000;
const SMALL_BYTES = 4096 * 512;
const LARGE_BYTES = 1024 * 4096;
const LARGE_NAA = "3bbbbbbbbbbbbbbb";

/** One disk of 512-byte blocks and one of 4096, behind one target. */
function pair(): Disk {
  const device = new Device();
  const small = diskWith({
    geometry: { blockSizeBytes: 512, sizeBytes: SMALL_BYTES },
  });
  const large = diskWith({
    identity: { ...identity, naa: LARGE_NAA },
    geometry: { blockSizeBytes: 4096, sizeBytes: LARGE_BYTES },
  });
  small.appear(device, 0);
  large.appear(device, 1);
  takeAttention(small, alice);
  return small;
}

const cscd = fc.record({
  naa: fc.constantFrom(identity.naa, LARGE_NAA, "3cccccccccccccc0"),
  blockSizeBytes: fc.constantFrom(512, 4096),
  pad: fc.boolean(),
});

/** Both units, as they are. */
const both = fc.constant([
  { naa: identity.naa, blockSizeBytes: 512, pad: true },
  { naa: LARGE_NAA, blockSizeBytes: 4096, pad: true },
]);

const lba = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 1000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1023, 1024, 4095, 4096, 2 ** 32, 2 ** 53 - 1),
  },
);

/** Mostly one of those that are there. */
const index = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 1 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }) },
);

const segment = fc.record({
  source: index,
  destination: index,
  blocks: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 64 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
  ),
  sourceLba: lba,
  destinationLba: lba,
  flags: fc.integer({ min: 0, max: 3 }),
});

const list = fc.record({
  cscds: fc.oneof(both, fc.array(cscd, { maxLength: 4 })),
  segments: fc.array(segment, { maxLength: 6 }),
  listId: fc.constantFrom(0, 1),
  usage: fc.integer({ min: 0, max: 3 }),
}).map(copyList);

const mutation = fc.array(
  fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })),
  { maxLength: 3 },
);

Deno.test("whatever a list says, what is copied lies inside of both units and in whole blocks", () => {
  let copied = 0;
  const seen = (bytes: Uint8Array) => {
    const disk = pair();
    const plan = disk.plan(alice, copyCdb(bytes.length));
    if (plan.kind !== "data-out") return;
    const copy = withData(plan, bytes);
    if (copy.kind !== "copy") return expect(copy.kind).toBe("answer");
    const { operation } = copy;
    if (operation.begin()) return;
    for (let i = 0; i < operation.segments; i++) {
      const part = operation.segment(i);
      if ("status" in part) {
        expect(part.status).toBe(Status.CHECK_CONDITION);
        break;
      }
      const objection = part.length > 0 ? operation.objection() : undefined;
      if (objection) break;
      copied += part.length;
      for (
        const [end, length] of [
          [part.source, part.length],
          [part.destination, part.length + part.padBytes],
        ] as const
      ) {
        const isSmall = end.unit === disk;
        const size = isSmall ? SMALL_BYTES : LARGE_BYTES;
        const block = isSmall ? 512 : 4096;
        if (part.length === 0) continue;
        expect(end.offset % block).toBe(0);
        expect(end.offset + length).toBeLessThanOrEqual(size);
        if (end === part.destination) expect(length % block).toBe(0);
      }
      operation.written(part.length);
      operation.segmentDone();
    }
    operation.end({ status: Status.GOOD });
  };
  fc.assert(
    fc.property(list, mutation, (bytes, changes) => {
      for (const [at, value] of changes) {
        if (at < bytes.length) bytes[at] = value;
      }
      seen(bytes);
    }),
    { numRuns: RUNS },
  );
  // Thousands of blocks on every run that was looked at: none at all would be a generator that makes nothing but refusals.
  expect(copied).toBeGreaterThan(0);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), seen));
});
