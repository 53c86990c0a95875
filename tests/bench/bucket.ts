/**
 * A volume in a bucket beside a volume in a file and beside s3backer on the same server, in turns in one run: `deno run -A tests/bench/bucket.ts`.
 *
 *     --rounds 3      turns of each; medians are printed
 *     --seconds 3     of random writes
 *     --mib 128       of each upload
 *     --line 640mbit  uploads alone, over a line of that rate (slow_line.ts)
 *
 * Our volumes are written to by our initiator, without a tunnel; s3backer (128 KiB a block, its other settings as they come) by fio through
 * FUSE, 32 threads. Bare uploads are PutObject of the same SDK, objects of 8 MiB, as many at once as a volume uploads. The server is Ceph's
 * gateway on this machine.
 */
import { parseArgs } from "node:util";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { connectTcp } from "../../lib/os/tcp.ts";
import { SEGMENT_BYTES } from "../../lib/store/segmented/bucket_volume.ts";
import { UPLOADS } from "../../lib/store/segmented/row_queue.ts";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import { Program, run, runOk, stopLeftOvers } from "../harness/process.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { pause, until } from "../harness/until.ts";
import { BUCKET, BucketRig } from "./bucket_rig.ts";
import { median } from "./report.ts";
import { slowLine } from "./slow_line.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    mib: { type: "string", default: "128" },
    line: { type: "string" },
  },
});
const MIB = 2 ** 20;
const DEPTH = 32;
const PIECE_BYTES = 4096;
const LONG_BYTES = 256 * 1024;
const LOOK_MS = 20;
const rounds = Number(options.rounds);
const uploadBytes = Number(options.mib) * MIB;
/** Of each volume. */
const SIZE_BYTES = Math.max(256 * MIB, uploadBytes);

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

async function logIn(rig: BucketRig, name: string): Promise<RemoteDisk> {
  const { iqn } = await rig.node.json<VolumeInfo>("volume", "show", name);
  const session = await connectInitiator({
    duplex: await connectTcp({ hostname: "127.0.0.1", port: rig.portalPort }),
    primitives,
    initiatorName: "iqn.2026-01.example:bench",
    targetName: iqn,
  });
  return await openDisk(session);
}

/** 4 KiB at random places, {@linkcode DEPTH} at once; how many a second, with what has to be made stable at the end. */
async function scattered(disk: RemoteDisk): Promise<number> {
  const began = performance.now();
  const end = began + Number(options.seconds) * 1000;
  let count = 0;
  await Promise.all(Array.from({ length: DEPTH }, async () => {
    const bytes = primitives.random(PIECE_BYTES);
    for (; performance.now() < end; count++) {
      const place = Math.floor(Math.random() * SIZE_BYTES / PIECE_BYTES);
      await disk.write(place * PIECE_BYTES / 512, bytes);
    }
  }));
  await disk.flush();
  return count * 1000 / (performance.now() - began);
}

async function scatteredThrough(file: string): Promise<number> {
  const output = await runOk({
    command: "fio",
    args: [
      ...["--name=w", `--filename=${file}`, `--size=${SIZE_BYTES}`],
      ...["--rw=randwrite", "--bs=4k", "--ioengine=psync", "--thread"],
      ...[`--numjobs=${DEPTH}`, "--group_reporting", "--time_based"],
      ...[`--runtime=${options.seconds}`, "--randrepeat=0"],
      ...["--end_fsync=1", "--output-format=json"],
    ],
    timeoutMs: 120_000,
  });
  return JSON.parse(output).jobs[0].write.iops;
}

/** Until less than a segment of it is on the node's disk alone; what is left would wait for more. MiB a second. */
async function upload(rig: BucketRig, disk: RemoteDisk): Promise<number> {
  const began = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    const bytes = primitives.random(LONG_BYTES);
    for (let at = next++; at * LONG_BYTES < uploadBytes; at = next++) {
      await disk.write(at * LONG_BYTES / 512, bytes);
    }
  }));
  for (;;) {
    const { bucket } = await rig.show();
    const pending = bucket?.pendingBytes ?? Infinity;
    if (pending < SEGMENT_BYTES) {
      const ms = performance.now() - began;
      return (uploadBytes - pending) / MIB * 1000 / ms;
    }
    await pause(LOOK_MS);
  }
}

/** The same by requests alone. */
async function uploadBare({ bucket }: BucketRig): Promise<number> {
  const count = Math.floor(uploadBytes / SEGMENT_BYTES);
  const names = Array.from({ length: count }, (_, n) => `bare/${n}`);
  const bytes = primitives.random(SEGMENT_BYTES);
  const began = performance.now();
  const rest = names.values();
  await Promise.all(Array.from({ length: UPLOADS }, async () => {
    for (const name of rest) await bucket.create(name, bytes);
  }));
  const ms = performance.now() - began;
  await bucket.delete(names);
  return count * SEGMENT_BYTES / MIB * 1000 / ms;
}

async function settled(rig: BucketRig): Promise<void> {
  await until("all is uploaded", async () => {
    return (await rig.show()).bucket?.pendingBytes === 0;
  }, { timeoutMs: 120_000 });
}

async function mountS3backer(rig: BucketRig, at: string): Promise<Program> {
  const { endpoint } = rig.ceph.access();
  const program = new Program({
    command: "s3backer",
    args: [
      ...["-f", "--accessId=AK", "--accessKey=SK", "--authVersion=aws4"],
      ...[`--baseURL=${endpoint}/`, "--prefix=s3backer/"],
      ...["--blockSize=128k", `--size=${SIZE_BYTES}`, BUCKET, at],
    ],
  });
  await program.write("");
  await until("s3backer", () => {
    if (program.exited !== undefined) throw new Error(program.output);
    const mounts = Deno.readTextFileSync("/proc/mounts");
    return mounts.includes(` ${at} `);
  });
  return program;
}

const figures: Record<string, number[]> = {};

async function turn(what: string, rate: Promise<number>): Promise<void> {
  const value = await rate;
  (figures[what] ??= []).push(value);
  say(`${what.padEnd(44)} ${value.toFixed(0).padStart(8)}`);
}

function ratio(what: string, other: string): string {
  return (median(figures[what]!) / median(figures[other]!)).toFixed(2);
}

/** Small writes to a volume in the bucket, to one in a file, and to s3backer. */
async function compareWrites(rig: BucketRig, bucket: RemoteDisk) {
  using dir = new TempDir();
  const mount = dir.at("s3backer");
  Deno.mkdirSync(mount);
  const size = `${SIZE_BYTES / MIB}MiB`;
  await rig.node.ok("volume", "create", "plain", "--size", size);
  const plain = await logIn(rig, "plain");
  const [its, file, other] = [
    "bucket, 4 KiB writes/s",
    "file, 4 KiB writes/s",
    "s3backer, 4 KiB writes/s",
  ] as const;
  try {
    await mountS3backer(rig, mount);
    for (let round = 0; round < rounds; round++) {
      await turn(its, scattered(bucket));
      await settled(rig);
      await turn(file, scattered(plain));
      await turn(other, scatteredThrough(`${mount}/file`));
    }
  } finally {
    await run({ command: "fusermount", args: ["-u", "-z", mount] });
  }
  say(`4 KiB writes, bucket to file      ${ratio(its, file)}`);
  say(`4 KiB writes, bucket to s3backer  ${ratio(its, other)}`);
}

/** Uploads of a volume, and requests alone. */
async function compareUploads(rig: BucketRig, bucket: RemoteDisk) {
  const its = "bucket, MiB/s uploaded";
  const bare = "PutObject alone, MiB/s";
  for (let round = 0; round < rounds; round++) {
    await turn(its, upload(rig, bucket));
    await settled(rig);
    await turn(bare, uploadBare(rig));
  }
  say(`upload, bucket to PutObject       ${ratio(its, bare)}`);
}

await using rig = await BucketRig.start(SIZE_BYTES);
try {
  await rig.startServe();
  await rig.recover("--cache", "1GiB", "--journal", "1GiB");
  const bucket = await logIn(rig, "disk");
  const { line: rate } = options;
  const port = Number(new URL(rig.ceph.access().endpoint).port);
  if (rate !== undefined) await slowLine({ port, rate });
  else await compareWrites(rig, bucket);
  await compareUploads(rig, bucket);
} finally {
  await stopLeftOvers();
}
