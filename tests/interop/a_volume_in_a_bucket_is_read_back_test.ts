/** `vault volume verify` on a volume in a real S3 store: beside a writer, on damage, cut off and gone on with, and while nobody serves. */
import { expect } from "expect";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import type { VerifyResult, VolumeInfo } from "../../lib/control/operations.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { Ceph } from "../harness/ceph.ts";
import { type DiskSession, logIn, numbered } from "../harness/disk_session.ts";
import { exists } from "../harness/exists.ts";
import { Program, run, type RunResult } from "../harness/process.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually, pause, until } from "../harness/until.ts";
import { startServe, Tunnel, vaultCommand } from "../harness/vault.ts";

const BUCKET = "vault-test";
const KEYS = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
const PIECE_BLOCKS = 1024;
const PIECE_BYTES = PIECE_BLOCKS * 512;
const PIECES = 24;
/** All of them take some seconds at this rate. */
const LIMIT_BYTES_PER_SECOND = 2 * 1024 * 1024;

const VERIFY = ["volume", "verify", "photos"];

async function write(
  disk: DiskSession["disk"],
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  for (let n = from; n < to; n++) {
    const at = n % PIECES * PIECE_BLOCKS;
    await disk.write(at, numbered(PIECE_BYTES, n + 1));
  }
  await disk.flush();
}

async function uploaded({ node }: Tunnel): Promise<void> {
  await eventually("all is uploaded", async () => {
    const { bucket } = await node
      .json<VolumeInfo>("volume", "show", "photos");
    expect(bucket?.pendingBytes).toBe(0);
  }, { timeoutMs: 60_000 });
}

function verify(tunnel: Tunnel, ...more: string[]): Promise<RunResult> {
  return run({
    ...vaultCommand([...VERIFY, ...more]),
    // Where nobody serves it is the command that asks the store.
    env: { ...tunnel.node.env, ...KEYS },
    timeoutMs: 60_000,
  });
}

scenario(
  "a volume in a bucket is read back: beside a writer, damaged, cut off, and while nobody serves it",
  {
    peers,
    timeoutMs: 170_000,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    using dir = new TempDir();
    await using tunnel = await Tunnel.open({
      ...{ volumes: [], attached: "photos", serveEnv: KEYS },
      prepare: async (node) => {
        await node.ok(
          ...["volume", "create", "photos", "--size", "64MiB"],
          ...["--store", `s3://${BUCKET}/photos`, "--cache", "1MiB"],
          ...["--endpoint", ceph.access().endpoint, "--journal", "64MiB"],
          ...["--download-limit", "2M", "--key-file", dir.at("key")],
        );
      },
    });
    const { disk } = await logIn(tunnel);
    await write(disk, { from: 0, to: PIECES });
    await uploaded(tunnel);

    // Beside a writer, and no faster than the volume may fetch.
    const begun = clock.monotonic();
    const reading = verify(tunnel);
    await write(disk, { from: PIECES, to: 2 * PIECES });
    const { code, stdout, stderr } = await reading;
    expect({ code, stdout, stderr }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"photos" is what was written to it'),
    });
    const leastMs = PIECES * PIECE_BYTES / LIMIT_BYTES_PER_SECOND * 1000;
    expect(clock.monotonic() - begun).toBeGreaterThan(leastMs / 2);
    expect(stderr).toMatch(/\d+ % of \S+ [KM]iB read/);
    await uploaded(tunnel);

    // A byte of an object is another: it is named, with what lies in it.
    const bucket = new S3Bucket({
      ...{ ...ceph.access(), clock, bucket: BUCKET, prefix: "photos/" },
    });
    const { objects } = await bucket.list("d/");
    const { name } = objects
      .toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0]!;
    const bytes = (await bucket.get(name))!;
    const other = bytes.slice();
    other[other.length - 1]! ^= 1;
    await bucket.delete([name]);
    await bucket.create(name, other);
    const damaged = await verify(tunnel);
    expect(damaged).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`(${name}): chunk `),
      stderr: expect.stringContaining('Volume "photos" is damaged'),
    });
    const told = await verify(tunnel, "--json");
    expect(told.code).toBe(1);
    const result = JSON.parse(told.stdout) as VerifyResult;
    expect(result.damages).toMatchObject([{ kind: "segment", name }]);
    expect(await tunnel.node.ok("audit", "--kind", "damage-found"))
      .toMatch(/volume photos: segment \d+: chunk /);
    await bucket.delete([name]);
    await bucket.create(name, bytes);
    await bucket.close();

    // Cut off by a kill, it goes on.
    const kept = `${tunnel.node.state}/node/volumes/photos/verify.json`;
    const cut = new Program({ ...vaultCommand(VERIFY), env: tunnel.node.env });
    await cut.write("");
    await until("something of it is kept", () => exists(kept), {
      timeoutMs: 20_000,
    });
    await tunnel.serve.stop("SIGKILL");
    expect(await cut.ended).not.toBe(0);
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort);
    const again = await verify(tunnel);
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("It goes on where it was cut off."),
    });
    expect(exists(kept)).toBe(false);

    // Nobody serves it.
    await pause(100);
    await tunnel.serve.stop("SIGTERM");
    const offline = await verify(tunnel);
    expect(offline).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"photos" is what was written to it'),
    });
  },
);
