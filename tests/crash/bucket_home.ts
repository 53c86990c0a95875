/** Where the volume lies if it lies in a bucket: in Ceph's gateway, which outlives every crash. The key is kept beside the two machines. */
import type { VolumeInfo } from "../../lib/control/operations.ts";
import { Ceph } from "../harness/ceph.ts";
import { until } from "../harness/until.ts";
import type { Machine } from "../harness/vault.ts";

const BUCKET = "crash";
/** As small as they may be: what is read comes from the bucket for the most part. */
const LIMITS = ["--journal", "64MiB", "--cache", "1MiB"];
/** What waits for its upload is little, and the store is near. */
const WITHIN_MS = 60_000;

export class BucketHome implements AsyncDisposable {
  readonly #ceph: Ceph;
  readonly #keyFile: string;

  private constructor(ceph: Ceph, keyFile: string) {
    this.#ceph = ceph;
    this.#keyFile = keyFile;
  }

  static async start(folder: string): Promise<BucketHome> {
    const ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    return new BucketHome(ceph, `${folder}/key`);
  }

  /** Of `vault serve`. */
  get env(): Readonly<Record<string, string>> {
    return { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
  }

  async create(node: Machine, volume: string, size: string): Promise<void> {
    await node.ok(
      ...["volume", "create", volume, "--size", size],
      ...["--store", this.#url, ...this.#args],
    );
  }

  /** Makes the volume one of a node that has never had it. */
  async recover(node: Machine, volume: string): Promise<void> {
    await node.ok(
      ...["volume", "recover", this.#url, "--name", volume, ...this.#args],
    );
  }

  /** Resolves when the node has asked the store: until then nobody can attach the volume. */
  async served(node: Machine, volume: string): Promise<void> {
    await until("the volume is served", async () => {
      const { health } = await node.json<VolumeInfo>("volume", "show", volume);
      return health === "ok";
    }, { timeoutMs: WITHIN_MS });
  }

  /** Resolves when nothing is on the node's disk alone. */
  async uploaded(node: Machine, volume: string): Promise<void> {
    await until("all is uploaded", async () => {
      const { bucket } = await node.json<VolumeInfo>("volume", "show", volume);
      return bucket?.pendingBytes === 0;
    }, { timeoutMs: WITHIN_MS });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ceph[Symbol.asyncDispose]();
  }

  get #url(): string {
    return `s3://${BUCKET}/disk`;
  }

  get #args(): string[] {
    const { endpoint } = this.#ceph.access();
    return ["--endpoint", endpoint, "--key-file", this.#keyFile, ...LIMITS];
  }
}
