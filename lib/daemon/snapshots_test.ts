/** Snapshots from the node's command to the initiator's disk. */

import { expect } from "expect";
import { scenario } from "../../tests/harness/scenario.ts";
import {
  ReflinkFolder,
  whyNoReflinkFolder,
} from "../../tests/harness/reflink_folder.ts";
import { equalBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { NodeOperations, SnapshotWork } from "../control/operations.ts";
import { openDisk, type RemoteDisk } from "../initiator/disk.ts";
import { join } from "../os/paths.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { MIB, onRoad, Road } from "./testing/road.ts";
import { openNode } from "./stopped_node.ts";

const BLOCKS_PER_MIB = MIB / 512;

async function done(
  node: NodeOperations,
  begun: SnapshotWork,
): Promise<SnapshotWork> {
  let work = begun;
  while (!work.done) {
    await systemClock.sleep(1);
    work = await node.snapshotWork(work.volume);
  }
  return work;
}

/** Each MiB of the disk filled with one value. */
async function fill(
  disk: RemoteDisk,
  value: number,
  mib: number,
): Promise<void> {
  const bytes = new Uint8Array(MIB).fill(value);
  for (let at = 0; at < mib; at++) await disk.write(at * BLOCKS_PER_MIB, bytes);
}

async function expectFilled(
  disk: RemoteDisk,
  value: number,
  mib: number,
): Promise<void> {
  const bytes = new Uint8Array(MIB).fill(value);
  for (let at = 0; at < mib; at++) {
    const read = await disk.read(at * BLOCKS_PER_MIB, BLOCKS_PER_MIB);
    expect([at, equalBytes(read, bytes)]).toEqual([at, true]);
  }
}

/** The same walk wherever the node keeps its volumes. */
async function walk(road: Road, by: "reflink" | "copy"): Promise<void> {
  const { operations } = await road.nodeWithVolume();
  const attachment = await road.attach();
  const session = await road.session(attachment);
  const disk = await openDisk(session);
  await fill(disk, 1, 16);
  // In use: what is written while it is made is not in it.
  const begun = await operations.createSnapshot("photos", "one");
  expect(begun).toMatchObject({ kind: "create", by, snapshot: "one" });
  await fill(disk, 2, 16);
  expect(await done(operations, begun)).toMatchObject({ done: true, by });
  await operations.resizeVolume("photos", 80 * MIB);
  await disk.refresh();
  const [one] = await operations.listSnapshots("photos");
  expect(one).toMatchObject({ name: "one", sizeBytes: 64 * MIB });
  expect(one!.allocatedBytes).toBeGreaterThanOrEqual(16 * MIB);
  expect(one!.allocatedBytes).toBeLessThan(20 * MIB);
  await expectFilled(disk, 2, 16);

  await expect(operations.restoreSnapshot("photos", "one")).rejects
    .toMatchObject({
      kind: "conflict",
      message: 'Volume "photos" is in use: 1 session is logged in',
    });
  await session.logout();
  while ((await operations.status()).sessions.length > 0) {
    await systemClock.sleep(1);
  }
  await done(operations, await operations.restoreSnapshot("photos", "one"));
  expect((await operations.showVolume("photos")).sizeBytes).toBe(64 * MIB);

  const again = await openDisk(await road.session(attachment));
  expect(again.capacity.blocks).toBe(64 * BLOCKS_PER_MIB);
  await expectFilled(again, 1, 16);
  expect(await again.read(20 * BLOCKS_PER_MIB, 1)).toEqual(new Uint8Array(512));
  // The snapshot is none of the volume's business any more.
  await fill(again, 3, 16);
  await again.flush();
  const { sizeBytes } = await operations.showVolume("photos");
  expect(sizeBytes).toBe(64 * MIB);
  const kept = Deno.readFileSync(dataOf(road, "photos", "one"));
  expect(kept.length).toBe(64 * MIB);
  expect(kept.subarray(0, 16 * MIB).every((byte) => byte === 1)).toBe(true);
  await operations.deleteSnapshot("photos", "one");
  expect(await operations.listSnapshots()).toEqual([]);
  await expectFilled(again, 3, 16);
}

function dataOf(road: Road, volume: string, snapshot: string): string {
  return join(volumeFolder(road, volume), "snapshots", snapshot, "data");
}

function volumeFolder(road: Road, volume: string): string {
  return join(road.folder, "vm", "node", "volumes", volume);
}

onRoad(
  "a volume in use is kept as it was, and put back when nobody uses it: by a copy",
  (road) => walk(road, "copy"),
);

scenario(
  "a volume in use is kept as it was, and put back when nobody uses it: by reflink",
  {
    peers: ["root", "mkfs.xfs"],
    unable: whyNoReflinkFolder,
    timeoutMs: 120_000,
  },
  async () => {
    using place = new ReflinkFolder();
    const road = new Road(place.path);
    try {
      await walk(road, "reflink");
    } finally {
      await road.end();
    }
  },
);

/** What the oracle's writer writes at a time. */
const STRIPE_BYTES = 64 * 1024;
const STRIPES = 16 * MIB / STRIPE_BYTES;

/** Stripe after stripe, generation after generation, until `enough`; gives the generation that the last flush has covered. */
function writeOn(disk: RemoteDisk) {
  const state = { flushed: 0, enough: false };
  const written = (async () => {
    for (let generation = 1; !state.enough; generation++) {
      const bytes = new Uint8Array(STRIPE_BYTES).fill(generation % 256);
      for (let at = 0; at < STRIPES && !state.enough; at++) {
        await disk.write(at * STRIPE_BYTES / 512, bytes);
      }
      if (state.enough) break;
      await disk.flush();
      state.flushed = generation;
    }
  })();
  return { state, written };
}

/** Such a writer's bytes at one moment: some stripes of one generation, then those of the one before. */
function expectOneMoment(bytes: Uint8Array, flushed: number): void {
  let last = Infinity;
  for (let at = 0; at < STRIPES; at++) {
    const stripe = bytes.subarray(at * STRIPE_BYTES, (at + 1) * STRIPE_BYTES);
    const generation = stripe[0]!;
    expect([at, stripe.every((byte) => byte === generation)])
      .toEqual([at, true]);
    expect(generation).toBeLessThanOrEqual(last);
    expect(generation).toBeGreaterThanOrEqual(flushed);
    if (at > 0) {
      expect(bytes[0]! - generation).toBeLessThanOrEqual(1);
    }
    last = generation;
  }
}

async function besideAWriter(road: Road): Promise<void> {
  const { operations } = await road.nodeWithVolume();
  const disk = await openDisk(await road.session(await road.attach()));
  const { state, written } = writeOn(disk);
  for (let round = 0; round < 5; round++) {
    await systemClock.sleep(Math.random() * 50);
    const { flushed } = state;
    const name = `s${round}`;
    await done(operations, await operations.createSnapshot("photos", name));
    expectOneMoment(Deno.readFileSync(dataOf(road, "photos", name)), flushed);
  }
  state.enough = true;
  await written;
}

onRoad(
  "a copy made beside a writer is of one moment, and no older than the last flush",
  besideAWriter,
);

scenario(
  "a reflink made beside a writer is of one moment, and no older than the last flush",
  { peers: ["root", "mkfs.xfs"], unable: whyNoReflinkFolder },
  async () => {
    using place = new ReflinkFolder();
    const road = new Road(place.path);
    try {
      await besideAWriter(road);
    } finally {
      await road.end();
    }
  },
);

onRoad(
  "one volume has one work at a time, which its end and the node's end stop",
  async (road) => {
    const gate = Promise.withResolvers<void>();
    let isHeld = false;
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) =>
        isHeld && ms === 0 ? gate.promise : systemClock.sleep(ms, signal),
    };
    const node = await road.nodeWithVolume({ clock });
    const { operations } = node;
    const disk = await openDisk(await road.session(await road.attach()));
    await fill(disk, 1, 32);
    await operations.createVolume({
      name: "other",
      sizeBytes: MIB,
      blockSizeBytes: 512,
      readOnly: false,
    });
    // Nothing of the volume is to be brought to its place after it.
    await done(operations, await operations.createSnapshot("photos", "zero"));
    await operations.deleteSnapshot("photos", "zero");
    isHeld = true;
    const begin = () => operations.createSnapshot("photos", "one");
    expect((await begin()).done).toBe(false);
    const conflict = { kind: "conflict" };
    await expect(begin()).rejects.toMatchObject(conflict);
    await expect(operations.resizeVolume("photos", 128 * MIB)).rejects
      .toMatchObject(conflict);
    await done(operations, await operations.createSnapshot("other"));
    expect((await operations.snapshotWork("photos")).done).toBe(false);
    gate.resolve();
    // Deleted while it is made.
    await operations.deleteSnapshot("photos", "one");
    await expect(operations.snapshotWork("photos")).rejects
      .toMatchObject(conflict);
    expect(await operations.listSnapshots("photos")).toEqual([]);
    await begin();
    await operations.deleteVolume("photos");
    await expect(operations.snapshotWork("photos")).rejects.toThrow("deleted");
    expect((await operations.listVolumes()).map(({ name }) => name))
      .toEqual(["other"]);
    await expect(operations.createSnapshot("photos")).rejects
      .toMatchObject({ kind: "not-found" });
  },
);

onRoad(
  "a crash leaves a snapshot whole or not at all, and a restore too",
  async (road) => {
    const node = await road.nodeWithVolume();
    await done(
      node.operations,
      await node.operations.createSnapshot("photos", "one"),
    );
    await node.stop();
    const stateDir = join(road.folder, "vm");
    const folder = volumeFolder(road, "photos");
    const data = join(folder, "data");
    const restored = join(folder, "restored");
    const begin = async () => {
      const { operations, release } = await openNode({ stateDir });
      const { sizeBytes } = await operations.showVolume("photos");
      const names = (await operations.listSnapshots()).map(({ name }) => name);
      release();
      return { sizeBytes, names };
    };
    // Killed while one was made, and while what is put back was gathered.
    Deno.mkdirSync(join(folder, "snapshots", ".two.x"));
    Deno.writeTextFileSync(join(folder, "snapshots", ".two.x", "data"), "half");
    Deno.writeTextFileSync(restored, "half");
    expect(await begin()).toEqual({ sizeBytes: 64 * MIB, names: ["one"] });
    expect(names(folder)).not.toContain("restored");
    expect(names(join(folder, "snapshots"))).toEqual(["one"]);

    // Killed after a restore was committed: before its bytes were in place, and after.
    for (const moved of [false, true]) {
      const sizeBytes = (moved ? 24 : 16) * MIB;
      const bytes = systemPrimitives.random(sizeBytes);
      Deno.writeFileSync(moved ? data : restored, bytes);
      Deno.mkdirSync(join(folder, "journal"), { recursive: true });
      Deno.writeTextFileSync(join(folder, "journal", "mark"), "other bytes'");
      Deno.writeTextFileSync(
        join(folder, "restore.json"),
        JSON.stringify({ version: 1, sizeBytes }),
      );
      expect(await begin()).toEqual({ sizeBytes, names: ["one"] });
      expect(equalBytes(Deno.readFileSync(data), bytes)).toBe(true);
      expect(names(folder)).toEqual(["data", "snapshots", "volume.json"]);
    }
  },
);

onRoad(
  "a volume that failed, is erased or is read-only is not kept or put back as if nothing were",
  async (road) => {
    const { operations } = await road.nodeWithVolume();
    await done(operations, await operations.createSnapshot("photos", "one"));
    Deno.writeTextFileSync(
      join(volumeFolder(road, "photos"), "erasure.json"),
      JSON.stringify({
        version: 1,
        method: { kind: "format" },
        unrestrictedExit: false,
      }),
    );
    const erased = { kind: "conflict", message: /is being erased/ };
    for (
      const asked of [
        operations.createSnapshot("photos"),
        operations.restoreSnapshot("photos", "one"),
      ]
    ) {
      await expect(asked).rejects.toMatchObject({ kind: erased.kind });
      await expect(asked).rejects.toThrow(erased.message);
    }
    await operations.createVolume({
      name: "fixed",
      sizeBytes: MIB,
      blockSizeBytes: 512,
      readOnly: true,
    });
    await done(operations, await operations.createSnapshot("fixed", "one"));
    await expect(operations.restoreSnapshot("fixed", "one")).rejects
      .toMatchObject({ kind: "refused" });
  },
);

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}
