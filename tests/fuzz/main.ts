/**
 * `deno task fuzz`: junk and grammars of logins, PDUs and CDBs against live targets, while a neighbour's data must stay right and its
 * session undisturbed. Prints where it stands as it goes: cases, the neighbour, memory; and at the end what came of it all.
 *
 *     --minutes 1          how long, shared among the grounds (default: 1)
 *     --seed 20260101      the dice (default: another one each time; it is printed)
 *     --ground process,…   process: the target in this process; tunnel: vault serve and vault attach (default: both)
 *     --from 0             begins with this case: with the seed of a failure, throws it again
 *     --cases 100          ends after so many, on each ground
 */
import { parseArgs } from "node:util";
import { daemonsReport, stopLeftOvers } from "../harness/process.ts";
import { campaign, type Standing } from "./campaign.ts";
import { type Ground, inProcess, throughTunnel } from "./ground.ts";

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;
/** A line at least this often. */
const TELL_MS = 30_000;

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    ground: { type: "string", default: "process,tunnel" },
    from: { type: "string", default: "0" },
    cases: { type: "string" },
  },
});

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

const grounds: Record<string, () => Ground | Promise<Ground>> = {
  process: inProcess,
  tunnel: throughTunnel,
};
const names = options.ground.split(",");
const seed = options.seed === undefined
  ? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1
  : Number(options.seed);
const shareMs = Number(options.minutes) * MINUTE_MS / names.length;
const cases = options.cases === undefined ? Infinity : Number(options.cases);

say(`seed ${seed}`);
try {
  for (const name of names) {
    const make = grounds[name];
    if (make === undefined) throw new Error(`No ground "${name}"`);
    await using ground = await make();
    await run(ground);
  }
} catch (error) {
  // The last words of the daemons, if it was theirs.
  say(daemonsReport());
  throw error;
} finally {
  await stopLeftOvers();
}

async function run(ground: Ground): Promise<void> {
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  let told = -TELL_MS;
  const end = await campaign({
    ground,
    seed,
    from: Number(options.from),
    goesOn: (done) => done < cases && elapsed() < shareMs,
    heed: (standing) => {
      if (elapsed() - told < TELL_MS) return;
      told = elapsed();
      say(line(standing));
    },
  });
  say(line(end));
  for (const outcome of end.tally.lines()) say(outcome);

  function line({ cases, turns, slowestMs }: Standing): string {
    const memory = Object.entries(ground.memory())
      .map(([name, bytes]) => `${name} ${(bytes / MIB).toFixed(0)} MiB`);
    return `${ground.name}  ${(elapsed() / 1000).toFixed(0).padStart(5)} s` +
      `  ${cases} cases  neighbour: ${turns} turns, slowest ` +
      `${slowestMs.toFixed(0)} ms  memory: ${memory.join(", ")}`;
  }
}
