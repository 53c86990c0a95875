/**
 * What the map of a volume costs: `deno run -A tests/bench/extent_map.ts`.
 *
 * 10 GiB written in scattered pieces of 4 KiB, each to a place of its own, in random order; then again over what is there, read back, and
 * moved as a cleaner moves it. Processor time is the mean of each step, memory what the map itself counts, beside what the process has grown by.
 */
import { cpuSeconds } from "../harness/proc_stat.ts";
import { ExtentMap, type Run } from "../../lib/store/extent_map.ts";

const GIB = 2 ** 30;
const VOLUME_BYTES = 10 * GIB;
const PIECE_SECTORS = 8;
const PIECES = VOLUME_BYTES / (PIECE_SECTORS * 512);
const SEGMENT_SECTORS = 16_384;

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

/** The pieces of the volume in a random order. */
function shuffled(): Uint32Array {
  const order = Uint32Array.from({ length: PIECES }, (_, n) => n);
  let state = 12_345;
  for (let n = PIECES - 1; n > 0; n--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor(state / 2 ** 32 * (n + 1));
    const held = order[n]!;
    order[n] = order[other]!;
    order[other] = held;
  }
  return order;
}

/** Where the piece is that was written as the `n`th. */
function runOf(piece: number, n: number): Run {
  const sectors = n * PIECE_SECTORS;
  return {
    // Twice as far apart as they are long: none goes on where another ends.
    sector: piece * PIECE_SECTORS,
    length: PIECE_SECTORS,
    holder: Math.floor(sectors / SEGMENT_SECTORS),
    at: sectors % SEGMENT_SECTORS,
  };
}

function timed(what: string, count: number, work: (n: number) => void): void {
  const began = cpuSeconds(Deno.pid);
  for (let n = 0; n < count; n++) work(n);
  const micros = (cpuSeconds(Deno.pid) - began) * 1e6 / count;
  say(`${what.padEnd(34)} ${micros.toFixed(2)} µs`);
}

const order = shuffled();
const again = shuffled().reverse();
const before = Deno.memoryUsage();
const map = new ExtentMap();
timed("insert, scattered", PIECES, (n) => map.insert(runOf(order[n]!, n)));
const grown = Deno.memoryUsage();
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
say(
  `${map.size} extents: ${mib(map.stateBytes)} MiB, ` +
    `${mib(map.stateBytes / (VOLUME_BYTES / GIB))} MiB a GiB, ` +
    `${
      (map.stateBytes / map.size).toFixed(1)
    } bytes an extent; arrays grew by ` +
    `${mib(grown.external - before.external)} MiB`,
);
let found = 0;
timed("lookup of 4 KiB", PIECES, (n) => {
  found += map.lookup(runOf(again[n]!, 0)).length;
});
timed("insert over one that is there", PIECES, (n) => {
  map.insert(runOf(again[n]!, PIECES + n), ({ length }) => found += length);
});
timed("insert over the halves of two", PIECES / 4, (n) => {
  const run = runOf(order[n]!, 2 * PIECES + n);
  if (order[n] !== PIECES - 1) map.insert({ ...run, sector: run.sector + 4 });
});
timed("insertIf", PIECES / 4, (n) => {
  const run = runOf(order[n + PIECES / 2]!, 3 * PIECES + n);
  const was = map.next(run.sector)!;
  found += map.insertIf(run, was);
});
timed("remove", PIECES, (n) => map.remove(runOf(order[n]!, 0)));
say(`${map.size} extents: ${mib(map.stateBytes)} MiB (${found} seen)`);
