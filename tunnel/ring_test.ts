import { expect } from "expect";
import * as fc from "fast-check";
import { InvariantError } from "../lib/base/errors.ts";
import { Ring } from "./ring.ts";

const CAPACITY = 200_000;

Deno.test("whatever is pushed, taken and released, the bytes come out once, in order, and stay whole while they are lent", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("push" as const),
      length: fc.integer({ min: 1, max: 90_000 }),
    }),
    fc.record({ kind: fc.constant("take" as const), length: fc.constant(0) }),
    fc.record({
      kind: fc.constant("release" as const),
      length: fc.constant(0),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ring = new Ring(CAPACITY);
      let pushed = 0;
      let taken = 0;
      let released = 0;
      let lent: { view: Uint8Array; from: number } | undefined;
      for (const { kind, length } of steps) {
        if (kind === "push" && pushed - released + length <= CAPACITY) {
          ring.push(Uint8Array.from({ length }, (_, i) => (pushed + i) % 251));
          pushed += length;
        } else if (kind === "take" && !lent && pushed > taken) {
          const view = ring.take();
          expect(view.length).toBeGreaterThan(0);
          lent = { view, from: taken };
          taken += view.length;
        } else if (kind === "release") {
          released += ring.release();
          expect(released).toBe(taken);
          lent = undefined;
        }
        expect(ring.waiting).toBe(pushed - taken);
        if (lent) {
          const { view, from } = lent;
          expect(view.findIndex((byte, i) => byte !== (from + i) % 251)).toBe(
            -1,
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("more than the capacity is a defect of the caller, and so is taking twice", () => {
  const ring = new Ring(100);
  ring.push(new Uint8Array(100));
  expect(() => ring.push(new Uint8Array(1))).toThrow(InvariantError);
  ring.take();
  expect(() => ring.take()).toThrow(InvariantError);
  expect(ring.release()).toBe(100);
  expect(() => ring.take()).toThrow(InvariantError);
  expect(ring.release()).toBe(0);
});

Deno.test("a small conversation is lent from the same memory again and again", () => {
  const ring = new Ring(CAPACITY);
  const memory = new Set<ArrayBufferLike>();
  for (let i = 0; i < 100; i++) {
    ring.push(new Uint8Array(5000));
    const view = ring.take();
    expect(view.byteOffset).toBe(0);
    memory.add(view.buffer);
    ring.release();
  }
  expect(memory.size).toBe(1);
});
