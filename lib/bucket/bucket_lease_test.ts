import { expect } from "expect";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { BucketError } from "./bucket.ts";
import {
  BucketLease,
  type Claiming,
  HELD_MS,
  LEASE_MS,
  PATIENCE_MS,
  QUICK_MS,
  RENEW_MS,
} from "./bucket_lease.ts";
import { encodeLease, LEASE_NAME, parseLease } from "./lease_object.ts";
import { PassingClock } from "./testing/passing_clock.ts";
import { type Fate, PlainStore, type Request } from "./testing/plain_store.ts";

const A = "0123456789abcdef".repeat(2);

class Ground {
  readonly clock = new PassingClock();
  readonly store = new PlainStore(this.clock);

  lease(
    claiming: Claiming = "open",
    fate?: (request: Request) => Fate,
  ): BucketLease {
    const place = this.store.line("one", fate);
    return new BucketLease(place, { clock: this.clock, primitives, claiming });
  }

  /** One that is held, without that anybody has waited. */
  async held(fate?: (request: Request) => Fate): Promise<BucketLease> {
    const lease = this.lease("new", fate);
    await lease.hold();
    return lease;
  }

  async there() {
    const bytes = await this.store.objects.get(LEASE_NAME);
    return bytes && parseLease(bytes);
  }

  /** When it is settled, and with what. */
  watch(lease: BucketLease) {
    const found: { atMs?: number; error?: BucketError; term?: AbortSignal } =
      {};
    const done = () => found.atMs = this.clock.ms;
    lease.hold().then((term) => {
      done();
      found.term = term;
    }, (error) => {
      done();
      found.error = error;
    });
    return found;
  }
}

Deno.test("a lease says its version, its holder and whether it is free, and nothing else is one", () => {
  const record = { holder: A, counter: 42, isFree: false };
  expect(fromUtf8(encodeLease(record))).toBe(`vault lease 1 ${A} 42 held\n`);
  for (const one of [record, { ...record, counter: 0, isFree: true }]) {
    expect(parseLease(encodeLease(one))).toEqual(one);
    const text = fromUtf8(encodeLease(one))!;
    for (let length = 0; length < text.length; length++) {
      expect(parseLease(utf8(text.slice(0, length)))).toBeUndefined();
    }
    expect(parseLease(utf8(text.replace("lease 1", "lease 2"))))
      .toBeUndefined();
    expect(parseLease(utf8(`${text}\n`))).toBeUndefined();
  }
});

Deno.test("a new place is held at once, another only when nothing can arrive there any more", async () => {
  const ground = new Ground();
  await ground.held();
  expect(ground.clock.ms).toBe(0);
  const other = new Ground();
  const found = other.watch(other.lease("open"));
  await other.clock.pass(LEASE_MS - 1);
  expect(found.atMs).toBeUndefined();
  await other.clock.pass(1);
  expect(found).toMatchObject({ atMs: LEASE_MS });
  expect(found.term?.aborted).toBe(false);
});

Deno.test("a holder renews it for as long as it lives, and its time never ends", async () => {
  const ground = new Ground();
  const lease = await ground.held();
  const term = await lease.hold();
  await ground.clock.pass(10 * HELD_MS);
  expect(lease.isUnbroken(term)).toBe(true);
  expect((await ground.there())?.counter)
    .toBe(1 + 10 * HELD_MS / RENEW_MS);
});

Deno.test("one that is renewed is held by another, which is found out by its changes", async () => {
  const ground = new Ground();
  await ground.held();
  const found = ground.watch(ground.lease());
  await ground.clock.pass(PATIENCE_MS);
  expect(found.atMs).toBeLessThanOrEqual(2 * RENEW_MS + 2000);
  expect(found.error).toMatchObject({ fault: "held", kind: "conflict" });
  expect(found.error?.message)
    .toBe("Another node holds the lease of this volume");
});

Deno.test("one that nobody renews is taken when its time and that of what was under way are over", async () => {
  const ground = new Ground();
  const dead = { holder: A, counter: 7, isFree: false };
  await ground.store.objects.replace(LEASE_NAME, encodeLease(dead));
  const found = ground.watch(ground.lease());
  // What its holder sent last, and died.
  await ground.clock.pass(1500);
  const last = encodeLease({ ...dead, counter: 8 });
  await ground.store.objects.replace(LEASE_NAME, last);
  await ground.clock.pass(PATIENCE_MS + LEASE_MS + 1000);
  expect(found.error).toBeUndefined();
  expect(found.atMs).toBeGreaterThanOrEqual(1500 + PATIENCE_MS + LEASE_MS);
  const late = new Ground();
  await late.store.objects.replace(LEASE_NAME, last);
  const again = late.watch(late.lease());
  await late.clock.pass(PATIENCE_MS + LEASE_MS - 1);
  expect(again.atMs).toBeUndefined();
  await late.clock.pass(1);
  expect(again.term).toBeDefined();
});

Deno.test("one that was closed in good order is free, and taken quickly by who is quick", async () => {
  for (const thereMs of [1, QUICK_MS / 2 + 1]) {
    const ground = new Ground();
    const lease = await ground.held();
    await lease.close({ isIdle: true });
    expect(await ground.there()).toMatchObject({ isFree: true });
    const found = ground.watch(ground.lease("open", () => ({ thereMs })));
    const isQuick = 2 * thereMs <= QUICK_MS;
    const expected = 3 * thereMs + (isQuick ? QUICK_MS : LEASE_MS);
    await ground.clock.pass(expected - 1);
    expect(found.atMs).toBeUndefined();
    await ground.clock.pass(1);
    expect(found.atMs).toBe(expected);
  }
});

Deno.test("one that is closed with something under way, or when its time is over, is left to run out", async () => {
  const ground = new Ground();
  const lease = await ground.held();
  await lease.close({ isIdle: false });
  expect(await ground.there()).toMatchObject({ isFree: false });
  const counter = (await ground.there())?.counter;
  await ground.clock.pass(5 * RENEW_MS);
  expect((await ground.there())?.counter).toBe(counter);
  const other = new Ground();
  const stopped = await other.held();
  other.clock.stall(HELD_MS);
  await stopped.close({ isIdle: true });
  expect(await other.there()).toMatchObject({ isFree: false });
});

Deno.test("of two that take it from nobody at one moment one has it, and the other knows", async () => {
  const ground = new Ground();
  // Each reads before the other has put.
  const slow = ({ kind }: Request) => kind === "put" ? { thereMs: 900 } : {};
  const leases = [ground.lease("open"), ground.lease("open", slow)];
  const found = leases.map((lease) => ground.watch(lease));
  await ground.clock.pass(2 * LEASE_MS);
  expect(found.map(({ error }) => error?.fault)).toEqual(["held", undefined]);
  expect(found[1]?.term).toBeDefined();
});

Deno.test("who takes it has it after the former holder's time, who knows it when it renews", async () => {
  const ground = new Ground();
  const loser = await ground.held();
  const term = await loser.hold();
  await ground.clock.pass(2 * RENEW_MS + 1000);
  const begun = ground.clock.ms;
  const found = ground.watch(ground.lease("take"));
  await ground.clock.pass(RENEW_MS);
  expect(loser.lost).toMatchObject({ fault: "held" });
  expect(loser.lost?.message)
    .toBe("Another node has taken the lease of this volume");
  expect(term.aborted).toBe(true);
  await expect(loser.hold()).rejects.toBe(loser.lost);
  await ground.clock.pass(LEASE_MS);
  expect(found.atMs).toBe(begun + LEASE_MS);
  expect(found.term?.aborted).toBe(false);
  // For good: also when nobody has it any more.
  await ground.store.objects.delete([LEASE_NAME]);
  await ground.clock.pass(10 * LEASE_MS);
  await expect(loser.hold()).rejects.toBe(loser.lost);
});

Deno.test("a holder that had read its own before it was taken puts it over the taker's, who takes it once more", async () => {
  const ground = new Ground();
  let backMs = 0;
  const loser = await ground.held(({ kind }) =>
    kind === "get" ? { backMs } : {}
  );
  await ground.clock.pass(RENEW_MS - 1);
  backMs = 500;
  await ground.clock.pass(100);
  const found = ground.watch(ground.lease("take"));
  await ground.clock.pass(LEASE_MS);
  expect(found.atMs).toBeUndefined();
  expect(loser.lost).toBeUndefined();
  await ground.clock.pass(LEASE_MS + 1);
  expect(found.term).toBeDefined();
  expect(loser.lost).toBeDefined();
});

Deno.test("who was stopped for longer than its time settles anew, and its term is over", async () => {
  const ground = new Ground();
  const lease = await ground.held();
  const term = await lease.hold();
  ground.clock.stall(HELD_MS);
  expect(lease.isUnbroken(term)).toBe(false);
  expect(term.aborted).toBe(true);
  const begun = ground.clock.ms;
  const found = ground.watch(lease);
  await ground.clock.pass(LEASE_MS - 1);
  expect(found.atMs).toBeUndefined();
  await ground.clock.pass(1);
  expect(found.atMs).toBe(begun + LEASE_MS);
  expect(found.term?.aborted).toBe(false);
});

Deno.test("a machine that slept knows it by the clock on the wall", async () => {
  const ground = new Ground();
  const lease = await ground.held();
  const term = await lease.hold();
  ground.clock.wallMs += HELD_MS;
  expect(lease.isUnbroken(term)).toBe(false);
});

Deno.test("a renewal whose answer comes too late renews nothing", async () => {
  const ground = new Ground();
  let backMs = 0;
  const lease = await ground
    .held(({ kind }) => kind === "put" ? { backMs } : {});
  const term = await lease.hold();
  await ground.clock.pass(RENEW_MS - 1);
  // It is on its way when the process is stopped, and is heard of afterwards.
  backMs = 1000;
  await ground.clock.pass(2);
  ground.clock.stall(HELD_MS);
  await ground.clock.pass(0);
  expect(lease.isUnbroken(term)).toBe(false);
  const found = ground.watch(lease);
  await ground.clock.pass(LEASE_MS - 1);
  expect(found.atMs).toBeUndefined();
  await ground.clock.pass(3000);
  expect(found.term?.aborted).toBe(false);
});

Deno.test("who has read its own and was stopped looks again, and puts it over nobody's", async () => {
  const ground = new Ground();
  let backMs = 0;
  const lease = await ground
    .held(({ kind }) => kind === "get" ? { backMs } : {});
  await ground.clock.pass(RENEW_MS - 1);
  backMs = 500;
  await ground.clock.pass(10);
  const other = { holder: A, counter: 1, isFree: false };
  await ground.store.objects.replace(LEASE_NAME, encodeLease(other));
  ground.clock.stall(LEASE_MS);
  await ground.clock.pass(1000);
  expect(await ground.there()).toEqual(other);
  await ground.clock.pass(RENEW_MS);
  expect(lease.lost).toBeDefined();
});

Deno.test("a holder whose store does not answer goes on when it does, and settles where that took too long", async () => {
  const ground = new Ground();
  let isDown = false;
  const lease = await ground.held(() => isDown ? { givenUpMs: 1000 } : {});
  const term = await lease.hold();
  await ground.clock.pass(RENEW_MS - 1);
  isDown = true;
  await ground.clock.pass(HELD_MS - 2 * RENEW_MS);
  isDown = false;
  await ground.clock.pass(HELD_MS);
  expect(lease.isUnbroken(term)).toBe(true);
  isDown = true;
  await ground.clock.pass(2 * HELD_MS);
  expect(term.aborted).toBe(true);
  isDown = false;
  // By itself: one that is idle keeps it, too.
  await ground.clock.pass(LEASE_MS + 3000);
  expect((await lease.hold()).aborted).toBe(false);
});

Deno.test("a lease that was removed is lost, and what is none is not touched", async () => {
  const ground = new Ground();
  const lease = await ground.held();
  await ground.store.objects.delete([LEASE_NAME]);
  await ground.clock.pass(RENEW_MS);
  expect(lease.lost?.message)
    .toBe("The lease of this volume was removed from its store");
  await ground.store.objects.replace(LEASE_NAME, utf8("something"));
  const found = ground.watch(ground.lease("take"));
  await ground.clock.pass(0);
  expect(found.error).toMatchObject({ fault: "unsupported" });
  expect(await ground.store.objects.get(LEASE_NAME)).toEqual(utf8("something"));
});

Deno.test("a lease that is not needed any more is deleted, and not put again", async () => {
  const ground = new Ground();
  const lease = await ground.held();
  await lease.remove();
  await ground.clock.pass(4 * RENEW_MS);
  await lease.close({ isIdle: true });
  expect(ground.store.objects.size).toBe(0);
});

Deno.test("the time of a holder whose store says nothing ends by itself", async () => {
  const ground = new Ground();
  let isDown = false;
  const lease = await ground.held(() => isDown ? { thereMs: 1e9 } : {});
  const term = await lease.hold();
  await ground.clock.pass(RENEW_MS - 1);
  isDown = true;
  await ground.clock.pass(HELD_MS - RENEW_MS);
  expect(term.aborted).toBe(false);
  await ground.clock.pass(1);
  expect(term.aborted).toBe(true);
});

Deno.test("a renewal that is on its way does not come after the word that the lease is free, or gone", async () => {
  for (const isRemoved of [false, true]) {
    const ground = new Ground();
    let thereMs = 0;
    const lease = await ground
      .held(({ kind }) => kind === "put" ? { thereMs } : {});
    await ground.clock.pass(RENEW_MS - 1);
    thereMs = 1000;
    await ground.clock.pass(1);
    thereMs = 0;
    const over = isRemoved ? lease.remove() : lease.close({ isIdle: true });
    await ground.clock.pass(3000);
    await over;
    if (isRemoved) expect(await ground.there()).toBeUndefined();
    else expect(await ground.there()).toMatchObject({ isFree: true });
  }
});
