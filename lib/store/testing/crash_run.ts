/**
 * A store lives through crashes: it is opened, changed, killed or cut from its power, and opened again, over and over, and the oracle looks
 * at what is there each time. All that happens follows from one number.
 *
 * A test of a store runs many of them, `crashRun(subject, seed)` for each seed, with a subject like
 *
 *     open: (supply) => new FileStore(supply.open("data", sizeBytes)),           afterCut: VOLATILE, afterKill: KILLED
 *     open: (supply) => openOther({ folder: supply.folder("journal"), … }),      afterCut: PREFIX,   afterKill: PREFIX
 *
 * What is under way side by side is what callers of a store may do: writes and unmaps of any places, flushes, an atomic write where nothing
 * else is, a change of size beside nothing but flushes. The next step comes after a few turns of what waits, wherever it has got to, and
 * syncs end when the dice say so.
 */

import { messageOf } from "../../base/errors.ts";
import { type Extent, overlaps } from "../../base/extent.ts";
import { Dice } from "../../../tests/fuzz/dice.ts";
import type { Maybe, Store } from "../store.ts";
import { type Ask, History } from "./history.ts";
import { BLOCK_BYTES, blocksOf, numbersIn, ZEROS } from "./known_content.ts";
import { type Contract, judge, KILLED } from "./oracle.ts";
import { PowerSupply } from "./power_supply.ts";

/** A store, as this harness sees it. */
export interface CrashSubject {
  /**
   * Opens the store on the supply's files, which hold what the last crash has left. The first time there are none: it makes them, and the
   * store is `sizeBytes` zeros.
   */
  open(supply: PowerSupply): Store | Promise<Store>;
  /** Blocks of 512 bytes, at most {@linkcode MAX_BLOCKS} of them. */
  readonly sizeBytes: number;
  /** What is promised of a power cut. */
  readonly afterCut: Contract;
  /** What is promised of kill -9. */
  readonly afterKill: Contract;
  /** What is promised of a store that was closed; nothing is missing unless given. */
  readonly afterClose?: Contract;
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
}

/** The longest that a store grows here. */
export const MAX_BLOCKS = 192;

const MIN_BLOCKS = 8;
const MAX_LIVES = 7;
const MAX_STEPS = 50;
/** The most that is under way side by side. */
const MAX_BEGUN = 5;
/** The longest write and unmap. */
const MAX_EXTENT_BLOCKS = 24;
/** The most turns between two steps. */
const MAX_TURNS = 12;
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
    return run.tally;
  } catch (thrown) {
    throw new Error(`${messageOf(thrown)}; CRASH_SEED=${seed} repeats it`, {
      cause: thrown,
    });
  }
}

/** Something that is under way. */
interface Begun {
  readonly extent: Extent;
  /** Nothing else may touch its extent. */
  readonly alone: boolean;
}

/** How a life ends. */
type End = "cut" | "kill" | "close";

class Run {
  readonly tally: CrashTally = {
    ...{ operations: 0, flushes: 0, cuts: 0, losses: 0, kills: 0 },
    ...{ early: 0, closes: 0 },
  };
  readonly #subject: CrashSubject;
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #supply: PowerSupply;
  readonly #history: History;
  readonly #begun = new Set<Begun>();
  /** How the lives have ended since the oracle looked. */
  #ends: End[] = [];
  #life = 0;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(subject: CrashSubject, seed: number) {
    this.#subject = subject;
    this.#seed = seed;
    this.#dice = Dice.forCase(seed, 0);
    this.#supply = new PowerSupply(this.#dice, !this.#dice.once(4));
    const zeros = new Uint8Array(subject.sizeBytes);
    this.#history = new History(cellsOf(zeros, seed));
  }

  async live(): Promise<void> {
    // The last life only looks at what the one before has left.
    for (let more = 1 + this.#dice.next(MAX_LIVES); more >= 0; more--) {
      const store = await this.#open();
      if (!store) {
        more++;
        continue;
      }
      if (!await this.#look(store)) continue;
      if (more === 0) return;
      for (let n = this.#dice.next(MAX_STEPS); n > 0; n--) {
        await this.#turns();
        if (this.#supply.syncs > 0 && this.#dice.once(3)) {
          this.#supply.endSync();
        } else this.#step(store);
      }
      await this.#end(store);
    }
  }

  /** Undefined where a crash came before it was open. */
  async #open(): Promise<Store | undefined> {
    const opening = (async () => await this.#subject.open(this.#supply))();
    const store = await this.#outcome(opening);
    if (!store) this.tally.early++;
    return store;
  }

  /** Lets the oracle see all that is there. False where a crash came before. */
  async #look(store: Store): Promise<boolean> {
    const bytes = new Uint8Array(store.sizeBytes);
    const read = (async () => {
      await store.read(0, bytes);
      return true;
    })();
    if (!await this.#outcome(read)) return false;
    const found = cellsOf(bytes, this.#seed);
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
    return true;
  }

  async #end(store: Store): Promise<void> {
    if (!this.#dice.once(6)) return this.#crash();
    // Whoever closes a store has waited for all that was under way.
    for (let n = 0; this.#begun.size > 0; n++) {
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
    const life = this.#life;
    work.then(
      (value) => done = { value },
      (thrown) => this.#fail(life, thrown),
    );
    for (let n = 0; n < PATIENCE; n++) {
      await this.#turns();
      if (done) return done.value;
      if (this.#supply.syncs > 0 && this.#dice.once(2)) this.#supply.endSync();
      else if (this.#dice.once(100)) {
        this.#crash();
        return undefined;
      }
    }
    throw new Error("Opening, reading or closing the store hangs");
  }

  #crash(): void {
    const end = this.#dice.once(3) ? "kill" : "cut";
    this.#life++;
    this.#begun.clear();
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

  #step(store: Store): void {
    const kind = this.#dice.next(16);
    if (kind < 7) this.#write(store);
    else if (kind < 9) this.#unmap(store);
    else if (kind < 11) this.#writeAtomically(store);
    else if (kind < 15) this.#flush(store);
    else this.#resize(store);
  }

  #write(store: Store): void {
    const { extent, cells } = this.#anywhere(store);
    this.#begin(
      { what: "write", cells: [cells] },
      { extent, alone: false },
      (number) => store.write(extent.offset, this.#content(number, extent)),
    );
  }

  #unmap(store: Store): void {
    const { extent, cells } = this.#anywhere(store);
    this.#begin(
      { what: "unmap", cells: [cells], value: () => ZEROS },
      { extent, alone: false },
      () => store.unmap(extent),
    );
  }

  #writeAtomically(store: Store): void {
    const { atomic } = store;
    if (!atomic) return;
    const { extent, cells } = this.#anywhere(store);
    this.#begin(
      { what: "atomic write", cells: [cells], whole: true, stable: true },
      { extent, alone: true },
      (number) => atomic.write(extent.offset, this.#content(number, extent)),
    );
  }

  #resize(store: Store): void {
    const before = store.sizeBytes / BLOCK_BYTES;
    const after = MIN_BLOCKS + this.#dice.next(MAX_BLOCKS - MIN_BLOCKS + 1);
    const [from, to] = [Math.min(before, after), Math.max(before, after)];
    this.#begin(
      {
        what: `change of size to ${after}`,
        cells: [{ from, to }, { from: MAX_BLOCKS, to: MAX_BLOCKS + 1 }],
        value: (cell) => cell === MAX_BLOCKS ? after : ZEROS,
        stable: true,
      },
      { extent: { offset: 0, length: MAX_BLOCKS * BLOCK_BYTES }, alone: true },
      () => store.resize(after * BLOCK_BYTES),
    );
  }

  #flush(store: Store): void {
    const flush = this.#history.sendFlush();
    this.tally.flushes++;
    const life = this.#life;
    store.flush().then(
      () => {
        if (life === this.#life) this.#history.acknowledgeFlush(flush);
      },
      (thrown) => this.#fail(life, thrown),
    );
  }

  /** Does nothing where callers of a store must not do it now. */
  #begin(ask: Ask, begun: Begun, run: (number: number) => Maybe): void {
    const inTheWay = [...this.#begun].some((other) =>
      (begun.alone || other.alone) && overlaps(begun.extent, other.extent)
    );
    if (inTheWay || this.#begun.size >= MAX_BEGUN) return;
    this.tally.operations++;
    const change = this.#history.send(ask);
    const pending = run(change.number);
    if (!pending) return this.#history.acknowledge(change);
    const life = this.#life;
    this.#begun.add(begun);
    pending.then(() => {
      if (life !== this.#life) return;
      this.#begun.delete(begun);
      this.#history.acknowledge(change);
    }, (thrown) => this.#fail(life, thrown));
  }

  #anywhere(store: Store) {
    const blocks = store.sizeBytes / BLOCK_BYTES;
    const count = 1 + this.#dice.next(Math.min(blocks, MAX_EXTENT_BLOCKS));
    const from = this.#dice.next(blocks - count + 1);
    return {
      cells: { from, to: from + count },
      extent: { offset: from * BLOCK_BYTES, length: count * BLOCK_BYTES },
    };
  }

  #content(number: number, { offset, length }: Extent): Uint8Array {
    const first = offset / BLOCK_BYTES;
    const count = length / BLOCK_BYTES;
    return blocksOf({ seed: this.#seed, number }, { first, count });
  }

  /** Lets what waits go on for a while. @throws what has failed */
  async #turns(): Promise<void> {
    for (let n = this.#dice.next(MAX_TURNS); n >= 0; n--) await undefined;
    if (this.#failure) throw this.#failure.thrown;
  }

  /** The dead may fail as they like. */
  #fail(life: number, thrown: unknown): void {
    if (life === this.#life) this.#failure ??= { thrown };
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
