/**
 * A store lives through crashes: it is opened, changed, killed or cut from its power, and opened again, over and over, and the oracle looks
 * at what is there each time. All that happens follows from one number.
 *
 * A test of a store runs many of them, `crashRuns(seeds, subjectOf)`, with subjects like
 *
 *     open: (process) => new FileStore(process.open("data", sizeBytes)),         afterCut: VOLATILE, afterKill: KILLED
 *     open: (process) => openOther({ folder: process.folder("journal"), … }),    afterCut: PREFIX,   afterKill: PREFIX
 *
 * What is under way side by side is what callers of a store may do: writes and unmaps of any places, flushes, an atomic write where nothing
 * else is, a change of size beside nothing but flushes. The next step comes after a few turns of what waits, wherever it has got to, and
 * syncs end when the dice say so.
 */

import { messageOf } from "../../base/errors.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import type { Store } from "../store.ts";
import { History } from "./history.ts";
import { BLOCK_BYTES, numbersIn } from "./known_content.ts";
import { Life, MAX_BLOCKS } from "./life.ts";
import { type Contract, judge, KILLED } from "./oracle.ts";
import { PowerSupply, type Process } from "./power_supply.ts";
import { type SnapshotHand, SnapshotTrial } from "./snapshot_trial.ts";

/** A store, as this harness sees it. */
export interface CrashSubject {
  /**
   * Opens the store on the process's files, which hold what the last crash has left. The first time there are none: it makes them, and the
   * store is `sizeBytes` zeros.
   */
  open(process: Process): Store | Promise<Store>;
  /** Blocks of 512 bytes, at most {@linkcode MAX_BLOCKS} of them. */
  readonly sizeBytes: number;
  /** What is promised of a power cut. */
  readonly afterCut: Contract;
  /** What is promised of kill -9. */
  readonly afterKill: Contract;
  /** What is promised of a store that was closed; nothing is missing unless given. */
  readonly afterClose?: Contract;
  /** The snapshots of a store that it has opened; a store without any has no such hand. */
  readonly snapshotsOf?: (store: Store) => SnapshotHand;
  /** It is over: what is left is looked at once more. */
  readonly atEnd?: () => Promise<void>;
}

/** What has happened. */
export interface CrashTally {
  operations: number;
  flushes: number;
  cuts: number;
  /** Cuts in which something went that had been written. */
  losses: number;
  kills: number;
  /** Crashes before the store was open. */
  early: number;
  closes: number;
  /** Snapshots that held after a crash what they had held before, were put back, and let go. */
  snapshots: number;
  restores: number;
  releases: number;
}

const MAX_LIVES = 7;
const MAX_STEPS = 50;
/** The most turns between two steps. */
const MAX_TURNS = 12;
/** One of so many turns of opening, reading or closing ends in a crash: often, and still what takes many turns to open is opened. */
const TURNS_A_CRASH = 150;
/** What is not over after so many steps never will be. */
const PATIENCE = 10_000;

/** One store, from crash to crash. @throws {Error} where the oracle says no or the store fails, with the seed */
export async function crashRun(
  subject: CrashSubject,
  seed: number,
): Promise<CrashTally> {
  const run = new Run(subject, seed);
  try {
    await run.live();
    await subject.atEnd?.();
    return run.tally;
  } catch (thrown) {
    throw new Error(`${messageOf(thrown)}; CRASH_SEED=${seed} repeats it`, {
      cause: thrown,
    });
  }
}

/** Some hundreds of them, each from another seed, and what has happened in all. */
export interface CrashRuns {
  readonly seeds: number;
  readonly tally: Readonly<CrashTally>;
}

/**
 * One store after another. CRASH_SEEDS says how many in place of `seeds`; CRASH_SEED asks for one of them alone, of which nothing is told:
 * how often things have happened says something only of many.
 *
 * @throws {Error} where the oracle says no or a store fails, with the seed
 */
export async function crashRuns(
  seeds: number,
  subjectOf: (seed: number) => CrashSubject,
): Promise<CrashRuns | undefined> {
  const one = Deno.env.get("CRASH_SEED");
  if (one !== undefined) {
    await crashRun(subjectOf(Number(one)), Number(one));
    return undefined;
  }
  const count = Number(Deno.env.get("CRASH_SEEDS") ?? seeds);
  const sum = noTally();
  for (let seed = 0; seed < count; seed++) {
    const tally = await crashRun(subjectOf(seed), seed);
    for (const name of Object.keys(tally) as (keyof CrashTally)[]) {
      sum[name] += tally[name];
    }
  }
  return { seeds: count, tally: sum };
}

function noTally(): CrashTally {
  return {
    ...{ operations: 0, flushes: 0, cuts: 0, losses: 0, kills: 0 },
    ...{ early: 0, closes: 0, snapshots: 0, restores: 0, releases: 0 },
  };
}

/** How a life ends. */
type End = "cut" | "kill" | "close";

class Run {
  readonly tally: CrashTally = noTally();
  readonly #subject: CrashSubject;
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #supply: PowerSupply;
  readonly #history: History;
  readonly #trial: SnapshotTrial;
  /** How the lives have ended since the oracle looked. */
  #ends: End[] = [];
  #life: Life | undefined;

  constructor(subject: CrashSubject, seed: number) {
    this.#subject = subject;
    this.#seed = seed;
    this.#dice = Dice.forCase(seed, 0);
    this.#supply = new PowerSupply(this.#dice, !this.#dice.once(4));
    const zeros = new Uint8Array(subject.sizeBytes);
    this.#history = new History(cellsOf(zeros, seed));
    this.#trial = new SnapshotTrial({
      history: this.#history,
      dice: this.#dice,
      cellsOf: (store) => this.#cellsIn(store),
    });
  }

  async live(): Promise<void> {
    // The last life only looks at what the one before has left.
    for (let more = 1 + this.#dice.next(MAX_LIVES); more >= 0; more--) {
      const store = await this.#open();
      if (!store) {
        more++;
        continue;
      }
      const hand = this.#subject.snapshotsOf?.(store);
      if (!await this.#look(store, hand)) continue;
      if (more === 0) break;
      const life = this.#life = new Life({
        ...{ store, history: this.#history, dice: this.#dice },
        seed: this.#seed,
        ...(hand && { snapshots: (life) => this.#trial.step(hand, life) }),
      });
      for (let n = this.#dice.next(MAX_STEPS); n > 0; n--) {
        await this.#turns();
        if (this.#supply.syncs > 0 && this.#dice.once(3)) {
          this.#supply.endSync();
        } else life.step();
      }
      await this.#end(store, life);
      this.tally.operations += life.operations;
      this.tally.flushes += life.flushes;
    }
    // Nothing of it works on beside whoever looks next.
    this.#supply.kill();
    const { compared, restored, released } = this.#trial;
    this.tally.snapshots = compared;
    this.tally.restores = restored;
    this.tally.releases = released;
  }

  /** Undefined where a crash came before it was open. */
  async #open(): Promise<Store | undefined> {
    const process = this.#supply.process();
    const opening = (async () => await this.#subject.open(process))();
    const store = await this.#outcome(opening);
    if (!store) this.tally.early++;
    return store;
  }

  /** Lets the oracle see all that is there. False where a crash came before. */
  async #look(store: Store, hand?: SnapshotHand): Promise<boolean> {
    const found = await this.#outcome(this.#cellsIn(store));
    if (!found) return false;
    const cut = this.#ends.includes("cut");
    const closed = this.#ends.every((end) => end === "close");
    const { afterCut, afterKill, afterClose = KILLED } = this.#subject;
    const contract = cut ? afterCut : closed ? afterClose : afterKill;
    const verdict = judge(this.#history, found, contract);
    if (verdict !== undefined) {
      throw new Error(`After ${this.#ends.join(", ")}: ${verdict}`);
    }
    // What was not there before does not come back.
    const gone = cut || closed || contract.certain === "nothing";
    if (gone) this.#history.settle(found);
    else this.#history.observe(found);
    this.#ends = [];
    if (!hand) return true;
    const looked = this.#trial.look(hand).then(() => true);
    return await this.#outcome(looked) ?? false;
  }

  async #cellsIn(store: Store): Promise<Int32Array> {
    const bytes = new Uint8Array(store.sizeBytes);
    await store.read(0, bytes);
    return cellsOf(bytes, this.#seed);
  }

  async #end(store: Store, life: Life): Promise<void> {
    if (!this.#dice.once(6)) return this.#crash();
    // Whoever closes a store has waited for all that was under way.
    for (let n = 0; !life.idle; n++) {
      if (n > PATIENCE) throw new Error("An operation hangs");
      await this.#turns();
      if (this.#supply.syncs > 0) this.#supply.endSync();
    }
    const closing = (async () => {
      await store.close();
      return true;
    })();
    if (!await this.#outcome(closing)) return;
    this.tally.closes++;
    this.#ends.push("close");
  }

  /** What `work` gives; undefined where a crash came before. */
  async #outcome<T>(work: Promise<T>): Promise<T | undefined> {
    let done: { readonly value: T } | undefined;
    let failed: { readonly thrown: unknown } | undefined;
    work.then((value) => done = { value }, (thrown) => failed = { thrown });
    for (let n = 0; n < PATIENCE; n++) {
      await this.#turns();
      if (failed) throw failed.thrown;
      if (done) return done.value;
      if (this.#supply.syncs > 0 && this.#dice.once(2)) this.#supply.endSync();
      else if (this.#dice.once(TURNS_A_CRASH)) {
        this.#crash();
        return undefined;
      }
    }
    throw new Error("Opening, reading or closing the store hangs");
  }

  #crash(): void {
    const end = this.#dice.once(3) ? "kill" : "cut";
    this.#life?.end();
    this.#history.crash();
    this.#ends.push(end);
    if (end === "kill") {
      this.tally.kills++;
      this.#supply.kill();
    } else {
      this.tally.cuts++;
      if (this.#supply.cut()) this.tally.losses++;
    }
  }

  /** Lets what waits go on for a while. @throws what has failed */
  async #turns(): Promise<void> {
    for (let n = this.#dice.next(MAX_TURNS); n >= 0; n--) await undefined;
    this.#life?.check();
  }
}

function cellsOf(bytes: Uint8Array, seed: number): Int32Array {
  const blocks = bytes.length / BLOCK_BYTES;
  if (!Number.isInteger(blocks) || blocks > MAX_BLOCKS) {
    throw new Error(`The store is ${bytes.length} bytes long`);
  }
  const cells = new Int32Array(MAX_BLOCKS + 1);
  cells.set(numbersIn(bytes, seed));
  cells[MAX_BLOCKS] = blocks;
  return cells;
}
