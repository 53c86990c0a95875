import { expect } from "expect";
import { type Bucket, BucketError, listAll } from "./bucket.ts";
import { MemoryBucket } from "./memory_bucket.ts";
import { PlainPuts } from "./plain_puts.ts";
import { probe, probeUnconditional } from "./probe.ts";
import { seededRandom } from "./testing/faults.ts";

const options = { folder: "m/", primitives: seededRandom(1) };

/** A store that does one thing otherwise. */
const unfit = (memory: MemoryBucket, otherwise: Partial<Bucket>): Bucket => ({
  create: memory.create.bind(memory),
  get: memory.get.bind(memory),
  list: memory.list.bind(memory),
  delete: memory.delete.bind(memory),
  close: memory.close.bind(memory),
  ...otherwise,
});

Deno.test("a store that keeps what it must is taken, and left as it was", async () => {
  const memory = new MemoryBucket();
  await probe(memory, options);
  expect(memory.size).toBe(0);
});

const memory = new MemoryBucket();
const UNFIT: Record<string, Partial<Bucket>> = {
  "a second write replaced the first": {
    async create(name, bytes) {
      await memory.delete([name]);
      return await memory.create(name, bytes);
    },
  },
  "what was written first did not stay": {
    async create(name, bytes) {
      if (await memory.create(name, bytes) === "created") return "created";
      await memory.delete([name]);
      await memory.create(name, bytes);
      return "exists";
    },
  },
  "it says of a name nobody has used that it exists": {
    create: () => Promise.resolve("exists"),
  },
  "it gives other bytes than those of the range asked for": {
    get: (name) => memory.get(name),
  },
};

for (const [why, otherwise] of Object.entries(UNFIT)) {
  Deno.test(`refused: ${why}`, async () => {
    const error = await probe(unfit(memory, otherwise), options)
      .catch((error) => error);
    expect(error).toBeInstanceOf(BucketError);
    expect(error.message).toBe(
      `This object store cannot hold volumes: ${why}`,
    );
    expect(error.hint).toMatch(/If-None-Match/);
    expect(memory.size).toBe(0);
  });
}

Deno.test("a store that keeps no condition is refused, and it is said what does without", async () => {
  const memory = new MemoryBucket();
  const error = await probe(new PlainPuts(memory), options)
    .catch((error) => error);
  expect(error).toMatchObject({ fault: "unsupported" });
  expect(error.hint).toMatch(/--unsafe-no-conditional-put .* limits/);
  expect(memory.size).toBe(0);
});

Deno.test("without conditions a store is taken that keeps none, or does not know them, and left as it was", async () => {
  const refuses = (fault: "unsupported" | "rejected") => ({
    create: () => Promise.reject(new BucketError(fault, "what is that?")),
  });
  for (
    const otherwise of [{}, refuses("unsupported"), refuses("rejected")]
  ) {
    const memory = new MemoryBucket();
    const plain = new PlainPuts(memory);
    const create = plain.create.bind(plain);
    const store = unfit(memory, { create, ...otherwise });
    await probeUnconditional(store, plain, options);
    expect(memory.size).toBe(0);
  }
});

Deno.test("one that keeps conditions is not written without them", async () => {
  const memory = new MemoryBucket();
  const error = await probeUnconditional(memory, new PlainPuts(memory), options)
    .catch((error) => error);
  expect(error).toMatchObject({
    kind: "usage",
    message: "This store keeps If-None-Match",
  });
  expect(error.hint).toMatch(/^Leave out --unsafe-no-conditional-put/);
  expect(memory.size).toBe(0);
});

Deno.test("without conditions, too, what is written has to stay, its ranges have to be given, and errors are errors", async () => {
  const memory = new MemoryBucket();
  const plain = new PlainPuts(memory);
  const create = plain.create.bind(plain);
  const tries = async (otherwise: Partial<Bucket>) => {
    const store = unfit(memory, { create, ...otherwise });
    return await probeUnconditional(store, store, options)
      .catch((error) => error);
  };
  const whole = await tries({ get: (name) => memory.get(name) });
  expect(whole.message).toMatch(/other bytes than those of the range/);
  const nothing = await tries({ get: () => Promise.resolve(undefined) });
  expect(nothing.message).toMatch(/what was written first did not stay/);
  let first: Uint8Array | undefined;
  const cached = await tries({
    get: async (name, range) =>
      range ? await memory.get(name, range) : first ??= await memory.get(name),
  });
  expect(cached.message).toMatch(/what was there before it was replaced/);
  const down = new BucketError("uncertain", "no answer");
  expect(await tries({ create: () => Promise.reject(down) })).toBe(down);
});

Deno.test("a listing that does not go on is an error, and not a loop", async () => {
  const stuck = unfit(memory, {
    list: () => Promise.resolve({ objects: [], more: true }),
  });
  await expect(Array.fromAsync(listAll(stuck, "d/"))).rejects.toThrow(
    'The listing of "d/" does not go on',
  );
});
