/** A volume in a real S3 store, from making it to finding it again on another machine: kills, an outage, a lost disk, and who had it before. */
import { expect } from "expect";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import type { NodeStatus, VolumeInfo } from "../../lib/control/operations.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { Dice } from "../fuzz/dice.ts";
import { Ceph } from "../harness/ceph.ts";
import {
  type DiskSession,
  expectSame,
  logIn,
  logInAgain,
  numbered,
} from "../harness/disk_session.ts";
import { freePort } from "../harness/loopback.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually, pause, until, within } from "../harness/until.ts";
import { Machine, startServe, Tunnel } from "../harness/vault.ts";

const BUCKET = "vault-test";
const KEYS = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
const BLOCK = 512;
const PIECE_BLOCKS = 256;
const PIECES = 64;
const SIZE_BYTES = 64 * 1024 * 1024;

function storeArgs(ceph: Ceph, prefix: string, cache = "1MiB"): string[] {
  const { endpoint } = ceph.access();
  return [
    ...["--endpoint", endpoint, "--cache", cache, "--journal", "64MiB"],
    ...(prefix === "" ? [] : ["--store", `s3://${BUCKET}/${prefix}`]),
  ];
}

function open(ceph: Ceph, prefix: string, keyFile: string): Promise<Tunnel> {
  return Tunnel.open({
    volumes: [],
    attached: "photos",
    serveEnv: KEYS,
    prepare: async (node) => {
      await node.ok(
        ...["volume", "create", "photos", "--size", "64MiB"],
        ...[...storeArgs(ceph, prefix), "--key-file", keyFile],
      );
    },
  });
}

/** The sizes of all objects. */
async function sizesOf(ceph: Ceph, prefix: string): Promise<number[]> {
  const bucket = new S3Bucket({
    ...ceph.access(),
    ...{ clock, bucket: BUCKET, prefix: `${prefix}/` },
  });
  const { objects } = await bucket.list("");
  await bucket.close();
  return objects.map(({ sizeBytes }) => sizeBytes);
}

async function objectsOf(ceph: Ceph, prefix: string): Promise<number> {
  return (await sizesOf(ceph, prefix)).length;
}

const show = (node: Machine) =>
  node.json<VolumeInfo>("volume", "show", "photos");

/** What each piece holds, by the number that it was written with. */
class Pieces {
  readonly #numbers = new Map<number, readonly number[]>();

  async write(disk: DiskSession["disk"], at: number, number: number) {
    const before = this.#numbers.get(at) ?? [0];
    // Until it is acknowledged it may be there or not.
    this.#numbers.set(at, [...before, number]);
    await disk.write(at * PIECE_BLOCKS, bytesOf(number));
    this.#numbers.set(at, [number]);
  }

  async check(disk: DiskSession["disk"]): Promise<void> {
    for (const [at, numbers] of this.#numbers) {
      const found = await disk.read(at * PIECE_BLOCKS, PIECE_BLOCKS);
      const last = numbers.find((number) =>
        found[5] === bytesOf(number)[5] && found[9] === bytesOf(number)[9]
      );
      // A write that nobody answered may be there in part, of this length in one.
      expectSame(found, bytesOf(last ?? numbers.at(-1)!));
      this.#numbers.set(at, [last ?? numbers.at(-1)!]);
    }
  }
}

function bytesOf(number: number): Uint8Array {
  return number === 0
    ? new Uint8Array(PIECE_BLOCKS * BLOCK)
    : numbered(PIECE_BLOCKS * BLOCK, number);
}

scenario("a volume in a bucket survives kill -9, and a lost machine", {
  peers,
  timeoutMs: 170_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  using dir = new TempDir();
  const keyFile = dir.at("photos.key");
  await using tunnel = await open(ceph, "photos", keyFile);
  const dice = Dice.forCase(7, 1);
  const pieces = new Pieces();
  let login = await logIn(tunnel);
  let number = 1;
  for (let round = 0; round < 5; round++) {
    const until = 5 + dice.next(60);
    for (let n = 0; n < until; n++) {
      await pieces.write(login.disk, dice.next(PIECES), number++);
    }
    await login.disk.flush();
    const cut = pieces.write(login.disk, dice.next(PIECES), number++)
      .catch(() => {});
    await pause(dice.next(30));
    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    await cut;
    login = await logInAgain(tunnel);
    await pieces.check(login.disk);
  }
  await eventually("all is uploaded", async () => {
    expect((await show(tunnel.node)).bucket?.pendingBytes).toBe(0);
  }, { timeoutMs: 30_000 });
  expect(await objectsOf(ceph, "photos")).toBeGreaterThan(5);

  // The machine is lost: another finds the volume, with the key alone.
  const before = Date.now();
  const other = new Machine(dir.at("other"));
  other.daemonEnv = KEYS;
  const port = freePort();
  await using serve = await startServe(other, port);
  const said = await other.ok(
    ...["volume", "recover", `s3://${BUCKET}/photos`, "--name", "photos"],
    ...[...storeArgs(ceph, "", "128MiB"), "--key-file", keyFile, "--prefetch"],
  );
  const stateOf = /that of (\S+Z)\./.exec(said)?.[1] ?? "";
  expect(said).toContain('Volume "photos" has 64 MiB');
  expect(before - Date.parse(stateOf)).toBeLessThan(120_000);
  expect((await show(other)).health).toBe("ok");

  // Who had it before is told within the time of a look, and reads on.
  await until("the first node knows", async () => {
    const { health } = await show(tunnel.node);
    return /Another node has had this volume since/.test(health);
  }, { timeoutMs: 40_000 });
  await expect(login.disk.write(0, bytesOf(1))).rejects.toThrow();
  await pieces.check(login.disk);
  const audit = await tunnel.node.ok("audit");
  expect(audit).toContain("volume lost");
  const objects = await objectsOf(ceph, "photos");
  await tunnel.serve.stop("SIGKILL");
  tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
  await until("it is told so again", async () => {
    const { health } = await show(tunnel.node);
    return /not served: Another node has written/.test(health);
  }, { timeoutMs: 20_000 });
  expect(await objectsOf(ceph, "photos")).toBe(objects);

  // It reads back there, through a portal of the node's own.
  await serve.stop("SIGTERM");
  await using again = await startServe(other, port, [
    ...["--target", `127.0.0.1:${tunnel.portalPort + 1}`],
  ]);
  await until(
    "it is served",
    async () => (await show(other)).health === "ok",
  );
  await until("all of it is on this disk", async () => {
    const { bucket } = await show(other);
    return bucket?.prefetchedBytes === bucket?.liveBytes;
  }, { timeoutMs: 30_000 });
  const there = await logInAt(other, tunnel.portalPort + 1);
  // It is read without the store.
  ceph.stall(true);
  try {
    await within(pieces.check(there.disk), {
      ...{ what: "reading without the store", timeoutMs: 20_000 },
    });
  } finally {
    ceph.stall(false);
  }
  await there.session.logout();
  await again.stop("SIGTERM");
});

async function logInAt(node: Machine, port: number): Promise<DiskSession> {
  const { iqn } = await show(node);
  const { connectInitiator } = await import(
    "../../lib/initiator/initiator.ts"
  );
  const { openDisk } = await import("../../lib/initiator/disk.ts");
  const { connectTcp } = await import("../../lib/os/tcp.ts");
  const { systemPrimitives } = await import("../../lib/os/primitives.ts");
  const session = await connectInitiator({
    duplex: await connectTcp({ hostname: "127.0.0.1", port }),
    primitives: systemPrimitives,
    initiatorName: "iqn.2026-11.internal.vault:scenario",
    targetName: iqn,
  });
  return { session, disk: await openDisk(session) };
}

scenario("a store that stands still stops no writer, and is said", {
  peers,
  timeoutMs: 170_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  using dir = new TempDir();
  await using tunnel = await open(ceph, "outage", dir.at("key"));
  const { disk } = await logIn(tunnel);
  await disk.write(0, bytesOf(1));
  await disk.flush();
  ceph.stall(true, "client.rgw");
  try {
    // Little: what is sent has its time by its length before the store counts as silent.
    for (let at = 0; at < 3; at++) {
      await disk.write(at * PIECE_BLOCKS, bytesOf(2 + at));
    }
    await disk.flush();
    await until("status says why", async () => {
      const { volumes } = await tunnel.node.json<NodeStatus>("status")
        .then((all) => (all as unknown as { node: NodeStatus }).node);
      const { bucket } = volumes[0]!;
      return (bucket?.pendingBytes ?? 0) > 0 &&
        /uploading is paused: /.test(bucket?.trouble ?? "");
    }, { timeoutMs: 70_000 });
    expect(await tunnel.node.ok("status")).toMatch(/not uploaded: \S+ [KM]iB/);
    expect(tunnel.serve.output).toMatch(/written waits in its journal/);
  } finally {
    ceph.stall(false, "client.rgw");
  }
  await until("it goes on", async () => {
    const { bucket } = await show(tunnel.node);
    return bucket?.pendingBytes === 0 && bucket.trouble === undefined;
  }, { timeoutMs: 90_000 });
  // A node whose store is not there starts all the same, and serves it when it comes.
  await tunnel.serve.stop("SIGKILL");
  ceph.stall(true, "client.rgw");
  tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
  try {
    expect((await show(tunnel.node)).health).toMatch(/^not served: its store/);
  } finally {
    ceph.stall(false, "client.rgw");
  }
  const again = await logInAgain(tunnel);
  expectSame(await again.disk.read(0, PIECE_BLOCKS), bytesOf(2));
  expectSame(
    await again.disk.read(2 * PIECE_BLOCKS, PIECE_BLOCKS),
    bytesOf(4),
  );
});

scenario(
  "a volume that is written over anywhere takes at most half as much again in its store, also where it is killed meanwhile",
  {
    peers,
    timeoutMs: 170_000,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    await using tunnel = await open(ceph, "over", dir.at("key"));
    const all = SIZE_BYTES / BLOCK / PIECE_BLOCKS;
    const dice = Dice.forCase(8, 1);
    const pieces = new Pieces();
    let login = await logIn(tunnel);
    for (let at = 0; at < all; at++) await pieces.write(login.disk, at, at + 1);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < all; n++) {
        await pieces.write(login.disk, dice.next(all), dice.next(100_000));
      }
      if (round !== 1) continue;
      await tunnel.serve.stop("SIGKILL");
      tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
      login = await logInAgain(tunnel);
    }
    await login.disk.flush();
    // What was moved is there twice until a checkpoint says so: all is looked at together, when it has come to rest.
    await until("it takes no more, and says so", async () => {
      const sizes = await sizesOf(ceph, "over");
      const stored = sizes.reduce((sum, size) => sum + size, 0);
      const { bucket } = await show(tunnel.node);
      const told = bucket?.objectBytes ?? Infinity;
      const status = await tunnel.node.ok("status");
      return bucket?.pendingBytes === 0 && stored <= 1.5 * SIZE_BYTES &&
        told <= 1.5 * SIZE_BYTES &&
        /takes \S+ MiB for 64 MiB \(1\.[0-4]\d times\)/.test(status);
    }, { timeoutMs: 90_000 });
    const { bucket } = await show(tunnel.node);
    expect(bucket?.trouble).toBeUndefined();
    expect(bucket?.liveBytes).toBe(SIZE_BYTES);
    expect(bucket?.movedBytes).toBeGreaterThan(0);
    await pieces.check(login.disk);
    await tunnel.serve.stop("SIGKILL");
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    login = await logInAgain(tunnel);
    await pieces.check(login.disk);
  },
);
