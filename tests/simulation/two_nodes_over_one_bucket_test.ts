/**
 * Two nodes and one volume in a bucket that fails in every way in which one may: they open it, restart, take it from each other, are stopped
 * where they stand and go on, are killed, and lose their disks. A seed makes the whole run; a failure names it.
 *
 *     NODES_SEEDS=20000 deno test -A tests/simulation/two_nodes_over_one_bucket_test.ts      as many seeds
 *     NODES_SEED=4711 deno test -A tests/simulation/two_nodes_over_one_bucket_test.ts        that one
 *
 * A tenure is what a node does with the volume from one opening to the next; its line is all that was written by then, from the beginning of
 * the volume: a beginning of the line of the tenure before, and its own. What anybody reads who opens the volume anew is what a beginning of
 * the line of the latest tenure has left, which holds all that it began with. Nothing of any other line is ever there.
 */

import { expect } from "expect";
import { messageOf, VaultError } from "../../lib/base/errors.ts";
import { BucketError } from "../../lib/bucket/bucket.ts";
import { FaultBucket, type Schedule } from "../../lib/bucket/fault_bucket.ts";
import { MemoryBucket } from "../../lib/bucket/memory_bucket.ts";
import { endurable, troubled } from "../../lib/bucket/testing/faults.ts";
import {
  makeVolume,
  openOn,
} from "../../lib/store/segmented/testing/volumes.ts";
import { Dice } from "../fuzz/dice.ts";
import { lengthOf, Tenure } from "./bucket_tenure.ts";
import {
  BucketNode,
  type Cells,
  cellsOf,
  type Open,
  SECTOR_BYTES,
  SECTORS,
  sectorsOf,
} from "./bucket_node.ts";

const SEEDS = Number(Deno.env.get("NODES_SEEDS") ?? 60);
const ONE = Deno.env.get("NODES_SEED");
const STEPS = 120;
/** What is not over after so many turns never will be. */
const PATIENCE = 20_000;
/** After one was opened: what was in its journal may not be uploaded by then. */
const FRESH_STEPS = 16;
/** Longer than any pause between two tries, and than the time between two looks. */
const LONG_MS = 65_000;

class World {
  readonly tally = { opened: 0, refused: 0, lost: 0, writes: 0, takeovers: 0 };
  readonly #dice: Dice;
  readonly #memory = new MemoryBucket({ pageObjects: 6 });
  readonly #bucket: FaultBucket;
  readonly #nodes: readonly BucketNode[];
  /** In the order of their epochs. */
  readonly #tenures: Tenure[] = [];
  readonly #current = new Map<BucketNode, Tenure>();
  readonly #failures: unknown[] = [];
  #faults = true;
  #written = 0;
  #steps = 0;
  #openedAt = -FRESH_STEPS;
  /** When each node was opening the volume last. */
  readonly #tried = new Map<BucketNode, number>();

  constructor(seed: number) {
    const dice = this.#dice = Dice.forCase(seed, 0);
    const trouble = endurable(troubled(seed, dice.of([0, 0.05, 0.15]), 30));
    const schedule: Schedule = (operation) => {
      if (!this.#faults) return undefined;
      return operation.kind === "list" && dice.once(6)
        ? { lagging: 1 + dice.next(3) }
        : trouble(operation);
    };
    const bucket = this.#bucket = new FaultBucket(this.#memory, schedule);
    this.#nodes = ["first", "second"]
      .map((name) => new BucketNode(name, { bucket, dice }));
  }

  async run(): Promise<void> {
    const sizeBytes = SECTORS * SECTOR_BYTES;
    await makeVolume(this.#memory, { sizeBytes, segmentBytes: 2048 });
    for (let step = 0; step < STEPS; step++) {
      this.#step();
      for (let n = this.#dice.next(60); n > 0; n--) await undefined;
      this.#check();
      // While what a kill has left is uploaded, more often.
      const isFresh = this.#steps - this.#openedAt < FRESH_STEPS;
      if (this.#dice.once(isFresh ? 2 : 8)) await this.#look();
    }
    await this.#end();
  }

  #step(): void {
    const dice = this.#dice;
    const node = dice.of(this.#nodes);
    const what = dice.next(100);
    this.#steps++;
    for (const one of this.#nodes) {
      if (!one.opening) continue;
      this.#tried.set(one, this.#steps);
      this.#openedAt = this.#steps;
    }
    if (node.isStopped) {
      if (what < 12) node.wake();
      else if (what < 14) node.kill();
      return;
    }
    if (what === 22) node.isCutOff = !node.isCutOff;
    else if (what === 23) {
      if (node.isDeaf) node.hear();
      else node.deafen();
    } else if (what < 20) {
      node.clock.pass(dice.of([1000, 2500, 16_000, LONG_MS]));
    } else if (what < 26) node.stop();
    else if (what < 29) node.kill();
    else if (node.opening) return;
    else if (!node.open) {
      if (what < 60) return;
      if (node.remembers && dice.once(2)) node.forget();
      void this.#open(node);
    } else if (what < 80) this.#write(node, node.open);
    else this.#flush(node, node.open);
  }

  async #open(node: BucketNode): Promise<void> {
    // What a disk remembered that is lost is nobody's to go on with, also where the next start was cut off.
    if (!node.remembers) this.#current.delete(node);
    const own = this.#current.get(node);
    for (const one of this.#tenures) one.disturbed ||= one.node !== node;
    try {
      await node.start(this.#dice.next(1e6), (open) => {
        this.#opened(node, { open, own });
      });
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) this.#failures.push(thrown);
      this.tally.refused++;
      if (!(thrown instanceof BucketError) && own && !own.disturbed) {
        this.#fail(`${node.name} was refused: ${messageOf(thrown)}`);
      }
      // Such a node is given its place again by a person.
      node.kill();
      if (thrown instanceof VaultError && thrown.kind === "conflict") {
        node.forget();
      }
    }
  }

  #opened(
    node: BucketNode,
    { open, own }: { readonly open: Open; readonly own: Tenure | undefined },
  ): void {
    this.tally.opened++;
    const { epoch, cells } = open;
    const former = this.#tenures.findLast((one) => one.epoch < epoch);
    if (!cells) {
      // It was overtaken while it opened, or is not served by that.
      node.kill();
      return;
    }
    const line = (own ?? former)?.line ?? [];
    const least = own ? own.flushed : former?.seen ?? 0;
    const found = lengthOf(line, cells);
    if (own && former && former !== own) {
      throw this.#fail(
        `${node.name} goes on with what ${former.node.name} has taken`,
      );
    }
    if (found === undefined || found < least) {
      throw this.#fail(
        `${node.name} opened what no beginning of the line has left: ${cells}`,
      );
    }
    if (former && former.node !== node) this.tally.takeovers++;
    const tenure = new Tenure(node, {
      ...{ epoch, line: line.slice(0, found) },
      seen: own ? own.seen : found,
      disturbed: this.#isDisturbed(node, epoch),
    });
    this.#tenures.push(tenure);
    this.#tenures.sort((a, b) => a.epoch - b.epoch);
    this.#current.set(node, tenure);
  }

  /** Whether another has taken what this node has taken, or may yet: it is about to, or what it asked for before it died is on its way. */
  #isDisturbed(node: BucketNode, epoch: number): boolean {
    if (this.#bucket.late > 0) return true;
    if (this.#tenures.some((one) => one.epoch > epoch)) return true;
    return this.#nodes.some((one) =>
      one !== node &&
      (one.opening || this.#steps - (this.#tried.get(one) ?? -99) < 10)
    );
  }

  #write(node: BucketNode, open: Open): void {
    const { store } = open.disk;
    const tenure = this.#current.get(node);
    if (!tenure || store.health.state === "failed") return;
    const dice = this.#dice;
    const sectors = 1 + dice.next(4);
    const sector = dice.next(SECTORS - sectors);
    const number = ++this.#written;
    const place = tenure.line.push({ number, sector, sectors }) - 1;
    this.tally.writes++;
    const bytes = sectorsOf(number, sectors);
    try {
      const pending = store.write(sector * SECTOR_BYTES, bytes);
      if (!pending) return;
      // The next ones wait, or are refused, too.
      tenure.waiting.add(place);
      pending.then(() => tenure.waiting.delete(place), () => {});
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown;
    }
  }

  #flush(node: BucketNode, open: Open): void {
    const tenure = this.#current.get(node);
    if (!tenure) return;
    const { answered } = tenure;
    const { store } = open.disk;
    store.flush().then(() => {
      if (node.open === open && store.health.state === "ok") {
        tenure.flushed = Math.max(tenure.flushed, answered);
      }
    }, () => {});
  }

  #fail(what: string): Error {
    const error = new Error(what);
    this.#failures.push(error);
    return error;
  }

  #check(): void {
    const [failure] = this.#failures;
    if (failure) throw failure;
  }

  /** A third opens the volume as the bucket has it now, in a copy. */
  async #look(): Promise<Cells> {
    // The nodes go on while it looks: what it finds is of this moment.
    const copy = this.#memory.copy();
    const last = this.#tenures.at(-1);
    const least = last?.seen ?? 0;
    // Who restarts may have uploaded something before we hear that it is open.
    const lines = [last, ...this.#current.values()]
      .filter((one): one is Tenure => one !== undefined)
      .filter((one) => one === last || one.node.opening);
    const volume = await openOn({ pin: undefined }, copy);
    const cells = await cellsOf(volume);
    await volume.store.close();
    const seen = last && lengthOf(last.line, cells);
    if (last && seen !== undefined && seen >= least) {
      last.seen = Math.max(last.seen, seen);
      return cells;
    }
    const fits = lines.some(({ line }) => lengthOf(line, cells) !== undefined);
    const empty = lengthOf([], cells) !== undefined && !last;
    if (seen === undefined && (fits || empty)) return cells;
    throw new Error(
      `A third reads what no beginning of the line has left: ${cells}`,
    );
  }

  /** All wake up, nothing fails any more, and time passes. */
  async #end(): Promise<void> {
    this.#faults = false;
    await this.#bucket.settle();
    for (const node of this.#nodes) {
      node.wake();
      node.hear();
      node.isCutOff = false;
    }
    for (let n = 0; n < 6; n++) {
      for (const node of this.#nodes) node.clock.pass(LONG_MS);
      for (let turn = 0; turn < PATIENCE / 10; turn++) await undefined;
    }
    this.#check();
    const last = this.#tenures.at(-1);
    for (const node of this.#nodes) {
      const { open } = node;
      const tenure = this.#current.get(node);
      if (!open || !tenure) continue;
      if (open.lost !== undefined && !tenure.disturbed) {
        throw new Error(`${node.name} has lost to nobody: ${open.lost}`);
      }
      const { store } = open.disk;
      if (tenure === last && open.lost === undefined) {
        // Another may have claimed it and died.
        expect([node.name, store.health.state]).toEqual([node.name, "ok"]);
        await store.flush();
        // Where room presses, what the cleaner moves goes between the writes, each at its time.
        for (let n = 0; n < 10 && store.undrainedBytes > 0; n++) {
          node.clock.pass(LONG_MS);
          for (let turn = 0; turn < PATIENCE / 10; turn++) await undefined;
        }
        expect([node.name, store.undrainedBytes]).toEqual([node.name, 0]);
        expect(await this.#look()).toEqual(await cellsOf(open.volume));
        expect(lengthOf(tenure.line, await this.#look()))
          .toBe(tenure.line.length);
      } else {
        this.tally.lost++;
        expect([node.name, open.lost]).toEqual([
          node.name,
          expect.stringContaining("Another node has had this volume"),
        ]);
        expect(store.health.state).toBe("failed");
        await expect(store.flush()).rejects.toThrow();
        const write = async () => await store.write(0, sectorsOf(1, 1));
        await expect(write()).rejects.toThrow();
      }
    }
    await this.#look();
    for (const node of this.#nodes) node.kill();
  }
}

async function run(seed: number): Promise<World["tally"]> {
  const world = new World(seed);
  try {
    await world.run();
    return world.tally;
  } catch (thrown) {
    throw new Error(`${messageOf(thrown)}; NODES_SEED=${seed} repeats it`, {
      cause: thrown,
    });
  }
}

Deno.test("of two nodes over one bucket one has the volume, and nothing of the other comes in between", async () => {
  if (ONE !== undefined) {
    await run(Number(ONE));
    return;
  }
  const sum = { opened: 0, refused: 0, lost: 0, writes: 0, takeovers: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const tally = await run(seed);
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) {
      sum[name] += tally[name];
    }
  }
  // It has not gone blind.
  expect(sum.writes).toBeGreaterThan(5 * SEEDS);
  expect(sum.takeovers).toBeGreaterThan(SEEDS / 2);
  expect(sum.refused).toBeGreaterThan(SEEDS / 4);
  expect(sum.lost).toBeGreaterThan(SEEDS / 10);
});
