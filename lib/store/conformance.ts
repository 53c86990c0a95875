/**
 * The contract of `store.ts` as checks that every store passes. A test file of a store runs them all:
 *
 *     for (const { name, check } of conformance(() => new MemoryStore(sizeBytes))) Deno.test(name, check);
 */

import { expect } from "expect";
import fc from "fast-check";
import { MediaError } from "../base/media_error.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import type { Store } from "./store.ts";

/** Makes an empty, healthy, writable store of that many bytes. */
export type MakeStore = (sizeBytes: number) => Store | Promise<Store>;

/** One sentence of the contract. */
export interface StoreCheck {
  /** What holds, as a sentence. */
  readonly name: string;
  /** Rejects where it does not hold. */
  readonly check: () => Promise<void>;
}

/** How many random histories are tried. */
const HISTORIES = 60;
const SIZE_BYTES = 64 * 1024;
/** Odd on purpose: nothing is said of alignment. */
const MOST_BYTES = 100_003;

/** All checks, for a store that `make` makes. */
export function conformance(make: MakeStore): readonly StoreCheck[] {
  return checks.map(([name, run]) => ({
    name,
    check: async () => {
      const store = await make(SIZE_BYTES);
      try {
        await run(store, make);
      } finally {
        await store.close();
      }
    },
  }));
}

const checks: readonly [
  string,
  (store: Store, make: MakeStore) => Promise<void>,
][] = [
  ["a new store is zeros, healthy and as long as asked", async (store) => {
    expect(store.sizeBytes).toBe(SIZE_BYTES);
    expect(store.health).toEqual({ state: "ok" });
    expect(store.readOnly).toBe(false);
    expectBytes(await bytesOf(store), new Uint8Array(SIZE_BYTES));
  }],
  ["a read fills its buffer and nothing beside it", async (store) => {
    await store.write(100, pattern(50, 1));
    const buffer = new Uint8Array(20).fill(0xee);
    await store.read(110, buffer.subarray(5, 15));
    expect(buffer.subarray(0, 5)).toEqual(new Uint8Array(5).fill(0xee));
    expect(buffer.subarray(5, 15)).toEqual(pattern(50, 1).subarray(10, 20));
    expect(buffer.subarray(15)).toEqual(new Uint8Array(5).fill(0xee));
  }],
  ["a buffer may be used again once its write has completed", async (store) => {
    const buffer = pattern(5000, 2);
    await store.write(3, buffer);
    buffer.fill(0);
    const into = new Uint8Array(5000);
    await store.read(3, into);
    expect(into).toEqual(pattern(5000, 2));
  }],
  ["the last byte is there, and none after it", async (store) => {
    const last = SIZE_BYTES - 1;
    await store.write(last, Uint8Array.of(7));
    const into = new Uint8Array(1);
    await store.read(last, into);
    expect(into[0]).toBe(7);
    const outside: [number, number][] = [
      [last, 2],
      [SIZE_BYTES, 1],
      [SIZE_BYTES + 1, 0],
      [-1, 1],
      [0.5, 1],
      [NaN, 1],
      [Number.MAX_SAFE_INTEGER, 1],
      [2 ** 60, 1],
    ];
    for (const [offset, length] of outside) {
      const extent = { offset, length };
      for (
        const act of [
          () => store.read(offset, new Uint8Array(length)),
          () => store.write(offset, new Uint8Array(length)),
          () => store.unmap(extent),
        ]
      ) expect(await thrownBy(act)).toBeInstanceOf(RangeError);
    }
    const bad = { offset: 0, length: -1 };
    expect(await thrownBy(() => store.unmap(bad))).toBeInstanceOf(RangeError);
    expectBytes(await bytesOf(store), withLast(7));
  }],
  ["nothing at the end is no error", async (store) => {
    await store.read(SIZE_BYTES, new Uint8Array(0));
    await store.write(SIZE_BYTES, new Uint8Array(0));
    await store.unmap({ offset: SIZE_BYTES, length: 0 });
    expect(store.nextMapped(SIZE_BYTES)).toBeUndefined();
  }],
  ["unmapped bytes read as zeros, their neighbours stay", async (store) => {
    await store.write(0, pattern(SIZE_BYTES, 3));
    await store.unmap({ offset: 5000, length: 20_000 });
    const expected = pattern(SIZE_BYTES, 3);
    expected.fill(0, 5000, 25_000);
    expectBytes(await bytesOf(store), expected);
  }],
  ["shrinking loses the tail for good, growing adds zeros", async (store) => {
    await store.write(0, pattern(SIZE_BYTES, 4));
    await store.resize(10_001);
    expect(store.sizeBytes).toBe(10_001);
    const beyond = () => store.read(10_000, new Uint8Array(2));
    expect(await thrownBy(beyond)).toBeInstanceOf(RangeError);
    await store.resize(SIZE_BYTES);
    const expected = new Uint8Array(SIZE_BYTES);
    expected.set(pattern(SIZE_BYTES, 4).subarray(0, 10_001));
    expectBytes(await bytesOf(store), expected);
    for (const size of [-1, 1.5, NaN, 2 ** 60]) {
      expect(await thrownBy(() => store.resize(size)))
        .toBeInstanceOf(RangeError);
    }
  }],
  ["many flushes at once all resolve", async (store) => {
    await store.write(0, pattern(100, 5));
    await Promise.all(Array.from({ length: 20 }, () => store.flush()));
  }],
  ["any history reads like plain bytes", async (_store, make) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyAction, { maxLength: 40 }),
        async (actions) => {
          const store = await make(SIZE_BYTES);
          try {
            await live(store, actions);
          } finally {
            await store.close();
          }
        },
      ),
      { numRuns: HISTORIES },
    );
  }],
];

/** One step of a history; offsets and lengths are shares of the store's size at that time. */
type Action =
  | {
    readonly kind: "write" | "unmap";
    readonly at: number;
    readonly share: number;
    readonly seed: number;
  }
  | { readonly kind: "resize"; readonly sizeBytes: number }
  | { readonly kind: "flush" };

const share = fc.double({ min: 0, max: 1, noNaN: true });

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom("write" as const, "unmap" as const),
      at: share,
      share,
      seed: fc.nat(255),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("resize" as const),
      sizeBytes: fc.integer({ min: 1, max: MOST_BYTES }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "flush" as const }) },
);

/** Carries out a history on a store and on plain bytes, and compares after each step. */
async function live(store: Store, actions: readonly Action[]): Promise<void> {
  let model = new Uint8Array(store.sizeBytes);
  for (const action of actions) {
    switch (action.kind) {
      case "flush":
        await store.flush();
        break;
      case "resize": {
        await store.resize(action.sizeBytes);
        const resized = new Uint8Array(action.sizeBytes);
        resized.set(model.subarray(0, action.sizeBytes));
        model = resized;
        break;
      }
      default: {
        const offset = Math.floor(action.at * model.length);
        const length = Math.floor(action.share * (model.length - offset));
        if (action.kind === "write") {
          const bytes = pattern(length, action.seed);
          await store.write(offset, bytes);
          model.set(bytes, offset);
        } else {
          await store.unmap({ offset, length });
          model.fill(0, offset, offset + length);
        }
      }
    }
    expect(store.sizeBytes).toBe(model.length);
    expectBytes(await bytesOf(store), model);
    checkMap(store, model);
  }
}

/** What is not said to be mapped is zeros, and the walk over what is comes to its end. */
function checkMap(store: Store, model: Uint8Array): void {
  let next = 0;
  for (
    let mapped: Extent | undefined = store.nextMapped(next);
    mapped;
    mapped = store.nextMapped(next)
  ) {
    expect(mapped.offset).toBeGreaterThanOrEqual(next);
    expect(mapped.length).toBeGreaterThan(0);
    expect(extentEnd(mapped)).toBeLessThanOrEqual(model.length);
    const hole = model.subarray(next, mapped.offset);
    expect(isZero(hole)).toBe(true);
    next = extentEnd(mapped);
  }
  expect(isZero(model.subarray(next))).toBe(true);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** `length` bytes that tell where they are. */
export function pattern(
  length: number,
  seed: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) + seed) | 1;
  return bytes;
}

/** All the bytes of a store. */
export async function bytesOf(store: Store): Promise<Uint8Array> {
  const into = new Uint8Array(store.sizeBytes).fill(0xee);
  await store.read(0, into);
  return into;
}

/** What `act` throws or rejects with; undefined where it does not. */
export async function thrownBy(
  act: () => void | Promise<void>,
): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

/** Compares long arrays: the matcher for arrays takes a hundred times as long. */
function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(found.length).toBe(expected.length);
  const at = found.findIndex((byte, i) => byte !== expected[i]);
  expect({ firstDifferenceAt: at }).toEqual({ firstDifferenceAt: -1 });
}

/** The fault of what `act` throws or rejects with. */
export async function faultOf(
  act: () => void | Promise<void>,
): Promise<string | undefined> {
  const thrown = await thrownBy(act);
  if (thrown !== undefined && !(thrown instanceof MediaError)) throw thrown;
  return thrown?.fault;
}

function withLast(byte: number): Uint8Array {
  const bytes = new Uint8Array(SIZE_BYTES);
  bytes[SIZE_BYTES - 1] = byte;
  return bytes;
}
