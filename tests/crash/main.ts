/**
 * `deno task crash`: kill -9 of `vault serve`, of `vault attach` or of both at random moments, while a writer keeps operations of all kinds under
 * way; after each the whole volume is read, and must be what some row of the operations leaves in which nothing that was acknowledged is missing
 * (`lib/store/testing/oracle.ts` says it exactly). Ends with 1 at the first violation, and leaves the folder as it is.
 *
 *     --rounds 200        how many crashes (default: 200)
 *     --seed 20260101     the dice (default: another one each time; it is printed)
 *     --kill both         only this kind: serve, attach or both (default: all three, as the dice fall)
 *     --store bucket      the volume lies in a bucket of Ceph's gateway (default: file); in one round of four all of the node's state is
 *                         lost with the kill, and the volume is found again with `vault volume recover`
 *     --folder DIR        where the two machines are made (default: a temporary one)
 *
 * A seed repeats the plan: for each round whom the kill hits, after how many acknowledged operations and ms, how many operations are under way
 * side by side, the operator's chores, and of each operation its kind, its place and its length. It cannot repeat how far which process has
 * got at a given moment, so it repeats the run and not each of its races: a violation that depends on one may need several runs to come back,
 * and the folder that was left, with what stands in it, is the better witness.
 */
import { parseArgs } from "node:util";
import { daemonsReport, stopLeftOvers } from "../harness/process.ts";
import { crashCampaign, type CrashStanding } from "./campaign.ts";
import type { Victims } from "./plan.ts";

/** A line after so many rounds. */
const TELL_ROUNDS = 10;
/** Of what the daemons have said, the last so many characters are shown where something is wrong. */
const SHOWN = 6000;

const ALL: readonly Victims[] = ["serve", "attach", "both"];

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string" },
    kill: { type: "string" },
    store: { type: "string", default: "file" },
    folder: { type: "string" },
  },
});

const encoder = new TextEncoder();
const say = (line: string) =>
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));

const victims = ALL.filter((name) =>
  options.kill === undefined || options.kill === name
);
if (victims.length === 0) throw new Error(`Nobody is called "${options.kill}"`);
const { store } = options;
if (store !== "file" && store !== "bucket") {
  throw new Error(`A volume lies in a file or in a bucket, not "${store}"`);
}
const seed = options.seed === undefined
  ? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1
  : Number(options.seed);
const rounds = Number(options.rounds);
const folder = options.folder ??
  Deno.makeTempDirSync({ prefix: "vault-crash-" });
const began = performance.now();

say(`seed ${seed}`);
try {
  const end = await crashCampaign({
    ...{ folder, seed, rounds, victims, store },
    heed: (standing) => {
      if (standing.rounds % TELL_ROUNDS === 0) say(line(standing));
    },
  });
  if (end.rounds % TELL_ROUNDS !== 0) say(line(end));
  say("No violation.");
  if (options.folder === undefined) {
    Deno.removeSync(folder, { recursive: true });
  }
} catch (error) {
  say(daemonsReport().slice(-SHOWN));
  throw error;
} finally {
  await stopLeftOvers();
}

function line(standing: CrashStanding): string {
  const { kills, chores } = standing;
  const seconds = (performance.now() - began) / 1000;
  return `${
    seconds.toFixed(0).padStart(5)
  } s  round ${standing.rounds}/${rounds}` +
    `  killed: serve ${kills.serve}, attach ${kills.attach}, both ${kills.both}` +
    (store === "bucket" ? `, lost ${standing.losses}` : "") +
    `  operations: ${standing.sent} sent, ${standing.acknowledged} acknowledged` +
    ` (${standing.flushes} flushes), ${standing.landed} seen of those lost` +
    `  snapshots ${chores.snapshot}, restores ${chores.restore},` +
    ` sizes ${chores.resize}, cut short ${chores.cutShort}`;
}
