import { expect } from "expect";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { type Bucket, listAll, type ReplaceableBucket } from "./bucket.ts";
import {
  type Claiming,
  HELD_MS,
  LANDING_MS,
  LEASE_MS,
  RENEW_MS,
} from "./bucket_lease.ts";
import { pattern } from "./conformance.ts";
import { LEASE_NAME } from "./lease_object.ts";
import { LeasedBucket } from "./leased_bucket.ts";
import { RetryingBucket } from "./retrying_bucket.ts";
import { PassingClock } from "./testing/passing_clock.ts";
import { type Fate, PlainStore, type Request } from "./testing/plain_store.ts";

const ONE = pattern(100, 1);
const TWO = pattern(100, 2);

class Ground {
  readonly clock = new PassingClock();
  readonly store = new PlainStore(this.clock);

  open(
    claiming: Claiming,
    { by = "one", fate, over = (place) => place }: {
      readonly by?: string;
      readonly fate?: (request: Request) => Fate;
      readonly over?: (place: ReplaceableBucket) => ReplaceableBucket;
    } = {},
  ): LeasedBucket {
    const place = over(this.store.line(by, fate));
    return new LeasedBucket(place, {
      ...{ clock: this.clock, primitives, claiming },
    });
  }

  /** What it comes to when time passes. */
  async after<T>(ms: number, work: Promise<T>): Promise<T> {
    work.catch(() => {});
    await this.clock.pass(ms);
    return await Promise.race([
      work,
      Promise.reject(new Error("still under way")),
    ]);
  }

  get puts(): readonly string[] {
    return this.store.landed.map(({ by, name }) => `${by} ${name}`)
      .filter((put) => !put.endsWith(LEASE_NAME));
  }
}

async function namesIn(bucket: Bucket): Promise<string[]> {
  const all = await Array.fromAsync(listAll(bucket, ""));
  return all.map(({ name }) => name);
}

Deno.test("who reads needs no lease, and does not see it", async () => {
  const ground = new Ground();
  const writer = ground.open("new");
  expect(await writer.create("d/1", ONE)).toBe("created");
  const reader = ground.open("open", { by: "reader" });
  expect(await reader.get("d/1")).toEqual(ONE);
  expect(await namesIn(reader)).toEqual(["d/1"]);
  expect(await namesIn(ground.store.objects)).toEqual(["d/1", LEASE_NAME]);
  await reader.close();
  expect(ground.store.landed.map(({ by }) => by)).toEqual(["one", "one"]);
  for (
    const act of [
      () => writer.create(LEASE_NAME, ONE),
      () => writer.get(LEASE_NAME),
      () => writer.delete(["d/1", LEASE_NAME]),
    ]
  ) await expect(act()).rejects.toThrow(RangeError);
});

Deno.test("a listing whose page holds nothing but the lease goes on", async () => {
  const ground = new Ground();
  const one = async (place: Bucket, prefix: string, after?: string) => {
    const { objects, more } = await place.list(prefix, after);
    return { objects: objects.slice(0, 1), more: more || objects.length > 1 };
  };
  const bucket = ground.open("new", {
    over: (place) => ({
      ...place,
      list: (prefix, after) => one(place, prefix, after),
    }),
  });
  await bucket.create("d/1", ONE);
  await bucket.create("m/1", ONE);
  expect(await namesIn(bucket)).toEqual(["d/1", "m/1"]);
  await bucket.delete(["d/1", "m/1"]);
  expect(await namesIn(bucket)).toEqual([]);
});

Deno.test("whoever had the place before makes nothing there any more, nor deletes anything", async () => {
  const ground = new Ground();
  const loser = ground.open("new");
  await loser.create("d/1", ONE);
  await ground.clock.pass(100);
  const winner = ground.open("take", { by: "two" });
  const taking = winner.create("d/2", TWO);
  // Until it has settled the former one may write, and does.
  await ground.clock.pass(RENEW_MS - 200);
  expect(await loser.create("d/3", ONE)).toBe("created");
  await ground.clock.pass(1000);
  for (
    const act of [
      () => loser.create("d/4", ONE),
      () => loser.delete(["d/1"]),
    ]
  ) await expect(act()).rejects.toMatchObject({ fault: "held" });
  expect(loser.lost?.kind).toBe("conflict");
  expect(await ground.after(LEASE_MS, taking)).toBe("created");
  expect(ground.puts).toEqual(["one d/1", "one d/3", "two d/2"]);
  // It reads on.
  expect(await loser.get("d/2")).toEqual(TWO);
  expect(await winner.create("d/3", TWO)).toBe("exists");
});

Deno.test("a put in doubt keeps other bytes from its name until it can arrive no more", async () => {
  const ground = new Ground();
  let fates: Fate[] = [];
  const bucket = ground.open("new", {
    fate: ({ kind, name }) =>
      kind === "put" && name === "d/1" ? fates.shift() ?? {} : {},
  });
  await bucket.create("d/0", ONE);
  // It is given up after a second, and arrives after ten.
  fates = [{ givenUpMs: 1000, thereMs: 10_000 }];
  const first = bucket.create("d/1", ONE);
  await expect(ground.after(1000, first))
    .rejects.toMatchObject({ fault: "uncertain" });
  const begun = ground.clock.ms;
  const other = bucket.create("d/1", TWO);
  expect(await ground.after(LANDING_MS, other)).toBe("exists");
  expect(ground.clock.ms - begun).toBe(LANDING_MS);
  expect(await bucket.get("d/1")).toEqual(ONE);
  // The same bytes go at once, and others where it never came.
  fates = [{ givenUpMs: 1000, thereMs: 1e9 }];
  await bucket.delete(["d/1"]);
  const third = bucket.create("d/1", ONE);
  await expect(ground.after(1000, third)).rejects.toThrow();
  expect(await bucket.create("d/1", ONE)).toBe("created");
  await bucket.delete(["d/1"]);
  expect(await ground.after(LANDING_MS, bucket.create("d/1", TWO)))
    .toBe("created");
  expect(await bucket.get("d/1")).toEqual(TWO);
});

Deno.test("who is stopped between looking and putting, and has lost the place, is told so and not that it is made", async () => {
  const ground = new Ground();
  let stopMs = 0;
  const loser = ground.open("new", {
    over: (place) => ({
      ...place,
      replace: async (name, bytes) => {
        // The worst that there is: it has just been looked, and the process stands.
        if (name === "d/1") await ground.clock.sleep(stopMs);
        await place.replace(name, bytes);
      },
    }),
  });
  await loser.create("d/0", ONE);
  stopMs = HELD_MS;
  const stopped = loser.create("d/1", ONE);
  await ground.clock.settle();
  const other = ground.open("take", { by: "two" });
  void other.create("d/2", TWO);
  await ground.clock.settle();
  // Its timers and answers come when it goes on.
  ground.clock.stall(HELD_MS);
  await expect(ground.after(10, stopped)).rejects.toMatchObject({
    fault: "held",
  });
  expect(loser.lost).toBeDefined();
});

Deno.test("what a put in doubt has become is told by none but who has the lease", async () => {
  const ground = new Ground();
  let fate: Fate = {};
  const leased = ground.open("new", {
    fate: ({ kind, name }) => kind === "put" && name === "d/1" ? fate : {},
  });
  const { clock } = ground;
  const bucket = new RetryingBucket(leased, { clock, primitives });
  await bucket.create("d/0", ONE);
  // It arrives, the answer does not, and meanwhile another has the place.
  fate = { givenUpMs: RENEW_MS + 1000 };
  const first = bucket.create("d/1", ONE);
  await clock.settle();
  void ground.open("take", { by: "two" }).create("d/2", TWO);
  await expect(ground.after(2 * RENEW_MS, first)).rejects.toMatchObject({
    fault: "held",
  });
  // Whose place it is can look.
  const other = new Ground();
  fate = { givenUpMs: 1000 };
  const ours = other.open("new", {
    fate: ({ kind, name }) => kind === "put" && name === "d/1" ? fate : {},
  });
  const again = new RetryingBucket(ours, { clock: other.clock, primitives });
  expect(await other.after(3000, again.create("d/1", ONE))).toBe("created");
});

Deno.test("a slow put goes on as long as the lease is renewed, and is given up when that ends", async () => {
  const ground = new Ground();
  let isDown = false;
  let given: AbortSignal | undefined;
  const bucket = ground.open("new", {
    fate: ({ name }) =>
      name === LEASE_NAME && isDown ? { givenUpMs: 1000, thereMs: 1e9 } : {},
    over: (place) => ({
      ...place,
      replace: async (name, bytes, signal) => {
        if (name === "d/1") {
          given = signal;
          await ground.clock.sleep(10 * HELD_MS, signal);
        }
        await place.replace(name, bytes, signal);
      },
    }),
  });
  await bucket.create("d/0", ONE);
  const slow = bucket.create("d/1", ONE);
  await ground.clock.pass(4 * HELD_MS);
  expect(given?.aborted).toBe(false);
  isDown = true;
  await expect(ground.after(HELD_MS, slow))
    .rejects.toMatchObject({ fault: "uncertain" });
  expect(given?.aborted).toBe(true);
  expect(ground.puts).toEqual(["one d/0"]);
});

Deno.test("a place that was closed with nothing under way is free, and one with something in doubt is not", async () => {
  for (const isInDoubt of [false, true]) {
    const ground = new Ground();
    let fate: Fate = {};
    const bucket = ground.open("new", {
      fate: ({ kind, name }) => kind === "put" && name === "d/1" ? fate : {},
    });
    await bucket.create("d/0", ONE);
    fate = { givenUpMs: 10, thereMs: 20 };
    if (isInDoubt) {
      await expect(ground.after(10, bucket.create("d/1", ONE)))
        .rejects.toThrow();
    }
    await bucket.close();
    await bucket.close();
    const text = new TextDecoder()
      .decode(await ground.store.objects.get(LEASE_NAME));
    expect(text).toMatch(isInDoubt ? /held\n$/ : /free\n$/);
    await expect(bucket.create("d/2", ONE)).rejects.toThrow("closed");
  }
});

Deno.test("the lease goes last, and nothing is left", async () => {
  const ground = new Ground();
  const bucket = ground.open("new");
  await bucket.create("d/1", ONE);
  await bucket.delete(["d/1"]);
  await bucket.removeLease();
  await bucket.close();
  await ground.clock.pass(LEASE_MS);
  expect(ground.store.objects.size).toBe(0);
});
