/** What is measured: six loads, the same for every contender, and one way to drive them. */
import { type Load, loadDisk } from "../harness/qemu.ts";
import { readRate } from "../harness/libiscsi.ts";

const KIB = 1024;

/** Size of every contender's disk in bytes. A power of two, see {@linkcode strideFor}. */
export const DISK_BYTES = 256 * 1024 * KIB;

/** What every byte of a disk is filled with before and by the writes, so that it can be compared afterwards. */
export const PATTERN = 0x5a;

export interface Workload {
  readonly name: string;
  readonly write: boolean;
  readonly blockBytes: number;
  readonly depth: number;
  /** The least ratio to tgt behind stunnel that the project wants. */
  readonly target: number;
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: "4k-read-1",
    write: false,
    blockBytes: 4 * KIB,
    depth: 1,
    target: 0.8,
  },
  {
    name: "4k-write-1",
    write: true,
    blockBytes: 4 * KIB,
    depth: 1,
    target: 0.8,
  },
  {
    name: "4k-read-32",
    write: false,
    blockBytes: 4 * KIB,
    depth: 32,
    target: 1.5,
  },
  {
    name: "4k-write-32",
    write: true,
    blockBytes: 4 * KIB,
    depth: 32,
    target: 1.5,
  },
  {
    name: "256k-read-8",
    write: false,
    blockBytes: 256 * KIB,
    depth: 8,
    target: 0.8,
  },
  {
    name: "256k-write-8",
    write: true,
    blockBytes: 256 * KIB,
    depth: 8,
    target: 0.8,
  },
];

/**
 * The way from one request to the next: a golden section of the disk, rounded to an odd number of blocks. Odd and a power of two
 * share no divisor, so that every block is met once before one is met again, in an order without neighbours.
 */
function strideFor(blockBytes: number): number {
  const blocks = Math.floor(DISK_BYTES / blockBytes * 0.381966);
  return (blocks | 1) * blockBytes;
}

function load(workload: Workload, requests: number): Load {
  return {
    write: workload.write,
    blockBytes: workload.blockBytes,
    depth: workload.depth,
    strideBytes: strideFor(workload.blockBytes),
    requests,
    pattern: PATTERN,
  };
}

/** Writes the whole disk once. */
export async function fillDisk(url: string): Promise<void> {
  const blockBytes = 256 * KIB;
  await loadDisk(url, {
    ...{ write: true, blockBytes, depth: 4, strideBytes: blockBytes },
    requests: DISK_BYTES / blockBytes,
    pattern: PATTERN,
  });
}

export interface Measured {
  readonly requests: number;
  readonly seconds: number;
}

/**
 * Drives `workload` for about `seconds`.
 *
 * QEMU takes a number of requests, not a time: `expectedRate` (requests a second) is what the last turn gave, or undefined in
 * the first one, which tries with a few requests.
 */
export async function drive(
  url: string,
  workload: Workload,
  options: {
    seconds: number;
    expectedRate?: number;
    reader: "qemu" | "iscsi-perf";
  },
): Promise<Measured> {
  if (options.reader === "iscsi-perf" && !workload.write) {
    const seconds = Math.max(1, Math.round(options.seconds));
    const rate = await readRate(url, {
      ...{ blockBytes: workload.blockBytes, depth: workload.depth, seconds },
      random: true,
    });
    return { requests: rate * seconds, seconds };
  }
  let rate = options.expectedRate;
  if (rate === undefined) {
    const tried = workload.blockBytes > 64 * KIB
      ? 100
      : 50 * (workload.depth + 4);
    rate = tried / Math.max(0.001, await loadDisk(url, load(workload, tried)));
  }
  const requests = Math.max(workload.depth, Math.round(rate * options.seconds));
  return { requests, seconds: await loadDisk(url, load(workload, requests)) };
}
