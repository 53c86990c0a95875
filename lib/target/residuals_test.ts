import { expect } from "expect";
import { equalBytes } from "../base/bytes.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { cdb10, senseOf } from "./testing/cdb.ts";
import { fixturesOf, pattern } from "./testing/fixture.ts";

const fixture = fixturesOf({
  clock: systemClock,
  primitives: systemPrimitives,
});

const READ = 0x28;
const WRITE = 0x2a;
const KiB = 1024;

Deno.test("residuals tell of more and of less than expected, in both directions", async () => {
  const { session, store } = fixture();
  store.bytes.fill(9);
  const { initiator } = await session();
  const table = [
    { write: false, blocks: 1, expected: 0, overflow: 512, underflow: 0 },
    { write: false, blocks: 2, expected: 512, overflow: 512, underflow: 0 },
    { write: false, blocks: 1, expected: 200, overflow: 312, underflow: 0 },
    { write: false, blocks: 1, expected: 10000, overflow: 0, underflow: 9488 },
    { write: true, blocks: 1, expected: 0, overflow: 512, underflow: 0 },
    { write: true, blocks: 2, expected: 512, overflow: 512, underflow: 0 },
    { write: true, blocks: 1, expected: 200, overflow: 312, underflow: 0 },
    { write: true, blocks: 1, expected: 10000, overflow: 0, underflow: 9488 },
  ];
  for (const { write, blocks, expected, overflow, underflow } of table) {
    store.bytes.fill(9);
    const ended = write
      ? await initiator.run({
        cdb: cdb10(WRITE, 0, blocks),
        write: expected,
        data: new Uint8Array(expected).fill(7),
      })
      : await initiator.run({ cdb: cdb10(READ, 0, blocks), read: expected });
    expect(ended.status).toBe(0);
    const moved = Math.min(expected, blocks * 512);
    if (write) {
      expect(store.bytes.subarray(0, moved).every((b) => b === 7)).toBe(true);
      expect(store.bytes[moved]).toBe(9);
    } else expect(ended.data.length).toBe(moved);
    expect([ended.overflow, ended.underflow, ended.residualCount]).toEqual([
      overflow > 0,
      underflow > 0,
      overflow + underflow,
    ]);
  }
});

Deno.test("no block is written in part, however its data come", async () => {
  const MiB = 1024 * KiB;
  // Whole in one PDU, collected, and in pieces.
  for (const expected of [700, 100 * KiB + 100, MiB + 300 * KiB + 100]) {
    const { session, store, unit } = fixture({ sizeBytes: 2 * MiB });
    store.bytes.fill(9);
    const { initiator } = await session();
    const wholeBytes = expected - expected % 512;
    const extent = { offset: 512, length: expected + 1000 };
    unit.next = { kind: "write", extent, fua: false, wholeBytes };
    const ended = await initiator.run(
      { cdb: cdb10(WRITE, 0, 0), write: expected },
      pattern(expected),
    );
    expect([ended.status, ended.overflow, ended.residualCount]).toEqual([
      0,
      true,
      1000,
    ]);
    const end = 512 + wholeBytes;
    const written = store.bytes.subarray(512, end);
    expect(equalBytes(written, pattern(expected).subarray(0, wholeBytes)))
      .toBe(true);
    expect(store.bytes.subarray(0, 512).every((byte) => byte === 9)).toBe(true);
    expect(store.bytes.subarray(end).every((byte) => byte === 9)).toBe(true);
  }
});

Deno.test("a write that is announced as a read is refused, not answered GOOD", async () => {
  const { session, store } = fixture();
  const { initiator } = await session();
  const ended = await initiator.run({ cdb: cdb10(WRITE, 0, 1), read: 512 });
  expect([ended.status, senseOf(ended)]).toEqual([
    2,
    { key: 0x05, code: 0x0e03 },
  ]);
  expect(store.calls).toEqual([]);
});
