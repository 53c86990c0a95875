/** Whatever becomes of a journal's files, opening it refuses in a sentence, or finds what was appended: never anything else. */
import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { Journal } from "./journal.ts";
import { type Part, sectorsOf } from "./operation.ts";
import { SECTOR_BYTES } from "./sector.ts";
import { CrashDisk } from "./testing/crash_disk.ts";

const CASES = 1500;
const ENTRIES = 40;

function open(disk: CrashDisk, dice: Dice): Promise<Journal> {
  return Journal.open({
    folder: disk.folder("j"),
    random: (length) => dice.bytes(length),
    fileBytes: 24 * SECTOR_BYTES,
    maxFiles: 12,
  });
}

function words(journal: Journal): string[] {
  return [...journal.entries(journal.from, journal.appended)].map((entry) =>
    `${entry.sequence} ${entry.kind} ${entry.sector}+${entry.sectors} ${
      new Set(entry.data).size
    } ${entry.data[0]}`
  );
}

/** A journal in several files, some of it drained, not closed; and all that was ever in it. */
async function written(): Promise<{ disk: CrashDisk; all: string[] }> {
  const disk = new CrashDisk(new Dice(1));
  const dice = new Dice(2);
  const journal = await open(disk, dice);
  const all: string[] = [];
  for (let n = 1; n <= ENTRIES; n++) {
    const data = new Uint8Array(SECTOR_BYTES * (1 + n % 4)).fill(n);
    const operation: Part[] = n % 5 === 0
      ? [{ kind: "zero", sector: n, sectors: n }]
      : [{ kind: "write", sector: n, data }];
    const sectors = sectorsOf(operation);
    while (!journal.fits(sectors)) await journal.makeRoom(sectors);
    journal.append(operation);
    all.push(words(journal).at(-1)!);
    if (n % 3 === 0) await journal.sync();
    if (n !== 18) continue;
    const entries = [...journal.entries(journal.from, 12)];
    await journal.drained(entries.at(-1)!.next);
  }
  return { disk, all };
}

/** Changes some of the files, a little or much. Gives whether it was one bit. */
function damage(disk: CrashDisk, dice: Dice): boolean {
  const folder = disk.folder("j");
  if (dice.once(3)) {
    const bytes = disk.bytes(`j/${dice.of(folder.list())}`);
    bytes[dice.next(bytes.length)]! ^= 1 << dice.next(8);
    return true;
  }
  for (let times = dice.next(3); times >= 0; times--) {
    const name = `j/${dice.of(folder.list())}`;
    const bytes = disk.bytes(name).slice();
    const at = dice.next(bytes.length);
    const sector = at - at % SECTOR_BYTES;
    const other = disk.bytes(`j/${dice.of(folder.list())}`);
    switch (dice.next(6)) {
      case 0:
        bytes[at]! ^= 1 << dice.next(8);
        break;
      case 1:
        bytes.set(dice.bytes(Math.min(16, bytes.length - at)), at);
        break;
      case 2:
        bytes.fill(0, sector, sector + SECTOR_BYTES * (1 + dice.next(8)));
        break;
      case 3:
        // A part of another file, or of this one, at the wrong place.
        bytes.set(other.subarray(0, bytes.length - sector), sector);
        break;
      case 4:
        disk.put(name, bytes.subarray(0, at));
        continue;
      default:
        folder.remove(name.slice(2));
        if (folder.list().length === 0) return false;
        continue;
    }
    disk.put(name, bytes);
  }
  return false;
}

Deno.test("fuzz: a journal whose files were damaged is refused in a sentence or is what was appended", async () => {
  const { disk, all } = await written();
  let [refused, opened] = [0, 0];
  for (let n = 0; n < CASES; n++) {
    const dice = Dice.forCase(3, n);
    const damaged = disk.copy();
    const isOneBit = damage(damaged, dice);
    let journal: Journal;
    try {
      journal = await open(damaged, dice);
    } catch (thrown) {
      if (thrown instanceof VaultError && thrown.hint) refused++;
      else throw new Error(`Case ${n}`, { cause: thrown });
      continue;
    }
    opened++;
    // One that has lost all of its files is a new one.
    if (journal.appended === 0) continue;
    const { from, end } = journal.recovered;
    const expected = all.slice(from.sequence - 1, end.sequence - 1);
    if (words(journal).join() !== expected.join()) {
      throw new Error(`Case ${n}: ${words(journal)}`);
    }
    // The last entry was not synced. If one that was is missing, that was noticed.
    if (isOneBit) expect(end.sequence).toBeGreaterThanOrEqual(ENTRIES);
  }
  expect(refused).toBeGreaterThan(CASES / 4);
  expect(opened).toBeGreaterThan(CASES / 8);
});
