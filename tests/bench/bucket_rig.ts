/** What the benches of volumes in buckets stand on: Ceph's gateway on this machine, and a node with a volume in it. */
import { withNode } from "../../cli/daemons.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { VolumeKeys } from "../../lib/segments/keys.ts";
import { renderKey } from "../../lib/segments/volume_key.ts";
import { createBucketVolume } from "../../lib/store/segmented/bucket_volume.ts";
import { Ceph } from "../harness/ceph.ts";
import { freePort } from "../harness/loopback.ts";
import type { Program } from "../harness/process.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { Machine, startServe } from "../harness/vault.ts";

/** Where it lies. */
export const BUCKET = "bench";
/** The volume's name. */
export const DISK = "disk";
const LATEST_MS = 300_000;

export const mib = (bytes: number): string =>
  `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export class BucketRig implements AsyncDisposable {
  readonly ceph: Ceph;
  readonly node: Machine;
  readonly key = primitives.random(32);
  readonly sizeBytes: number;
  /** Where the volume's objects are. */
  readonly bucket: S3Bucket;
  /** Its target, without a tunnel. */
  readonly portalPort = freePort();
  serve: Program | undefined;
  readonly #dir = new TempDir();
  readonly #port = freePort();

  private constructor(ceph: Ceph, sizeBytes: number) {
    this.ceph = ceph;
    this.sizeBytes = sizeBytes;
    this.node = new Machine(this.#dir.at("node"));
    this.node.daemonEnv = {
      AWS_ACCESS_KEY_ID: "AK",
      AWS_SECRET_ACCESS_KEY: "SK",
    };
    this.bucket = new S3Bucket({
      ...ceph.access(),
      ...{ clock, bucket: BUCKET, prefix: `${DISK}/` },
    });
  }

  /** A server, and in it a volume that no node has yet. */
  static async start(sizeBytes: number): Promise<BucketRig> {
    const rig = new BucketRig(await Ceph.start(), sizeBytes);
    try {
      await rig.ceph.makeBucket(BUCKET);
      const { bucket, key } = rig;
      await createBucketVolume({
        ...{ bucket, primitives, clock, keys: new VolumeKeys(primitives, key) },
        ...{ sizeBytes, blockSizeBytes: 512 },
      });
      return rig;
    } catch (thrown) {
      await rig[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async startServe(): Promise<Program> {
    const target = `127.0.0.1:${this.portalPort}`;
    this.serve = await startServe(this.node, this.#port, ["--target", target]);
    return this.serve;
  }

  /** Makes the node that runs the volume's. */
  async recover(...args: string[]): Promise<void> {
    const { endpoint } = this.ceph.access();
    const file = this.#dir.at("key");
    Deno.writeTextFileSync(file, `${renderKey(primitives, this.key)}\n`);
    const { code, stdout, stderr } = await this.node.run([
      ...["volume", "recover", `s3://${BUCKET}/${DISK}`, "--name", DISK],
      ...["--endpoint", endpoint, "--key-file", file, ...args],
    ], { timeoutMs: LATEST_MS });
    if (code !== 0) throw new Error(stdout + stderr);
  }

  /** What the node that runs says of it. */
  show(): Promise<VolumeInfo> {
    return withNode(this.node.state, (node) => node.showVolume(DISK));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.serve?.stop("SIGKILL");
    await this.bucket.close();
    await this.ceph[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }
}
