import { expect } from "expect";
import fc from "fast-check";
import { equalBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { FileStore } from "./file_store.ts";
import { PIECE_BYTES, PointInTime } from "./point_in_time.ts";
import { FakeFile } from "./testing.ts";

const PIECES = 6;
/** The last piece is not a whole one. */
const SIZE_BYTES = PIECES * PIECE_BYTES - 4096;

/** A clock on which every pause does something. */
function clockThat(acts: () => void): Clock {
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: () => Promise.resolve(acts()),
    after: () => () => {},
  };
}

function parts(acts: (store: FileStore) => void) {
  const store = new FileStore(new FakeFile(SIZE_BYTES, { canPunch: true }));
  const into = new FakeFile(0, { canPunch: true });
  const clock = clockThat(() => acts(store));
  return { store, into, clock, sizeBytes: SIZE_BYTES };
}

function all(of: { read(offset: number, into: Uint8Array): unknown }) {
  const bytes = new Uint8Array(SIZE_BYTES);
  void of.read(0, bytes);
  return bytes;
}

/** The comparison of whole arrays takes seconds. */
function expectSame(a: Uint8Array, b: Uint8Array): void {
  expect([a.length, equalBytes(a, b)]).toEqual([b.length, true]);
}

const change = fc.record({
  kind: fc.constantFrom("write", "unmap"),
  offset: fc.integer({ min: 0, max: SIZE_BYTES - 1 }),
  length: fc.integer({ min: 1, max: 3 * PIECE_BYTES }),
  value: fc.integer({ min: 1, max: 255 }),
});

Deno.test("whatever is written and unmapped meanwhile, the copy is of its moment, and the store of now", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 4 }),
      fc.array(change, { maxLength: 12 }),
      async (before, meanwhile) => {
        const apply = (store: FileStore, one: typeof before[number]) => {
          const { kind, offset, value } = one;
          const length = Math.min(one.length, SIZE_BYTES - offset);
          if (kind === "unmap") void store.unmap({ offset, length });
          else void store.write(offset, new Uint8Array(length).fill(value));
        };
        const left = [...meanwhile];
        const now = new Uint8Array(SIZE_BYTES);
        const options = parts((store) => {
          const next = left.shift();
          if (!next) return;
          apply(store, next);
          const { kind, offset, length, value } = next;
          now.fill(kind === "unmap" ? 0 : value, offset, offset + length);
        });
        const { store, into } = options;
        for (const one of before) apply(store, one);
        const then = all(store);
        now.set(then);
        const copy = new PointInTime(options);
        await copy.copy();
        expectSame(all(into), then);
        expectSame(all(store), now);
        expectSame(into.stable, then);
        expect(copy.copiedBytes).toBe(SIZE_BYTES);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("holes stay holes", async () => {
  const { store, into, ...options } = parts(() => {});
  void store.write(3 * PIECE_BYTES, new Uint8Array(4096).fill(1));
  await new PointInTime({ store, into, ...options }).copy();
  expect(into.allocated()).toBeLessThan(2 * PIECE_BYTES);
  expectSame(all(into), all(store));
});

Deno.test("what is cut off meanwhile is in the copy", async () => {
  const { store, into, ...options } = parts(() => {});
  void store.write(0, new Uint8Array(SIZE_BYTES).fill(5));
  const copy = new PointInTime({ store, into, ...options });
  await store.resize(PIECE_BYTES);
  await copy.copy();
  expectSame(all(into), new Uint8Array(SIZE_BYTES).fill(5));
});

Deno.test("a copy that finds no room fails by itself: writers notice nothing", async () => {
  const { store, into, ...options } = parts((store) => {
    into.failing.write = "full";
    void store.write(4 * PIECE_BYTES, new Uint8Array(10).fill(2));
  });
  void store.write(0, new Uint8Array(SIZE_BYTES).fill(1));
  const copy = new PointInTime({ store, into, ...options });
  await expect(copy.copy()).rejects.toThrow("full");
  expect(store.health.state).toBe("ok");
  void store.write(0, new Uint8Array(10).fill(3));
  // Another one may watch now.
  store.watch(() => {})();
});

Deno.test("one that is stopped ends with what it was told", async () => {
  const options = parts(() => copy.stop(new Error("enough")));
  void options.store.write(0, new Uint8Array(SIZE_BYTES).fill(1));
  const copy: PointInTime = new PointInTime(options);
  await expect(copy.copy()).rejects.toThrow("enough");
  expect(copy.copiedBytes).toBeLessThan(SIZE_BYTES);
});
