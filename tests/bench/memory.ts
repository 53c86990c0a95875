/**
 * What memory `vault serve` takes for a large volume in a bucket that is written to all over: `deno run -A tests/bench/memory.ts`.
 *
 *     --gib 10         of scattered pieces of 4 KiB that the volume of 1 TiB holds already, in a checkpoint that was synthesised
 *     --written 1024   MiB that are written then, pieces of 4 KiB at random places, 32 at a time, through iSCSI
 *
 * The server is Ceph's gateway on this machine, which keeps 2 GiB at most. Peaks are the kernel's (VmHWM), begun anew for each line.
 */
import { parseArgs } from "node:util";
import { openDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { connectTcp } from "../../lib/os/tcp.ts";
import {
  peakResidentBytes,
  resetPeak,
  residentBytes,
} from "../harness/proc_stat.ts";
import { stopLeftOvers } from "../harness/process.ts";
import { until } from "../harness/until.ts";
import { BucketRig, mib } from "./bucket_rig.ts";
import { synthesise } from "./synthesised.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    gib: { type: "string", default: "10" },
    written: { type: "string", default: "1024" },
  },
});
const SIZE_BYTES = 2 ** 40;
const PIECE_BYTES = 4096;
const PIECE_BLOCKS = PIECE_BYTES / 512;
const PIECES_A_GIB = 2 ** 30 / PIECE_BYTES;
/** Of a segment that was written in such pieces. */
const PIECES_A_SEGMENT = 1820;
const DEPTH = 32;
const LATEST_MS = 600_000;

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

function report(what: string, pid: number): void {
  const [peak, now] = [peakResidentBytes(pid), residentBytes(pid)];
  say(
    `${what.padEnd(40)} peak ${mib(peak).padStart(8)}, now ${
      mib(now).padStart(8)
    }`,
  );
  resetPeak(pid);
}

async function writeScattered(
  { portalPort, iqn }: { readonly portalPort: number; readonly iqn: string },
  pieces: number,
): Promise<void> {
  const session = await connectInitiator({
    duplex: await connectTcp({ hostname: "127.0.0.1", port: portalPort }),
    primitives,
    initiatorName: "iqn.2026-01.example:bench",
    targetName: iqn,
  });
  const disk = await openDisk(session);
  const places = SIZE_BYTES / PIECE_BYTES;
  let left = pieces;
  await Promise.all(Array.from({ length: DEPTH }, async () => {
    const bytes = primitives.random(PIECE_BYTES);
    while (left-- > 0) {
      const place = Math.floor(Math.random() * places);
      await disk.write(place * PIECE_BLOCKS, bytes);
    }
  }));
  await disk.flush();
  await session.logout();
}

await using rig = await BucketRig.start(SIZE_BYTES);
try {
  const extents = Math.round(Number(options.gib) * PIECES_A_GIB);
  const { bucket, key, sizeBytes } = rig;
  if (extents > 0) {
    const segments = Math.ceil(extents / PIECES_A_SEGMENT);
    const { checkpointBytes } = await synthesise({
      ...{ bucket, key, sizeBytes, extents, segments, stubs: true },
    });
    say(
      `${segments} segments, ${extents} extents, a checkpoint of ${
        mib(checkpointBytes)
      }`,
    );
  }
  const { pid } = await rig.startServe();
  report("serve without a volume", pid);
  await rig.recover("--cache", "64MiB", "--journal", "256MiB");
  report("the volume recovered", pid);
  const { iqn } = await rig.show();
  const { portalPort } = rig;
  const began = performance.now();
  const pieces = Math.round(Number(options.written) / 1024 * PIECES_A_GIB);
  await writeScattered({ portalPort, iqn }, pieces);
  await until("all is uploaded", async () => {
    const { bucket } = await rig.show();
    return bucket?.pendingBytes === 0;
  }, { timeoutMs: LATEST_MS });
  const seconds = (performance.now() - began) / 1000;
  report(`${pieces} pieces written in ${seconds.toFixed(0)} s`, pid);
} finally {
  await rig.serve?.stop("SIGKILL");
  await stopLeftOvers();
}
