/**
 * A family of volumes in one bucket that fails in every way in which one may: written to, kept, put back, cloned, deleted, taken over and
 * killed as the dice say, and compared with what was written. Each volume has a process of its own, which may die at any request.
 */

import { VaultError } from "../../../base/errors.ts";
import { listAll } from "../../../bucket/bucket.ts";
import { FaultBucket } from "../../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import { RetryingBucket } from "../../../bucket/retrying_bucket.ts";
import {
  endurable,
  HurriedClock,
  seededRandom,
  troubled,
} from "../../../bucket/testing/faults.ts";
import { SUPERBLOCK_NUMBER } from "../../../segments/superblock.ts";
import { Dice } from "../../../../tests/fuzz/dice.ts";
import type { BucketVolume } from "../bucket_volume.ts";
import { Fenced } from "../fenced.ts";
import { verifyVolume } from "../verify.ts";
import { Home, placesIn } from "./clones.ts";
import {
  bytesOf,
  cellsOf,
  expectSame,
  type Half,
  kept,
  type Life,
  Member,
  opened,
  Process,
  same,
  SECTORS,
} from "./family_member.ts";
import { SECTOR_BYTES } from "./volumes.ts";

const STEPS = 60;
const MOST = 6;

export interface FamilyTally {
  clones: number;
  ofClones: number;
  deleted: number;
  kills: number;
  /** Clones whose making was cut off: those that are there, and those that are not. */
  readonly cut: { there: number; gone: number };
  refused: number;
  restores: number;
  fenced: number;
  moves: number;
}

export class Family {
  readonly #dice: Dice;
  readonly #memory = new MemoryBucket({ pageObjects: 7 });
  readonly #bucket: FaultBucket;
  readonly #tally: FamilyTally;
  #members: Member[] = [];
  #born = 0;
  #written = 0;

  constructor(seed: number, tally: FamilyTally) {
    this.#dice = Dice.forCase(seed, 3);
    this.#tally = tally;
    const dice = this.#dice;
    const trouble = endurable(troubled(seed, seed % 3 === 0 ? 0 : 0.08));
    this.#bucket = new FaultBucket(
      this.#memory,
      (operation) =>
        operation.kind === "list" && dice.once(5)
          ? { lagging: 1 + dice.next(3) }
          : trouble(operation),
    );
  }

  async run(): Promise<void> {
    const first = new Member(this.#home(), new Array(SECTORS).fill(0));
    await first.home.make(this.#memory, SECTORS * SECTOR_BYTES);
    this.#members.push(first);
    for (let step = 0; step < STEPS; step++) {
      await this.#step(this.#dice.of(this.#members));
      if (this.#dice.once(6)) await this.#compare();
    }
    await this.#compare();
    await this.#bucket.settle();
    for (const one of this.#members) await this.#verify(one);
    await this.#end(first);
  }

  #home(): Home {
    return new Home(`v${this.#born++}`);
  }

  async #step(member: Member): Promise<void> {
    const dice = this.#dice;
    const { process, volume } = await this.#alive(member);
    if (dice.once(5)) process.dies = dice.next(12);
    const what = dice.next(100);
    if (what < 45) await this.#write(member, volume);
    else if (what < 55) await this.#keep(member, volume);
    else if (what < 62) await this.#release(member, volume);
    else if (what < 68) await this.#restore(member, volume);
    else if (what < 86) await this.#clone(member, volume);
    else if (what < 90) await this.#delete(member);
    else if (what < 94) await this.#takeOver(member);
    else await this.#half(member, {}, () => volume.row.checkpoint());
    process.dies = undefined;
  }

  async #write(member: Member, { row }: BucketVolume): Promise<void> {
    const dice = this.#dice;
    const sector = dice.next(SECTORS);
    const sectors = 1 + dice.next(Math.min(4, SECTORS - sector));
    const kind = dice.once(6) ? "zero" : "data";
    const value = kind === "zero" ? 0 : ++this.#written;
    const cells = member.cells.map((cell, n) =>
      n >= sector && n < sector + sectors ? value : cell
    );
    const data = kind === "zero" ? [] : [bytesOf(value, sectors)];
    const packed = { extents: [{ kind, sector, sectors }] as const, data };
    await this.#half(member, { cells }, () => row.append(packed));
  }

  async #keep(member: Member, { snapshots }: BucketVolume): Promise<void> {
    if (member.snapshots.size >= 3) return;
    await this.#half(member, { makes: true }, async () => {
      const { number } = await snapshots.create(`s${++this.#written}`);
      member.snapshots.set(number, kept(member.cells));
    });
  }

  async #release(member: Member, { snapshots }: BucketVolume): Promise<void> {
    const number = this.#snapshotOf(member);
    if (number === undefined) return;
    const { clones } = member.snapshots.get(number)!;
    await this.#half(member, { releases: number }, async () => {
      try {
        await snapshots.release(number);
      } catch (thrown) {
        const isRefused = thrown instanceof VaultError &&
          thrown.message.includes("has a clone");
        if (!isRefused) throw thrown;
        if (clones.size === 0) {
          throw new Error("It has no clone", { cause: thrown });
        }
        this.#tally.refused++;
        return;
      }
      if (clones.size > 0) throw new Error("A clone was left without its data");
      member.snapshots.delete(number);
    });
  }

  async #restore(member: Member, { snapshots }: BucketVolume): Promise<void> {
    const number = this.#snapshotOf(member);
    if (number === undefined) return;
    const { cells } = member.snapshots.get(number)!;
    await this.#half(member, { cells }, async () => {
      await snapshots.restore(number);
      this.#tally.restores++;
    });
  }

  async #clone(member: Member, volume: BucketVolume): Promise<void> {
    const number = this.#snapshotOf(member);
    if (number === undefined || this.#members.length >= MOST) return;
    const from = member.snapshots.get(number)!;
    const { bucket } = member.life!;
    const home = this.#home();
    let made = false;
    await this.#half(member, {}, async () => {
      await home.cloneOf({ home: member.home, volume }, number, bucket);
      made = true;
    });
    await this.#bucket.settle();
    const name = home.keys.nameOf("superblock", SUPERBLOCK_NUMBER);
    const isThere = await home.place(this.#memory).get(name) !== undefined;
    if (made && !isThere) throw new Error("A clone that was made is not there");
    if (!made) this.#tally.cut[isThere ? "there" : "gone"]++;
    if (!isThere) return;
    const clone = new Member(home, from.cells, from);
    from.clones.add(clone);
    this.#members.push(clone);
    this.#tally.clones++;
    if (member.from) this.#tally.ofClones++;
  }

  /** As `vault volume delete --with-bucket` does. */
  async #delete(member: Member): Promise<void> {
    if (!member.from) return;
    const { process, bucket, volume } = await this.#alive(member);
    const place = member.home.place(bucket);
    const { keys } = member.home;
    const name = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
    let gone = false;
    try {
      const isNeeded = [...member.snapshots.values()]
        .some(({ clones }) => clones.size > 0);
      const left = await volume.snapshots.clones.look();
      if (left.length > 0 !== isNeeded) {
        throw new Error("Whose clones are these?");
      }
      if (isNeeded) return;
      await volume.store.close();
      member.life = undefined;
      await place.delete([name]);
      gone = true;
      for await (const { name } of listAll(place, "")) {
        if (keys.parseName(name)) await place.delete([name]);
      }
    } catch (thrown) {
      if (!process.dead) throw thrown;
      this.#tally.kills++;
      member.life = undefined;
    }
    await this.#bucket.settle();
    if (await member.home.place(this.#memory).get(name)) {
      if (gone) throw new Error("It was deleted and is there");
      return;
    }
    member.from.clones.delete(member);
    this.#members = this.#members.filter((one) => one !== member);
    this.#tally.deleted++;
  }

  /** Another machine takes it: whoever had it makes no clone any more, and lets nothing go. */
  async #takeOver(member: Member): Promise<void> {
    const before = member.life!;
    before.process.dies = undefined;
    const machine = member.home.machine;
    member.home.machine = { pin: undefined };
    member.life = undefined;
    await this.#alive(member);
    const now = member.home.machine;
    const number = this.#snapshotOf(member);
    if (number !== undefined) {
      const home = this.#home();
      const stale = { home: member.home, volume: before.volume };
      member.home.machine = machine;
      for (
        const late of [
          home.cloneOf(stale, number, before.bucket),
          before.volume.snapshots.release(number),
        ]
      ) {
        const why = await late.then(() => undefined, (thrown) => thrown);
        const isRefused = why instanceof Fenced ||
          why?.message.includes("has a clone");
        if (!isRefused) throw new Error("It goes on beside", { cause: why });
        this.#tally.fenced++;
      }
    }
    member.home.machine = now;
    before.process.dead = true;
  }

  #snapshotOf({ snapshots }: Member): number | undefined {
    return snapshots.size === 0
      ? undefined
      : this.#dice.of([...snapshots.keys()]);
  }

  /** Runs a step, and finds out what it has left where it was cut off. */
  async #half(
    member: Member,
    half: Half,
    step: () => Promise<void>,
  ): Promise<void> {
    const { process } = member.life!;
    try {
      await step();
      if (half.cells) member.cells = half.cells;
      return;
    } catch (thrown) {
      if (!process.dead) throw thrown;
    }
    this.#tally.kills++;
    await this.#bucket.settle();
    member.life = undefined;
    await this.#alive(member, half);
  }

  async #alive(member: Member, half: Half = {}): Promise<Life> {
    if (member.life && !member.life.process.dead) return member.life;
    const process = new Process(this.#bucket);
    const bucket = new RetryingBucket(process, {
      ...{ clock: new HurriedClock(), primitives: seededRandom(this.#written) },
    });
    const checkpointEvery = 1 + this.#dice.next(6);
    const volume = await opened(member.home, bucket, { checkpointEvery });
    member.life = { process, bucket, volume };
    const found = await cellsOf(volume.store);
    if (half.cells && same(found, half.cells)) member.cells = half.cells;
    expectSame(member, found, member.cells);
    const list = (await volume.snapshots.list()).map(({ number }) => number);
    member.takeUp(list, half);
    return member.life;
  }

  async #compare(): Promise<void> {
    for (const member of this.#members) {
      const { volume } = await this.#alive(member);
      expectSame(member, await cellsOf(volume.store), member.cells);
      for (const [number, { cells }] of member.snapshots) {
        const view = await volume.snapshots.view(number);
        expectSame(member, await cellsOf(view), cells);
        await view.close();
      }
    }
  }

  async #verify({ home, life }: Member): Promise<void> {
    await life?.volume.cleaner?.settled();
    await life?.volume.row.settled();
    const trouble = life?.volume.cleaner?.trouble ?? life?.volume.row.trouble;
    if (trouble !== undefined) throw new Error(trouble);
    const { damages } = await verifyVolume({
      ...{ bucket: home.place(this.#memory), keys: home.keys },
      ...{ clock: new HurriedClock(), elsewhere: placesIn(this.#memory) },
      pin: home.machine.pin!,
    });
    if (damages.length > 0) throw new Error(JSON.stringify(damages));
  }

  /** When all clones are gone, the first one lets go of all that it kept for them. */
  async #end(first: Member): Promise<void> {
    while (this.#members.length > 1) {
      for (const one of [...this.#members]) await this.#delete(one);
    }
    const { volume } = await this.#alive(first);
    for (const number of first.snapshots.keys()) {
      await volume.snapshots.release(number);
    }
    this.#tally.moves += volume.cleaner!.moved.segments;
    if (volume.snapshots.clones.list.length > 0) {
      throw new Error("It remembers clones of no snapshot");
    }
  }
}
