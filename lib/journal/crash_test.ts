/**
 * Journals live through power cuts, again and again: after each, what is there is what was appended, in order, no less than was synced, and
 * nothing that was lost before comes back. CRASH_SEEDS=20000 runs so many of them in place of some hundreds, CRASH_SEED=n one of them again.
 */
import { expect } from "expect";
import { Dice } from "../../tests/fuzz/dice.ts";
import { Journal } from "./journal.ts";
import { type Part, sectorsOf } from "./operation.ts";
import { SECTOR_BYTES } from "./sector.ts";
import { CrashDisk } from "./testing/crash_disk.ts";

const ONE = Deno.env.get("CRASH_SEED");
const SEEDS = Number(Deno.env.get("CRASH_SEEDS") ?? 300);
const LIVES = 6;
const MAX_STEPS = 120;

/** What was done to a journal, over all its lives. */
class History {
  /** By sequence number: what each entry says, and whether it begins an operation. */
  readonly entries: string[] = [""];
  /** The last entries of operations: a journal ends behind one of these. */
  readonly ends = new Set([0]);
  synced = 0;
  drained = 0;
  losses = 0;

  /** What was found is what there is from now on. */
  settle(end: number): void {
    if (end < this.entries.length - 1) this.losses++;
    this.entries.length = end + 1;
    for (const at of this.ends) if (at > end) this.ends.delete(at);
    this.synced = end;
  }
}

async function live(seed: number): Promise<History> {
  const dice = Dice.forCase(seed, 1);
  const history = new History();
  let disk = new CrashDisk(dice);
  let count = 0;
  for (let life = 0; life < LIVES; life++) {
    // Opening is a time to lose power, too.
    if (life > 0 && dice.once(3)) disk.cutAfter(dice.next(8));
    else disk.cutAfter(dice.next(MAX_STEPS));
    try {
      let journal = await open(disk, dice);
      look(journal, history);
      while (true) {
        const operation = anyOperation(dice, count++);
        await step(journal, { history, dice, operation });
        if (dice.next(20) > 0) continue;
        // Ended in order, or killed: all is in the page cache still.
        const all = journal.appended;
        if (dice.once(2)) {
          await journal.sync();
          history.synced = all;
          await journal.close();
        } else await settle();
        journal = await open(disk, dice);
        expect(journal.appended).toBe(all);
        look(journal, history);
      }
    } catch (thrown) {
      if (!disk.isOff) throw thrown;
    }
    disk = disk.survivor();
  }
  look(await open(disk, dice), history);
  return history;
}

/** Nothing is under way any more. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 40; turns++) await undefined;
}

function open(disk: CrashDisk, dice: Dice): Promise<Journal> {
  return Journal.open({
    folder: disk.folder("j"),
    random: (length) => dice.bytes(length),
    fileBytes: 24 * SECTOR_BYTES,
    maxFiles: 3,
  });
}

function anyOperation(dice: Dice, count: number): Part[] {
  return Array.from({ length: 1 + dice.next(3) }, (_, n): Part => {
    const sector = count * 8 + n;
    if (dice.once(4)) return { kind: "zero", sector, sectors: 1 };
    const data = new Uint8Array(SECTOR_BYTES * (1 + dice.next(4))).fill(count);
    return { kind: "write", sector, data };
  });
}

async function step(
  journal: Journal,
  { history, dice, operation }: {
    readonly history: History;
    readonly dice: Dice;
    readonly operation: readonly Part[];
  },
): Promise<void> {
  const sectors = sectorsOf(operation);
  if (journal.undrainedBytes > 30 * SECTOR_BYTES || dice.once(6)) {
    await drain(journal, { history, dice });
  }
  while (!journal.fits(sectors)) {
    const room = journal.makeRoom(sectors);
    room.catch(() => {});
    if (journal.full) await drain(journal, { history, dice, all: true });
    await room;
  }
  for (const part of operation) history.entries.push(wordOf(part));
  history.ends.add(history.entries.length - 1);
  journal.append(operation);
  if (dice.once(3)) {
    const covers = journal.appended;
    const synced = journal.sync().then(() => {
      history.synced = Math.max(history.synced, covers);
    });
    if (dice.once(2)) await synced;
    else synced.catch(() => {});
  }
}

/** Some of what is stable. */
async function drain(
  journal: Journal,
  { history, dice, all }: {
    readonly history: History;
    readonly dice: Dice;
    readonly all?: true;
  },
): Promise<void> {
  await journal.sync();
  history.synced = Math.max(history.synced, journal.stable);
  let next = journal.from;
  const upTo = journal.stable - (all ? 0 : dice.next(3));
  for (const entry of journal.entries(journal.from, upTo)) next = entry.next;
  if (next.sequence === journal.from.sequence) return;
  // It may be marked from now on.
  history.drained = Math.max(history.drained, next.sequence - 1);
  await journal.drained(next);
}

/** What is there is what was done. */
function look(journal: Journal, history: History): void {
  const { from, end } = journal.recovered;
  const last = end.sequence - 1;
  expect(last).toBeGreaterThanOrEqual(history.synced);
  expect(last).toBeLessThan(history.entries.length);
  expect(history.ends.has(last)).toBe(true);
  expect(from.sequence).toBeLessThanOrEqual(history.drained + 1);
  const found = [...journal.entries(journal.from, journal.appended)].map((e) =>
    e.kind === "zero"
      ? `zero ${e.sector}+${e.sectors}`
      : `write ${e.sector}+${e.sectors} ${new Set(e.data).size} ${e.data[0]}`
  );
  expect(found).toEqual(history.entries.slice(from.sequence, last + 1));
  history.settle(last);
}

function wordOf(part: Part): string {
  return part.kind === "zero"
    ? `zero ${part.sector}+${part.sectors}`
    : `write ${part.sector}+${part.data.length / SECTOR_BYTES} 1 ${
      part.data[0]
    }`;
}

Deno.test("whatever a power cut leaves, a journal is what was appended, no older than the last sync", async () => {
  const first = ONE === undefined ? 0 : Number(ONE);
  const count = ONE === undefined ? SEEDS : 1;
  let losses = 0;
  let drained = 0;
  for (let seed = first; seed < first + count; seed++) {
    try {
      const history = await live(seed);
      losses += history.losses;
      drained += history.drained;
    } catch (thrown) {
      throw new Error(`CRASH_SEED=${seed} repeats it`, { cause: thrown });
    }
  }
  if (ONE !== undefined) return;
  // It has not gone blind.
  expect(losses).toBeGreaterThan(SEEDS);
  expect(drained).toBeGreaterThan(10 * SEEDS);
});
