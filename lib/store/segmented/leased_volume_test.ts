/** Volumes in a store that keeps no If-None-Match: whoever has lost the lease is fenced, and what arrives too late is found out. */
import { expect } from "expect";
import { LEASE_MS, RENEW_MS } from "../../bucket/bucket_lease.ts";
import { LeasedBucket } from "../../bucket/leased_bucket.ts";
import { RetryingBucket } from "../../bucket/retrying_bucket.ts";
import { PassingClock } from "../../bucket/testing/passing_clock.ts";
import {
  type Fate,
  PlainStore,
  type Request,
} from "../../bucket/testing/plain_store.ts";
import { systemPrimitives as primitives } from "../../os/primitives.ts";
import { noTime } from "../testing/journaled.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import { Fenced } from "./fenced.ts";
import {
  keys,
  type Machine,
  makeVolume,
  openOn,
  put,
  values,
} from "./testing/volumes.ts";
import { verifyVolume } from "./verify.ts";

const SIZE_BYTES = 16 * 512;

class Ground {
  readonly clock = new PassingClock();
  readonly store = new PlainStore(this.clock);

  static async withVolume(): Promise<Ground> {
    const ground = new Ground();
    const bucket = ground.reach("new");
    await makeVolume(bucket, { sizeBytes: SIZE_BYTES });
    await bucket.close();
    return ground;
  }

  reach(
    claiming: "new" | "open" | "take",
    fate?: (request: Request) => Fate,
  ): RetryingBucket {
    const { clock } = this;
    const place = this.store.line(claiming, fate);
    const options = { clock, primitives, claiming };
    return new RetryingBucket(new LeasedBucket(place, options), options);
  }

  /** Opens it on a machine, for as long as that takes. */
  async open(
    machine: Machine,
    claiming: "open" | "take",
    fate?: (request: Request) => Fate,
  ): Promise<BucketVolume> {
    const opening = openOn(machine, this.reach(claiming, fate));
    opening.catch(() => {});
    for (let ms = 0; ms < 2 * LEASE_MS; ms += 1000) await this.clock.pass(1000);
    return await opening;
  }

  get segments(): readonly string[] {
    return this.store.landed.map(({ name }) => name)
      .filter((name) => name.startsWith("d/"));
  }
}

Deno.test("who has lost the lease is fenced, by the next segment, checkpoint or look, and for good", async () => {
  for (const how of ["append", "checkpoint", "resize", "open"] as const) {
    const ground = await Ground.withVolume();
    const loser = await ground.open({ pin: undefined }, "open");
    await put(loser, { sector: 0, value: 1 });
    const winner = await ground.open({ pin: undefined }, "take");
    await put(winner, { sector: 1, value: 2 });
    const before = ground.store.landed.length;
    const act = {
      append: () => put(loser, { sector: 0, value: 99 }),
      checkpoint: () => loser.row.checkpoint(),
      resize: () => loser.row.resize(SIZE_BYTES / 2),
      open: () => loser.row.open(),
    }[how];
    await expect(act()).rejects.toThrow(Fenced);
    await expect(act()).rejects.toThrow("Another node has");
    await expect(loser.row.expectOurs()).rejects.toThrow(Fenced);
    await expect(put(loser, { sector: 0, value: 99 })).rejects.toThrow(Fenced);
    expect(
      ground.store.landed.slice(before)
        .filter(({ by, name }) => by === "open" && name !== "lease"),
    ).toEqual([]);
    await put(winner, { sector: 2, value: 3 });
    expect(await values(winner, 3)).toEqual([1, 2, 3]);
    await loser.store.close();
    await winner.store.close();
  }
});

Deno.test("who has lost the lease knows it before another has gone on with the row", async () => {
  const ground = await Ground.withVolume();
  const loser = await ground.open({ pin: undefined }, "open");
  await put(loser, { sector: 0, value: 1 });
  void ground.reach("take").create("x/1", new Uint8Array(1));
  await ground.clock.pass(RENEW_MS);
  await expect(loser.row.checkpoint()).rejects.toThrow(Fenced);
  await expect(loser.row.expectOurs()).rejects.toThrow(Fenced);
  await loser.store.close();
});

Deno.test("a volume whose lease another renews is not opened, and the journal's draining does not go on for ever", async () => {
  const ground = await Ground.withVolume();
  const living = await ground.open({ pin: undefined }, "open");
  const opening = ground.open({ pin: undefined }, "open");
  await expect(opening).rejects.toThrow(Fenced);
  await opening.catch((error) => {
    expect(error.message).toBe("Another node holds the lease of this volume");
    expect(error.hint).toMatch(/vault volume recover/);
  });
  // Who is fenced drains no more.
  await living.store.write(0, new Uint8Array(512).fill(7));
  const winner = await ground.open({ pin: undefined }, "take");
  await ground.clock.pass(RENEW_MS);
  await expect(living.store.drained()).rejects.toThrow("has taken the lease");
  expect((living.store.failedBy as Error).cause).toBeInstanceOf(Fenced);
  await living.store.close();
  await winner.store.close();
});

/** Sector 0 holds 1 and a checkpoint tells so; a segment with 99 there is kept on the way for minutes, and its writer is gone. */
async function withLatePut(): Promise<Ground> {
  const ground = await Ground.withVolume();
  let thereMs = 0;
  const late = ({ kind, name }: Request): Fate =>
    kind === "put" && name.startsWith("d/") && thereMs > 0
      ? { thereMs, givenUpMs: 1000 }
      : {};
  const loser = await ground.open({ pin: undefined }, "open", late);
  await put(loser, { sector: 0, value: 1 });
  await loser.row.checkpoint();
  thereMs = 10 * LEASE_MS;
  void put(loser, { sector: 0, value: 99 }).catch(() => {});
  await ground.clock.settle();
  return ground;
}

Deno.test("a segment that arrives far too late takes the place of a claim: verify says so, and nobody is given what is not so", async () => {
  const ground = await withLatePut();
  const here: Machine = { pin: undefined };
  const winner = await ground.open(here, "take");
  await put(winner, { sector: 1, value: 2 });
  const verified = async () => {
    const bucket = ground.reach("open");
    return await verifyVolume({ bucket, keys, clock: noTime, pin: here.pin! });
  };
  expect((await verified()).damages).toEqual([]);
  const there = new Set(ground.segments);
  const before = ground.segments.length;
  await ground.clock.pass(10 * LEASE_MS);
  expect(ground.segments.length).toBeGreaterThan(before);
  expect(new Set(ground.segments)).toEqual(there);
  const { damages, unclaimed } = await verified();
  expect(damages.length + unclaimed.length).toBeGreaterThan(0);
  // What was acknowledged is what is read.
  expect(await values(winner, 2)).toEqual([1, 2]);
  await winner.store.close();
  const again = await ground.open(here, "open");
  expect(await values(again, 2)).toEqual([1, 2]);
  await again.store.close();
});

Deno.test("where no checkpoint tells of what followed a claim that was replaced, nobody opens the volume as if it ended there", async () => {
  const ground = await withLatePut();
  const here: Machine = { pin: undefined };
  const known = new Set(await names(ground));
  const winner = await ground.open(here, "take");
  for (let n = 0; n < 8; n++) await put(winner, { sector: 1, value: n });
  await winner.store.close();
  // Its checkpoints and their marks are lost as well.
  const lost = (await names(ground))
    .filter((name) => /^[mk]\//.test(name) && !known.has(name));
  expect(lost.length).toBeGreaterThan(0);
  await ground.store.objects.delete(lost);
  await ground.clock.pass(10 * LEASE_MS);
  await expect(ground.open(here, "open")).rejects.toThrow("older state");
  await expect(ground.open({ pin: undefined }, "open"))
    .rejects.toThrow(/missing|not what was written/);
});

async function names(ground: Ground): Promise<readonly string[]> {
  const { objects } = await ground.store.objects.list("");
  return objects.map(({ name }) => name);
}
