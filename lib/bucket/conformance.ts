/** The contract of `bucket.ts` as checks that every bucket passes. */

import { expect } from "expect";
import fc from "fast-check";
import { type Bucket, listAll } from "./bucket.ts";

/** Gives an empty bucket, that is closed afterwards. */
export type MakeBucket = () => Bucket | Promise<Bucket>;

/** One sentence of the contract. */
export interface BucketCheck {
  /** What holds, as a sentence. */
  readonly name: string;
  /** Rejects where it does not hold. */
  readonly check: () => Promise<void>;
}

export interface ConformanceOptions {
  /** How many random histories are tried. */
  readonly histories: number;
  /** The largest object that is tried, in bytes. */
  readonly largestBytes: number;
}

/** All checks, for a bucket that `make` makes. */
export function conformance(
  make: MakeBucket,
  options: ConformanceOptions,
): readonly BucketCheck[] {
  return checks.map(([name, run]) => ({
    name,
    check: async () => {
      const bucket = await make();
      try {
        await run(bucket, { make, ...options });
      } finally {
        await bucket.close();
      }
    },
  }));
}

type Ground = ConformanceOptions & { readonly make: MakeBucket };

const checks: readonly [
  string,
  (bucket: Bucket, ground: Ground) => Promise<void>,
][] = [
  [
    "an object is what was written, to the last byte",
    async (bucket, ground) => {
      for (const length of [0, 1, 4096, 65_537, ground.largestBytes]) {
        const name = `d/${length}`;
        expect(await bucket.create(name, pattern(length, 1))).toBe("created");
        expectBytes(await bucket.get(name), pattern(length, 1));
      }
    },
  ],
  ["what nobody wrote is not there", async (bucket) => {
    expect(await bucket.get("d/none")).toBeUndefined();
    expect(await bucket.get("d/none", { offset: 1, length: 1 }))
      .toBeUndefined();
    await bucket.create("d/none-but-longer", pattern(5, 1));
    expect(await bucket.get("d/none")).toBeUndefined();
    expect(await bucket.list("d/none-at-all")).toEqual({
      objects: [],
      more: false,
    });
  }],
  ["an object is never replaced", async (bucket) => {
    expect(await bucket.create("m/one", pattern(100, 1))).toBe("created");
    for (const other of [pattern(100, 2), pattern(0, 0), pattern(3000, 1)]) {
      expect(await bucket.create("m/one", other)).toBe("exists");
      expectBytes(await bucket.get("m/one"), pattern(100, 1));
    }
  }],
  ["of many who create one object, one does", async (bucket) => {
    const many = Array.from({ length: 8 }, (_, i) => pattern(2000, i));
    const answers = await Promise.all(
      many.map((bytes) => bucket.create("d/raced", bytes)),
    );
    expect(answers.filter((answer) => answer === "created")).toHaveLength(1);
    expectBytes(
      await bucket.get("d/raced"),
      many[answers.indexOf("created")]!,
    );
  }],
  ["a buffer may be used again once its create has settled", async (bucket) => {
    const buffer = pattern(5000, 2);
    await bucket.create("d/lent", buffer);
    buffer.fill(0);
    const read = await bucket.get("d/lent");
    expectBytes(read, pattern(5000, 2));
    read!.fill(0);
    expectBytes(await bucket.get("d/lent"), pattern(5000, 2));
  }],
  ["a range gives its bytes, and what there is of them", async (bucket) => {
    const whole = pattern(1000, 3);
    await bucket.create("d/ranges", whole);
    for (
      const [offset, length] of [
        [0, 1],
        [0, 1000],
        [999, 1],
        [500, 100],
        [990, 100],
        [0, 1001],
        [1000, 1],
        [5000, 10],
      ] as const
    ) {
      expectBytes(
        await bucket.get("d/ranges", { offset, length }),
        whole.slice(offset, offset + length),
      );
    }
    await bucket.create("d/empty", new Uint8Array(0));
    expectBytes(
      await bucket.get("d/empty", { offset: 0, length: 5 }),
      new Uint8Array(0),
    );
  }],
  [
    "a listing has the names of a prefix in order, with sizes",
    async (bucket) => {
      const names = ["d/0a", "d/0a.b", "d/0a/b", "d/0a0", "d/1", "m/0", "m0"];
      for (const [i, name] of names.entries()) {
        await bucket.create(name, pattern(i, 1));
      }
      const listed = async (prefix: string, after?: string) =>
        (await collect(bucket, prefix, after)).map(({ name }) => name);
      expect(await collect(bucket, "")).toEqual(
        names.map((name, sizeBytes) => ({ name, sizeBytes })),
      );
      expect(await listed("d/")).toEqual(names.slice(0, 5));
      expect(await listed("d/0a/")).toEqual(["d/0a/b"]);
      expect(await listed("m")).toEqual(["m/0", "m0"]);
      expect(await listed("d/", "d/0a.b")).toEqual(["d/0a/b", "d/0a0", "d/1"]);
      expect(await listed("d/", "d/0a.a")).toEqual(names.slice(1, 5));
      expect(await listed("d/", "d/1")).toEqual([]);
    },
  ],
  ["what is deleted is gone, and its neighbours stay", async (bucket) => {
    for (const name of ["d/1", "d/2", "d/3", "d/4"]) {
      await bucket.create(name, pattern(10, 1));
    }
    await bucket.delete(["d/1", "d/3", "d/never"]);
    await bucket.delete([]);
    await bucket.delete(["d/1"]);
    expect((await collect(bucket, "")).map(({ name }) => name)).toEqual([
      "d/2",
      "d/4",
    ]);
    expect(await bucket.get("d/3")).toBeUndefined();
    expect(await bucket.create("d/3", pattern(9, 2))).toBe("created");
    expectBytes(await bucket.get("d/3"), pattern(9, 2));
  }],
  ["what makes no sense is the caller's mistake", async (bucket) => {
    const bytes = pattern(1, 1);
    for (const name of ["", "/", "d/", "/d", "a//b", "A", "a b", "../x"]) {
      await expectMistake(() => bucket.create(name, bytes));
      await expectMistake(() => bucket.get(name));
      await expectMistake(() => bucket.delete(["fine", name]));
    }
    await expectMistake(() => bucket.create("x".repeat(257), bytes));
    await expectMistake(() => bucket.list("a//"));
    for (
      const [offset, length] of [[0, 0], [-1, 5], [0.5, 1], [0, 2 ** 40]]
    ) {
      await expectMistake(() =>
        bucket.get("x", { offset: offset!, length: length! })
      );
    }
    expect(await collect(bucket, "")).toEqual([]);
  }],
  ["any history reads like a map", async (_bucket, { make, histories }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyAction, { maxLength: 25 }),
        async (actions) => {
          const bucket = await make();
          try {
            await live(bucket, actions);
          } finally {
            await bucket.close();
          }
        },
      ),
      { numRuns: histories },
    );
  }],
];

/** One step of a history, about one of a few names. */
interface Action {
  readonly kind: "create" | "delete" | "get";
  readonly name: string;
  readonly length: number;
  readonly seed: number;
}

const anyAction: fc.Arbitrary<Action> = fc.record({
  kind: fc.constantFrom("create", "create", "delete", "get"),
  name: fc.constantFrom("d/1", "d/2", "d/20", "m/1", "m/1.x"),
  length: fc.nat(3000),
  seed: fc.nat(255),
});

async function live(
  bucket: Bucket,
  actions: readonly Action[],
): Promise<void> {
  const model = new Map<string, Uint8Array>();
  for (const { kind, name, length, seed } of actions) {
    const bytes = pattern(length, seed);
    if (kind === "delete") {
      await bucket.delete([name]);
      model.delete(name);
    } else if (kind === "get") {
      const range = { offset: seed, length: length + 1 };
      const expected = model.get(name)?.slice(seed, seed + length + 1);
      expectBytes(await bucket.get(name, range), expected);
    } else {
      const known = model.get(name);
      const answer = await bucket.create(name, bytes);
      // The same bytes once more may be either.
      if (!known) expect(answer).toBe("created");
      else if (!same(known, bytes)) expect(answer).toBe("exists");
      if (!known) model.set(name, bytes);
    }
  }
  for (const [name, bytes] of model) expectBytes(await bucket.get(name), bytes);
  expect(await collect(bucket, "")).toEqual(
    [...model].map(([name, { length }]) => ({ name, sizeBytes: length }))
      .toSorted((a, b) => a.name < b.name ? -1 : 1),
  );
}

async function collect(bucket: Bucket, prefix: string, after?: string) {
  return await Array.fromAsync(listAll(bucket, prefix, after));
}

async function expectMistake(act: () => Promise<unknown>): Promise<void> {
  const thrown = await act().then(() => undefined, (error) => error);
  expect(thrown).toBeInstanceOf(RangeError);
}

function expectBytes(
  actual: Uint8Array | undefined,
  expected: Uint8Array | undefined,
): void {
  expect(actual?.length).toBe(expected?.length);
  if (actual && expected) expect(same(actual, expected)).toBe(true);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed * 31 + i + (i >> 8) * 7;
  return bytes;
}
