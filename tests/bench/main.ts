/**
 * `deno task bench`: the tunnel beside tgt alone and tgt behind stunnel, in turns in one run.
 *
 *     --only a,c            contenders: a tunnel, b tgt, c tgt behind stunnel, d the target without a tunnel (default: a,b,c)
 *     --loads 4k-read-32,…  which loads (default: all six)
 *     --rounds 3            turns of each contender on each load; medians are printed
 *     --seconds 3           length of one turn
 *     --reader iscsi-perf   who drives the reads: qemu (default), or iscsi-perf, which computes less itself
 *     --url iscsi://…       another target as contender d; --pid its process, for processor time and memory
 *     --json                prints everything as one JSON document instead of the table
 */
import { parseArgs } from "node:util";
import { inquire } from "../harness/libiscsi.ts";
import { cpuSeconds, peakResidentBytes } from "../harness/proc_stat.ts";
import { stopLeftOvers } from "../harness/process.ts";
import { qemuIoOk } from "../harness/qemu.ts";
import {
  bareContender,
  type Contender,
  stunnelContender,
  tgtContender,
  tunnelContender,
  urlContender,
} from "./contenders.ts";
import { summarise, table, type Turn } from "./report.ts";
import {
  DISK_BYTES,
  drive,
  fillDisk,
  PATTERN,
  type Workload,
  WORKLOADS,
} from "./workload.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string" },
    loads: { type: "string" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    reader: { type: "string", default: "qemu" },
    url: { type: "string" },
    pid: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));

const wantedKeys =
  (options.only ?? (options.url === undefined ? "a,b,c" : "a,b,c,d")).split(
    ",",
  );
const workloads: readonly Workload[] = options.loads === undefined
  ? WORKLOADS
  : WORKLOADS.filter(({ name }) => options.loads?.split(",").includes(name));
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const reader = options.reader === "iscsi-perf" ? "iscsi-perf" : "qemu";

async function open(): Promise<Contender[]> {
  const makers: Record<string, () => Promise<Contender>> = {
    a: tunnelContender,
    b: tgtContender,
    c: stunnelContender,
    d: () =>
      options.url === undefined
        ? bareContender()
        : Promise.resolve(urlContender(options.url, Number(options.pid))),
  };
  const opened: Contender[] = [];
  for (const key of wantedKeys) {
    const make = makers[key];
    if (make === undefined) throw new Error(`No contender "${key}"`);
    opened.push(await make());
  }
  return opened;
}

async function turn(
  contender: Contender,
  workload: Workload,
  expectedRate: number | undefined,
): Promise<Turn> {
  const entries = Object.entries(contender.processes);
  const before = entries.map(([, pid]) => cpuSeconds(pid));
  const { requests, seconds: taken } = await drive(contender.url, workload, {
    ...{ seconds, reader },
    ...(expectedRate === undefined ? {} : { expectedRate }),
  });
  const gib = requests * workload.blockBytes / 2 ** 30;
  const cpuByProcess: Record<string, number> = {};
  let cpu = 0;
  for (const [at, [name, pid]] of entries.entries()) {
    const used = cpuSeconds(pid) - before[at]!;
    cpuByProcess[name] = used / gib;
    cpu += used;
  }
  return {
    ...{ key: contender.key, workload: workload.name, cpuByProcess },
    perSecond: requests / taken,
    cpuPerGib: cpu / gib,
  };
}

async function measure(contenders: readonly Contender[]): Promise<Turn[]> {
  const turns: Turn[] = [];
  const rates = new Map<string, number>();
  for (const workload of workloads) {
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders) {
        const key = `${contender.key} ${workload.name}`;
        const done = await turn(contender, workload, rates.get(key));
        rates.set(key, done.perSecond);
        turns.push(done);
        say(
          `${workload.name}  round ${
            round + 1
          }/${rounds}  ${contender.name}: ` +
            `${done.perSecond.toFixed(0)}/s`,
        );
      }
    }
  }
  return turns;
}

const contenders = await open();
try {
  for (const contender of contenders) {
    await inquire(contender.url);
    await fillDisk(contender.url);
  }
  const turns = await measure(contenders);
  for (const contender of contenders) {
    await qemuIoOk(contender.url, [`read -P ${PATTERN} 0 ${DISK_BYTES}`]);
  }
  const memory = Object.fromEntries(
    contenders.map(({ name, processes }) => [
      name,
      Object.fromEntries(
        Object.entries(processes).map((
          [process, pid],
        ) => [process, peakResidentBytes(pid)]),
      ),
    ]),
  );
  const lines = summarise(workloads, turns);
  const keys = contenders.map(({ key }) => key);
  const text = options.json
    ? JSON.stringify({ lines, turns, memory }, undefined, 1)
    : [
      ...contenders.map(({ key, name }) => `${key}  ${name}`),
      `reads by ${reader}, writes by qemu; medians of ${rounds} turns of ${seconds} s, in turns`,
      "",
      table(lines, keys),
      "",
      ...Object.entries(memory).map(([name, processes]) =>
        `peak memory, ${name}: ` +
        Object.entries(processes).map(([process, bytes]) =>
          `${process} ${(bytes / 2 ** 20).toFixed(0)} MiB`
        ).join(", ")
      ),
    ].join("\n");
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
} finally {
  for (const contender of contenders.toReversed()) {
    await contender[Symbol.asyncDispose]();
  }
  await stopLeftOvers();
}
