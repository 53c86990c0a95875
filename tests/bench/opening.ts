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
import { BucketFolder } from "../../lib/daemon/bucket_folder.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { cpuSeconds, peakResidentBytes } from "../harness/proc_stat.ts";
import { type Program, stopLeftOvers } from "../harness/process.ts";
import { pause } from "../harness/until.ts";
import { BucketRig, DISK, mib } from "./bucket_rig.ts";
import { goOn, synthesise } from "./synthesised.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    segments: { type: "string", default: "100000" },
    gib: { type: "string", default: "10" },
    behind: { type: "string", default: "68" },
  },
});
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
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** Waits until the volume is served. How long the longest answer took. */
async function served(rig: BucketRig, began: number): Promise<number> {
  let longestMs = 0;
  for (;;) {
    const asked = performance.now();
    const { health } = await rig.show();
    longestMs = Math.max(longestMs, performance.now() - asked);
    if (health === "ok") return longestMs;
    if (performance.now() - began > LATEST_MS) throw new Error(health);
    await pause(LOOK_MS);
  }
}

/** Asks the node for its volumes until it is `over`. How long the longest answer took. */
async function asked(
  { node }: BucketRig,
  over: () => boolean,
): Promise<number> {
  let longestMs = 0;
  while (!over()) {
    const asked = performance.now();
    await withNode(node.state, (node) => node.listVolumes());
    longestMs = Math.max(longestMs, performance.now() - asked);
    await pause(LOOK_MS);
  }
  return longestMs;
}

async function openAnew(rig: BucketRig, what: string): Promise<void> {
  await rig.serve?.stop("SIGKILL");
  const began = performance.now();
  const serve = await rig.startServe();
  const longestMs = await served(rig, began);
  report(what, { ms: performance.now() - began, longestMs, serve });
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

await using rig = await BucketRig.start(SIZE_BYTES);
try {
  const { end, checkpointBytes } = await synthesise({
    ...{ ...volumeOf(rig), extents, segments, stubs: true },
  });
  await goOn(volumeOf(rig), { end, count: behind });
  say(
    `${segments} segments, ${extents} extents, a checkpoint of ${
      mib(checkpointBytes)
    }`,
  );
  const serve = await rig.startServe();
  say(
    `${"serve without a volume".padEnd(52)} ${
      mib(peakResidentBytes(serve.pid)).padStart(60)
    }`,
  );
  const began = performance.now();
  let ended = false;
  const answered = asked(rig, () => ended);
  await rig.recover().finally(() => ended = true);
  const ms = performance.now() - began;
  const longestMs = Math.max(await answered, await served(rig, began));
  report(`recover, ${behind} segments behind the checkpoint`, {
    ...{ ms, longestMs, serve },
  });
  await openAnew(rig, "start again");
  await rig.serve?.stop("SIGKILL");
  const folder = `${rig.node.state}/node/volumes/${DISK}`;
  const pin = new BucketFolder(folder, primitives).pin();
  await goOn(volumeOf(rig), { end: pin, count: behind });
  await openAnew(rig, `start again, ${behind} segments behind the checkpoint`);
} finally {
  await rig.serve?.stop("SIGKILL");
  await stopLeftOvers();
}

function volumeOf({ bucket, key, sizeBytes }: BucketRig) {
  return { bucket, key, sizeBytes };
}
