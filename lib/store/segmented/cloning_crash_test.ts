/** Clones that are being made: lost to another node, refused by the bucket, and killed at any request. */
import { expect } from "expect";
import { BucketError } from "../../bucket/bucket.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { Fenced } from "./fenced.ts";
import { Home, source, under } from "./testing/clones.ts";
import { Process } from "./testing/family_member.ts";
import { fill, filled, often } from "./testing/snapshots.ts";
import { values } from "./testing/volumes.ts";

Deno.test("whoever loses the source while a clone is made has made none", async () => {
  const memory = new MemoryBucket();
  const arrived = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const slow = new FaultBucket(memory, ({ kind, name }) => {
    if (kind !== "create" || !name.startsWith("try/m/")) return undefined;
    arrived.resolve();
    return { delay: gate.promise };
  });
  const { home, volume, number } = await source(slow);
  const clone = new Home("try");
  const making = clone.cloneOf({ home, volume }, number, slow);
  making.catch(() => {});
  await arrived.promise;
  // Nobody is told that it is gone who asks the process that makes it.
  await expect(volume.snapshots.release(number)).rejects.toThrow("a clone");
  home.machine = { pin: undefined };
  const winner = await home.open(memory, often);
  await winner.snapshots.release(number);
  for (let n = 0; n < 3; n++) await fill(winner, 30 + n);
  gate.resolve();
  await expect(making).rejects.toThrow(Fenced);
  expect(await under(memory, clone.prefix)).toEqual([]);
});

Deno.test("a clone that could not be made leaves nothing but a name, and keeps no snapshot", async () => {
  const memory = new MemoryBucket();
  const state = { fails: "" };
  const faulty = new FaultBucket(
    memory,
    ({ kind, name }) =>
      kind === "create" && state.fails !== "" && name === state.fails
        ? { before: new BucketError("refused", "no") }
        : undefined,
  );
  const { home, volume, number } = await source(faulty);
  const clone = new Home("try");
  const { keys, prefix } = clone;
  for (
    const name of [keys.nameOf("checkpoint", 1), keys.nameOf("superblock", 0)]
  ) {
    state.fails = prefix + name;
    await expect(clone.cloneOf({ home, volume }, number, faulty)).rejects
      .toThrow("no");
    expect(await under(memory, prefix)).toEqual([]);
  }
  state.fails = "";
  expect(volume.snapshots.clones.list).toHaveLength(2);
  await clone.cloneOf({ home, volume }, number, faulty);
  expect(await values(await clone.open(memory), 4)).toEqual(filled(10));
  expect(await volume.snapshots.clones.look()).toHaveLength(3);
  await clone.place(memory).delete([keys.nameOf("superblock", 0)]);
  await volume.snapshots.release(number);
  expect(volume.snapshots.clones.list).toEqual([]);
});

Deno.test("killed at any request while it is made, a clone is there, whole and kept, or it is not, and keeps nothing", async () => {
  const seen = { there: 0, gone: 0 };
  for (let dies = 0;; dies++) {
    const memory = new MemoryBucket();
    const process = new Process(memory);
    const { home, volume, number } = await source(process);
    await volume.row.settled();
    const clone = new Home("try");
    process.dies = dies;
    const made = await clone.cloneOf({ home, volume }, number, process)
      .then(() => true, () => false);
    expect(made).toBe(!process.dead);
    const again = await home.open(memory, often);
    expect(await values(again, 4)).toEqual(filled(20));
    const superblock = clone.keys.nameOf("superblock", 0);
    if (await clone.place(memory).get(superblock)) {
      seen.there++;
      await expect(again.snapshots.release(number)).rejects.toThrow("a clone");
      for (let n = 0; n < 3; n++) await fill(again, 30 + n);
      // With the key alone.
      clone.machine = { pin: undefined };
      expect(await values(await clone.open(memory), 4)).toEqual(filled(10));
      if (made) break;
    } else {
      seen.gone++;
      await again.snapshots.release(number);
      expect(again.snapshots.clones.list).toEqual([]);
    }
  }
  // After the superblock there is one request more: whether the source is still its writer's.
  expect(seen.there).toBe(3);
  expect(seen.gone).toBeGreaterThan(5);
});
