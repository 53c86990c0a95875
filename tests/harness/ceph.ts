/** Ceph's gateway, a real S3 server on loopback: one monitor, one OSD in memory, one radosgw, all gone at the end of the scope. */
import { exists } from "./exists.ts";
import { freePort, listens } from "./loopback.ts";
import { runOk } from "./process.ts";
import { sharedFolder } from "./scenario.ts";
import { TempDir } from "./temp_dir.ts";
import { until } from "./until.ts";

/** The daemons, in the order in which they are stopped. */
const DAEMONS = ["client.rgw", "osd.0", "mon.a"] as const;
type Daemon = typeof DAEMONS[number];

/** The monitor listens so many ports below the gateway: the tool's own arrangement. */
const MONITOR_PORTS_BELOW = 1000;

/** What {@linkcode S3Bucket} needs to speak to one, but for the bucket. */
export interface CephAccess {
  readonly endpoint: string;
  readonly region: string;
  readonly pathStyle: true;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
}

export class Ceph implements AsyncDisposable {
  readonly port: number;
  readonly #dir: TempDir;
  /** A test that is ended by force leaves nothing running, either. */
  readonly #atExit = () => this.#signalAll("SIGKILL");

  private constructor(dir: TempDir, port: number) {
    this.#dir = dir;
    this.port = port;
    addEventListener("unload", this.#atExit);
  }

  static async start(): Promise<Ceph> {
    const ceph = new Ceph(new TempDir(), await portWithRoom());
    try {
      await runOk({
        command: `${sharedFolder()}/tools/ceph-rgw`,
        args: ["start", ceph.#folder, String(ceph.port)],
      });
      // It listens before it answers.
      await until("the gateway answers", async () => {
        const answer = await fetch(`http://127.0.0.1:${ceph.port}/`)
          .catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.ok ?? false;
      });
      return ceph;
    } catch (error) {
      await ceph[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How to reach it, through `port` where something stands in front of it. */
  access(port: number = this.port): CephAccess {
    return {
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      pathStyle: true,
      credentials: { accessKeyId: "AK", secretAccessKey: "SK" },
    };
  }

  /** Makes a bucket. */
  async makeBucket(name: string): Promise<void> {
    const { S3Client, CreateBucketCommand } = await import(
      "@aws-sdk/client-s3"
    );
    const { pathStyle: forcePathStyle, ...access } = this.access();
    const client = new S3Client({ ...access, forcePathStyle });
    await client.send(new CreateBucketCommand({ Bucket: name }));
    client.destroy();
  }

  /**
   * Stops the OSD where it stands, or lets it go on: the gateway takes requests, and does not answer them. For longer than some ten seconds it
   * is the gateway that is to stand: an OSD does not always come back from that.
   */
  stall(on: boolean, daemon: Daemon = "osd.0"): void {
    const pid = this.#pid(daemon);
    if (pid === undefined) throw new Error(`No ${daemon} runs`);
    Deno.kill(pid, on ? "SIGSTOP" : "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signalAll("SIGKILL");
    await until(
      "Ceph has ended",
      () => DAEMONS.every((name) => this.#pid(name) === undefined),
    );
    removeEventListener("unload", this.#atExit);
    this.#dir[Symbol.dispose]();
  }

  get #folder(): string {
    return this.#dir.at("ceph");
  }

  /** Nothing here outlives the test, so that nobody has to be asked to end in good order. */
  #signalAll(signal: Deno.Signal): void {
    for (const name of DAEMONS) {
      const pid = this.#pid(name);
      if (pid !== undefined) Deno.kill(pid, signal);
    }
  }

  /** The process, where it runs and is ours: numbers are given to others again. */
  #pid(name: Daemon): number | undefined {
    const file = `${this.#folder}/run/${name}.pid`;
    if (!exists(file)) return undefined;
    const pid = Number(Deno.readTextFileSync(file));
    try {
      const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
      return words.includes(this.#folder) ? pid : undefined;
    } catch {
      return undefined;
    }
  }
}

async function portWithRoom(): Promise<number> {
  for (;;) {
    const port = freePort();
    const monitor = port - MONITOR_PORTS_BELOW;
    if (monitor > 1024 && !await listens(monitor)) return port;
  }
}
