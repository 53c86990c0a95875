/** A bucket that was put back, that another node has gone on with, or in which something is missing: refused by who remembers, and taken as it is once a person says so. */
import { expect } from "expect";
import { listAll } from "../../lib/bucket/bucket.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { SEGMENT_FOLDER, VolumeKeys } from "../../lib/segments/keys.ts";
import { parseKey } from "../../lib/segments/volume_key.ts";
import { SEGMENT_BYTES } from "../../lib/store/segmented/bucket_volume.ts";
import { CLAIM_BYTES } from "../../lib/store/segmented/chain.ts";
import { UPLOADS } from "../../lib/store/segmented/row_queue.ts";
import { copyOf, putBack } from "../../lib/store/segmented/testing/volumes.ts";
import {
  BUCKET,
  openBucketTunnel,
  showPhotos,
  STORE_KEYS,
  storeArgs,
} from "../harness/bucket_tunnel.ts";
import { Ceph } from "../harness/ceph.ts";
import {
  type DiskSession,
  expectSame,
  logIn,
  logInAgain,
  numbered,
} from "../harness/disk_session.ts";
import { exists } from "../harness/exists.ts";
import { freePort } from "../harness/loopback.ts";
import { CEPH_PEERS, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { until, within } from "../harness/until.ts";
import {
  Machine,
  startAttach,
  startServe,
  type Tunnel,
} from "../harness/vault.ts";

const PIECE_BLOCKS = 256;
const PIECES = 16;

type Disk = DiskSession["disk"];

const bytesOf = (number: number) => numbered(PIECE_BLOCKS * 512, number);

/** A part of the disk. */
async function fill(disk: Disk, whole: number, part = 0): Promise<void> {
  for (let at = 0; at < PIECES; at++) {
    const block = (part * PIECES + at) * PIECE_BLOCKS;
    await disk.write(block, bytesOf(whole + at));
  }
  await disk.flush();
}

async function expectFilled(disk: Disk, whole: number, part = 0) {
  for (let at = 0; at < PIECES; at++) {
    const block = (part * PIECES + at) * PIECE_BLOCKS;
    expectSame(await disk.read(block, PIECE_BLOCKS), bytesOf(whole + at));
  }
}

const uploaded = (node: Machine) =>
  until("all is uploaded", async () => {
    return (await showPhotos(node)).bucket?.pendingBytes === 0;
  }, { timeoutMs: 60_000 });

const health = async (node: Machine) => (await showPhotos(node)).health;

async function startAgain(
  tunnel: Tunnel,
  signal: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<void> {
  await tunnel.serve.stop(signal);
  tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
}

/** Whoever held it holds it no more, and is told so. */
async function attachAgain(tunnel: Tunnel): Promise<DiskSession> {
  const { device, portalPort } = tunnel;
  await within(tunnel.attach.ended, {
    ...{ what: "the attachment ends", timeoutMs: 20_000 },
  });
  expect(tunnel.attach.output).toContain(
    "whoever runs the node released it",
  );
  tunnel.attach = await startAttach(device, "photos", { portalPort });
  return await logInAgain(tunnel);
}

interface Accepted {
  readonly health: string;
  readonly accepted: {
    readonly stateOf: string;
    readonly givenUpBytes: number;
    readonly keptIn?: string;
    readonly cut?: string;
  };
}

const ACCEPT = ["volume", "recover", "photos", "--accept-rollback"];

scenario("a bucket that was put back is taken as it is once a person says so", {
  peers: CEPH_PEERS,
  timeoutMs: 170_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  using dir = new TempDir();
  await using tunnel = await openBucketTunnel(ceph, {
    ...{ prefix: "photos", keyFile: dir.at("photos.key") },
  });
  const { node } = tunnel;
  const objects = new S3Bucket({
    ...ceph.access(),
    ...{ clock, bucket: BUCKET, prefix: "photos/" },
  });
  const first = await logIn(tunnel);
  await fill(first.disk, 1000);
  await uploaded(node);
  const yesterday = await copyOf(objects);
  await fill(first.disk, 2000);
  await uploaded(node);

  // What the bucket has is what was written.
  const needless = await node.run([...ACCEPT, "--yes"]);
  expect([needless.code, needless.stderr]).toEqual([
    6,
    expect.stringContaining("shows what was written here"),
  ]);
  await node.ok("volume", "set", "photos", "--upload-limit", "1k");
  await first.disk.write(0, bytesOf(3000));
  await first.disk.flush();
  await tunnel.serve.stop("SIGKILL");
  await putBack(objects, yesterday);
  tunnel.serve = await startServe(node, tunnel.servePort);
  await until("it is refused", async () => {
    return /^not served: The bucket shows an older state/
      .test(await health(node));
  }, { timeoutMs: 20_000 });
  expect(tunnel.serve.output).toContain("--accept-rollback");
  const names = [...(await copyOf(objects)).keys()];

  // Nobody is there to be asked, and nothing is done.
  const unasked = await node.run(ACCEPT);
  expect([unasked.code, unasked.stderr]).toEqual([
    2,
    expect.stringContaining("give --yes if that is meant"),
  ]);
  expect([...(await copyOf(objects)).keys()]).toEqual(names);

  const { accepted, health: then } = await node
    .json<Accepted>(...ACCEPT, "--yes");
  expect(then).toBe("ok");
  expect(Date.parse(accepted.stateOf)).toBeLessThan(Date.now());
  expect(accepted.givenUpBytes).toBeGreaterThanOrEqual(PIECE_BLOCKS * 512);
  expect(exists(`${accepted.keptIn}`)).toBe(true);
  const audit = await node.ok("audit");
  expect(audit).toMatch(/rollback accepted/);
  expect(audit).toMatch(/bytes that waited to be uploaded are given up/);
  // Who held it has read something else: nobody holds it any more.
  expect((await showPhotos(node)).holders).toEqual([]);
  await expect(first.disk.write(0, bytesOf(1))).rejects.toThrow();

  await node.ok("volume", "set", "photos", "--upload-limit", "off");
  const again = await attachAgain(tunnel);
  await expectFilled(again.disk, 1000);
  await fill(again.disk, 4000);
  await uploaded(node);
  expect(await node.ok("volume", "verify", "photos")).toMatch(/is what was/);
  await startAgain(tunnel, "SIGKILL");
  await expectFilled((await logInAgain(tunnel)).disk, 4000);

  // The former history is another's now.
  await tunnel.serve.stop("SIGTERM");
  await putBack(objects, yesterday);
  // A node that does not run takes it, too. All was uploaded: nothing is given up but what the bucket has lost.
  const stopped = await node.run([...ACCEPT, "--yes"], { env: STORE_KEYS });
  expect([stopped.code, stopped.stderr]).toEqual([0, ""]);
  expect(stopped.stdout).toMatch(/is what its bucket shows: 64 MiB, of which/);
  tunnel.serve = await startServe(node, tunnel.servePort);
  await expectFilled((await attachAgain(tunnel)).disk, 1000);
  await objects.close();
});

scenario(
  "a volume that another node has gone on with is taken back once a person says so",
  {
    peers: CEPH_PEERS,
    timeoutMs: 170_000,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    const keyFile = dir.at("photos.key");
    await using tunnel = await openBucketTunnel(ceph, {
      ...{ prefix: "photos", keyFile },
    });
    const { node } = tunnel;
    const { session, disk } = await logIn(tunnel);
    await fill(disk, 1000);
    await uploaded(node);

    const other = new Machine(dir.at("other"));
    other.daemonEnv = STORE_KEYS;
    await using _serve = await startServe(other, freePort());
    await other.ok(
      ...["volume", "recover", `s3://${BUCKET}/photos`, "--name", "photos"],
      ...[...storeArgs(ceph, ""), "--key-file", keyFile],
    );
    await until("the first node knows", async () => {
      return /Another node has had this volume since/.test(await health(node));
    }, { timeoutMs: 40_000 });
    const inUse = await node.run([...ACCEPT, "--yes"]);
    expect([inUse.code, inUse.stderr]).toEqual([
      6,
      expect.stringContaining("is in use"),
    ]);
    await session.logout();
    const { accepted, health: then } = await node
      .json<Accepted>(...ACCEPT, "--yes");
    expect([then, accepted.keptIn]).toEqual(["ok", undefined]);
    await until("the other node knows", async () => {
      return /Another node has had this volume since/.test(await health(other));
    }, { timeoutMs: 40_000 });
    await expectFilled((await attachAgain(tunnel)).disk, 1000);
  },
);

scenario(
  "a bucket in which something is missing is taken up to there once a person says so",
  {
    peers: CEPH_PEERS,
    timeoutMs: 170_000,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    const keyFile = dir.at("photos.key");
    await using tunnel = await openBucketTunnel(ceph, {
      ...{ prefix: "photos", keyFile },
    });
    const { node } = tunnel;
    const { session, disk } = await logIn(tunnel);
    for (const parts of [[0, 1], [2]]) {
      for (const part of parts) await fill(disk, 1000 * part, part);
      await uploaded(node);
    }
    await session.logout();
    const objects = new S3Bucket({
      ...ceph.access(),
      ...{ clock, bucket: BUCKET, prefix: "photos/" },
    });
    const keys = new VolumeKeys(
      primitives,
      parseKey(primitives, Deno.readTextFileSync(keyFile)),
    );
    const written: { name: string; number: number }[] = [];
    for await (const { name, sizeBytes } of listAll(objects, SEGMENT_FOLDER)) {
      const parsed = keys.parseName(name);
      if (!parsed || sizeBytes === CLAIM_BYTES) continue;
      written.push({ name, number: parsed.number });
    }
    const [lost] = written.sort((a, b) => a.number - b.number).slice(-1);
    // More come behind it than a writer that died can have left there.
    await logInAgain(tunnel).then(async ({ disk, session }) => {
      const partBytes = PIECES * PIECE_BLOCKS * 512;
      const parts = (UPLOADS + 1) * SEGMENT_BYTES / partBytes;
      for (let part = 3; part <= 3 + parts; part++) {
        await fill(disk, 1000 * part, part);
      }
      await uploaded(node);
      await session.logout();
    });
    await tunnel.serve.stop("SIGKILL");
    await objects.delete([lost!.name]);
    tunnel.serve = await startServe(node, tunnel.servePort);
    await until("it is refused", async () => {
      return /^not served: /.test(await health(node)) &&
        tunnel.serve.output.includes("--accept-rollback");
    }, { timeoutMs: 30_000 });

    // So it is on another machine, which has nothing but the key.
    const other = new Machine(dir.at("other"));
    other.daemonEnv = STORE_KEYS;
    await using _serve = await startServe(other, freePort());
    const recover = [
      ...["volume", "recover", `s3://${BUCKET}/photos`, "--name", "photos"],
      ...[...storeArgs(ceph, ""), "--key-file", keyFile],
    ];
    const refused = await other.run(recover);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("with --accept-rollback");
    const { accepted, health: then } = await node
      .json<Accepted>(...ACCEPT, "--yes");
    expect(then).toBe("ok");
    expect(accepted.cut).toContain(`${lost!.number}`);
    const again = await attachAgain(tunnel);
    // As it was before what is missing there.
    await expectFilled(again.disk, 0, 0);
    await expectFilled(again.disk, 1000, 1);
    const zeros = new Uint8Array(PIECE_BLOCKS * 512);
    const block = 3 * PIECES * PIECE_BLOCKS;
    expectSame(await again.disk.read(block, PIECE_BLOCKS), zeros);
    await fill(again.disk, 5000);
    await uploaded(node);
    expect(await node.ok("volume", "verify", "photos")).toMatch(/is what was/);
    expect(await node.ok("audit")).toMatch(/what comes then is cut off: /);
    // Now it is whole: the other machine needs no such word.
    expect(await other.ok(...recover)).toContain('Volume "photos" has 64 MiB');
    await objects.close();
  },
);
