/**
 * How long a node takes to open a volume in a bucket that has grown old, and what memory: `deno run -A tests/bench/opening.ts`.
 *
 *     --segments 100000     that the checkpoint names; each is listed, and none but those behind the checkpoint is read
 *     --gib 10              of scattered pieces of 4 KiB in a volume of 1 TiB: 262,144 extents each
 *     --behind 68           segments behind the checkpoint, each of 8192 writes of a sector: as many as there can be, and four under way
 *
 * The server is Ceph's gateway on this machine, the node a real `vault serve`, asked all the while how the volume is: the longest answer is
 * how long it stood still. What of the bucket is real: `synthesised.ts`.
 */
import { parseArgs } from "node:util";
import { withNode } from "../../cli/daemons.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import { BucketFolder } from "../../lib/daemon/bucket_folder.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { VolumeKeys } from "../../lib/segments/keys.ts";
import { renderKey } from "../../lib/segments/volume_key.ts";
import { createBucketVolume } from "../../lib/store/segmented/bucket_volume.ts";
import { Ceph } from "../harness/ceph.ts";
import { freePort } from "../harness/loopback.ts";
import { cpuSeconds, peakResidentBytes } from "../harness/proc_stat.ts";
import { type Program, stopLeftOvers } from "../harness/process.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { pause } from "../harness/until.ts";
import { Machine, startServe } from "../harness/vault.ts";
import { goOn, synthesise } from "./synthesised.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    segments: { type: "string", default: "100000" },
    gib: { type: "string", default: "10" },
    behind: { type: "string", default: "68" },
  },
});
const BUCKET = "bench";
const SIZE_BYTES = 2 ** 40;
const PIECES_A_GIB = 2 ** 30 / 4096;
const LOOK_MS = 20;
const LATEST_MS = 300_000;

const segments = Number(options.segments);
const extents = Math.round(Number(options.gib) * PIECES_A_GIB);
const behind = Number(options.behind);

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** Waits until the volume is served. How long the longest answer took. */
async function served(node: Machine, began: number): Promise<number> {
  let longestMs = 0;
  for (;;) {
    const asked = performance.now();
    const health = await withNode(
      node.state,
      async (node) => (await node.showVolume("disk")).health,
    );
    longestMs = Math.max(longestMs, performance.now() - asked);
    if (health === "ok") return longestMs;
    if (performance.now() - began > LATEST_MS) throw new Error(health);
    await pause(LOOK_MS);
  }
}

/** Asks the node for its volumes until it is `over`. How long the longest answer took. */
async function asked(node: Machine, over: () => boolean): Promise<number> {
  let longestMs = 0;
  while (!over()) {
    const asked = performance.now();
    await withNode(node.state, (node) => node.listVolumes());
    longestMs = Math.max(longestMs, performance.now() - asked);
    await pause(LOOK_MS);
  }
  return longestMs;
}

async function openAnew(
  what: string,
  { node, port }: { readonly node: Machine; readonly port: number },
): Promise<Program> {
  const began = performance.now();
  const serve = await startServe(node, port);
  const longestMs = await served(node, began);
  const ms = performance.now() - began;
  report(what, { ms, longestMs, serve });
  return serve;
}

function report(
  what: string,
  { ms, longestMs, serve }: {
    readonly ms: number;
    readonly longestMs: number;
    readonly serve: Program;
  },
): void {
  say(
    `${what.padEnd(52)} ${seconds(ms).padStart(7)}   stood still ${
      longestMs.toFixed(0).padStart(5)
    } ms   computed ${cpuSeconds(serve.pid).toFixed(1)} s   peak ${
      mib(peakResidentBytes(serve.pid)).padStart(8)
    }`,
  );
}

await using ceph = await Ceph.start();
await ceph.makeBucket(BUCKET);
using dir = new TempDir();
const key = primitives.random(32);
const keyFile = dir.at("key");
Deno.writeTextFileSync(keyFile, `${renderKey(primitives, key)}\n`);
const node = new Machine(dir.at("node"));
node.daemonEnv = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
const port = freePort();
const bucket = new S3Bucket({
  ...ceph.access(),
  ...{ clock, bucket: BUCKET, prefix: "disk/" },
});
const volume = { bucket, key, sizeBytes: SIZE_BYTES };
let serve: Program | undefined;
try {
  await createBucketVolume({
    ...{ bucket, primitives, clock, keys: new VolumeKeys(primitives, key) },
    ...{ sizeBytes: SIZE_BYTES, blockSizeBytes: 512 },
  });
  const { end, checkpointBytes } = await synthesise({
    ...{ ...volume, extents, segments, stubs: true },
  });
  await goOn(volume, { end, count: behind });
  say(
    `${segments} segments, ${extents} extents, a checkpoint of ${
      mib(checkpointBytes)
    }`,
  );
  serve = await startServe(node, port);
  say(
    `${"serve without a volume".padEnd(52)} ${
      mib(peakResidentBytes(serve.pid)).padStart(44)
    }`,
  );
  const began = performance.now();
  const { endpoint } = ceph.access();
  const recovering = node.run([
    ...["volume", "recover", `s3://${BUCKET}/disk`, "--name", "disk"],
    ...["--endpoint", endpoint, "--key-file", keyFile],
  ], { timeoutMs: LATEST_MS });
  let ended = false;
  const answered = asked(node, () => ended);
  const { code, stdout, stderr } = await recovering;
  ended = true;
  if (code !== 0) throw new Error(stdout + stderr);
  const ms = performance.now() - began;
  const longestMs = Math.max(await answered, await served(node, began));
  report(`recover, ${behind} segments behind the checkpoint`, {
    ...{ ms, longestMs, serve },
  });
  await serve.stop("SIGKILL");
  serve = await openAnew("start again", { node, port });
  await serve.stop("SIGKILL");
  const folder = `${node.state}/node/volumes/disk`;
  const pin = new BucketFolder(folder, primitives).pin();
  await goOn(volume, { end: pin, count: behind });
  serve = await openAnew(
    `start again, ${behind} segments behind the checkpoint`,
    { node, port },
  );
} finally {
  await serve?.stop("SIGKILL");
  await bucket.close();
  await stopLeftOvers();
}
