import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import { openFolder } from "../os/folder.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import { SECTOR_BYTES } from "./sector.ts";
import { Journal } from "./journal.ts";
import { type Part, sectorsOf } from "./operation.ts";
import { CrashDisk } from "./testing/crash_disk.ts";

const FILE_BYTES = 16 * SECTOR_BYTES;

function write(sector: number, sectors: number, fill: number): Part {
  const data = new Uint8Array(sectors * SECTOR_BYTES).fill(fill);
  return { kind: "write", sector, data };
}

function open(disk: CrashDisk, options: { maxFiles?: number } = {}) {
  const dice = new Dice(7);
  return Journal.open({
    folder: disk.folder("j"),
    random: (length) => dice.bytes(length),
    fileBytes: FILE_BYTES,
    maxFiles: options.maxFiles ?? 4,
  });
}

async function append(journal: Journal, operation: readonly Part[]) {
  const sectors = sectorsOf(operation);
  while (!journal.fits(sectors)) await journal.makeRoom(sectors);
  return journal.append(operation);
}

/** What a journal holds, an entry a word: what it does, where, how long, and the first byte. */
function words(journal: Journal): string[] {
  return [...journal.entries(journal.from, journal.appended)].map((entry) =>
    `${entry.sequence} ${entry.kind} ${entry.sector}+${entry.sectors}` +
    (entry.kind === "write" ? ` ${entry.data[0]}` : "")
  );
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

/** How many bytes of that value the journal's files have, marks aside. */
function traces(disk: CrashDisk, value: number): number {
  return disk.folder("j").list().filter((name) => name !== "mark")
    .map((name) => disk.bytes(`j/${name}`).filter((byte) => byte === value))
    .reduce((sum, { length }) => sum + length, 0);
}

Deno.test("what was appended is there again after opening, over several files", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk, { maxFiles: 10 });
  const expected: string[] = [];
  for (let n = 1; n <= 20; n++) {
    if (n % 5 === 0) {
      await append(journal, [{
        kind: "zero",
        sector: n,
        sectors: 2 ** 34 - n,
      }]);
      expected.push(`${n} zero ${n}+${2 ** 34 - n}`);
    } else {
      const [placed] = await append(journal, [write(n, 3, n)]);
      const into = new Uint8Array(512);
      journal.read(placed!.number, (placed!.at + 2) * SECTOR_BYTES, into);
      expect(into[511]).toBe(n);
      expected.push(`${n} write ${n}+3 ${n}`);
    }
  }
  expect(words(journal)).toEqual(expected);
  await journal.sync();
  await journal.close();
  for (let again = 0; again < 3; again++) {
    const reopened = await open(disk, { maxFiles: 10 });
    expect(words(reopened)).toEqual(expected);
    expect(reopened.recovered.why).toBe("no entry");
    await reopened.close();
  }
  // Each opening begins a file; those in which nothing was written do not pile up.
  expect(disk.folder("j").list().length).toBeLessThan(12);
});

Deno.test("drained files are used again, and what was drained does not come back", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  for (let n = 1; n <= 200; n++) {
    await append(journal, [write(n, 2, n)]);
    if (n % 3 === 0) {
      await journal.sync();
      let next = journal.from;
      for (const entry of journal.entries(journal.from, journal.stable)) {
        next = entry.next;
      }
      await journal.drained(next);
      expect(journal.undrainedBytes).toBe(0);
    }
  }
  expect(disk.folder("j").list().length).toBeLessThan(6);
  await journal.sync();
  await journal.close();
  const reopened = await open(disk);
  expect(words(reopened)).toEqual([
    "199 write 199+2 199",
    "200 write 200+2 200",
  ]);
  await reopened.close();
});

Deno.test("a full journal makes whoever appends wait, says why, and goes on when something is drained", async () => {
  const journal = await open(new CrashDisk(new Dice(1)), { maxFiles: 2 });
  let taken = 0;
  const operation = [write(0, 6, 1)];
  while (journal.fits(7)) {
    journal.append(operation);
    taken++;
    if (!journal.fits(7) && taken < 4) await journal.makeRoom(7);
  }
  expect(taken).toBe(4);
  let arrived = false;
  const waiting = journal.makeRoom(7).then(() => arrived = true);
  await journal.sync();
  for (let n = 0; n < 50; n++) await undefined;
  expect(arrived).toBe(false);
  expect(journal.full).toBe(
    "The journal is full: 14336 bytes in 2 files wait to be drained",
  );
  const half = [...journal.entries(journal.from, 2)].at(-1)!;
  await journal.drained(half.next);
  await waiting;
  expect(journal.full).toBeUndefined();
  expect(journal.append(operation).length).toBe(1);
  // Full again; whoever waits when it closes gets a sentence.
  await journal.sync();
  while (journal.fits(7)) journal.append(operation);
  const closed = journal.makeRoom(7).then(() => "room", (why) => why.message);
  await journal.close();
  expect(await closed).toBe("The journal was closed");
});

Deno.test("an operation in several entries is there whole or not at all", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  await append(journal, [write(0, 1, 1)]);
  await append(journal, [write(1, 1, 2), {
    kind: "zero",
    sector: 2,
    sectors: 9,
  }, write(11, 1, 3)]);
  // Its last entry did not get there.
  const bytes = disk.bytes("j/00000001.journal");
  disk.put(
    "j/00000001.journal",
    bytes.fill(0, 6 * SECTOR_BYTES, 8 * SECTOR_BYTES),
  );
  const reopened = await open(disk.copy());
  expect(words(reopened)).toEqual(["1 write 0+1 1"]);
  expect(reopened.recovered.why).toBe("half of an operation");
  expect(reopened.recovered.end.sequence).toBe(2);
});

Deno.test("what follows a torn entry never comes back, even if the torn one is written again", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  for (const n of [1, 2, 3]) await append(journal, [write(n, 1, n)]);
  const name = "j/00000001.journal";
  const torn = disk.bytes(name).slice();
  torn.fill(0, 3 * SECTOR_BYTES, 4 * SECTOR_BYTES);
  const left = disk.copy();
  left.put(name, torn);
  const second = await open(left);
  expect(words(second)).toEqual(["1 write 1+1 1"]);
  // The very same entry, and what once followed it is on the medium.
  await append(second, [write(2, 1, 2)]);
  await second.sync();
  const after = left.copy();
  after.put(name, disk.bytes(name));
  const third = await open(after);
  expect(words(third)).toEqual(["1 write 1+1 1", "2 write 2+1 2"]);
});

Deno.test("what was stable and cannot be read any more is not passed over", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk, { maxFiles: 9 });
  for (let n = 1; n <= 12; n++) {
    await append(journal, [write(n, 2, n)]);
    await journal.sync();
  }
  // One more holds nothing.
  const names = disk.folder("j").list()
    .filter((name) => name !== "mark" && disk.bytes(`j/${name}`)[0] !== 0);
  expect(names.length).toBe(3);
  for (const name of names) {
    const path = `j/${name}`;
    // Behind the very last one nothing says that it was there, before the journal is closed.
    for (const sector of path.endsWith("4.journal") ? [1, 2] : [1, 2, 4]) {
      const left = disk.copy();
      left.bytes(path)[sector * SECTOR_BYTES + 100]! ^= 1;
      await expect(open(left)).rejects.toThrow(
        /^Entry [0-9]+ of the journal cannot be read .*, although it was on stable storage$/,
      );
    }
  }
  // One that was closed knows what it had.
  await journal.close();
  const last = `j/${names.at(-1)}`;
  const closed = disk.copy();
  closed.put(
    last,
    closed.bytes(last).fill(0, 4 * SECTOR_BYTES, 7 * SECTOR_BYTES),
  );
  await expect(open(closed)).rejects.toThrow(
    "although it was on stable storage",
  );
  // A file that is missing, and a mark that is.
  const missing = disk.copy();
  missing.folder("j").remove(names[1]!);
  await expect(open(missing)).rejects.toThrow(
    "Entry 1 of the journal has no file",
  );
  const unmarked = disk.copy();
  unmarked.folder("j").remove("mark");
  await expect(open(unmarked)).rejects.toBeInstanceOf(VaultError);
});

Deno.test("files of another journal are refused", async () => {
  const [one, other] = [new CrashDisk(new Dice(1)), new CrashDisk(new Dice(2))];
  await (await open(one)).close();
  const dice = new Dice(8);
  const options = {
    random: (n: number) => dice.bytes(n),
    fileBytes: FILE_BYTES,
  };
  const second = await Journal.open({ ...options, folder: other.folder("j") });
  await second.close();
  one.put("j/00000005.journal", other.bytes("j/00000001.journal"));
  await expect(open(one)).rejects.toThrow("belongs to another journal");
});

Deno.test("a failed sync fails the journal for good", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  await append(journal, [write(0, 1, 1)]);
  disk.failing = { sync: /journal/ };
  await expect(journal.sync()).rejects.toThrow("Cannot sync");
  disk.failing = {};
  await expect(journal.sync()).rejects.toThrow("The journal failed before");
  expect(() => journal.append([write(0, 1, 2)])).toThrow("failed before");
  await journal.close();
});

Deno.test("a write that found no room leaves the journal as it was", async () => {
  const disk = new CrashDisk(new Dice(1));
  // Others are made when the journal is opened, or when they are needed.
  disk.failing = { write: /0000000[23]/, code: "ENOSPC" };
  const journal = await open(disk);
  await append(journal, [write(0, 1, 1)]);
  disk.failing = { write: /journal/, code: "ENOSPC" };
  expect(() => journal.append([write(1, 1, 2)])).toThrow("ENOSPC");
  await expect(journal.makeRoom(15)).rejects.toThrow("ENOSPC");
  disk.failing = {};
  await append(journal, [write(1, 1, 3)]);
  await append(journal, [write(2, 14, 4)]);
  expect(words(journal).map((word) => word.slice(-1))).toEqual(["1", "3", "4"]);
  await journal.close();
});

Deno.test("where the medium has no room for another file, one that is drained does", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  disk.failing = { write: /00000004/, code: "ENOSPC" };
  await append(journal, [write(0, 1, 1)]);
  await append(journal, [write(1, 14, 2)]);
  let isThere = false;
  const room = journal.makeRoom(15).then(() => isThere = true);
  await settle();
  expect(isThere).toBe(false);
  const [first] = journal.entries(journal.from, journal.appended);
  await journal.sync();
  await journal.drained(first!.next);
  await room;
  await append(journal, [write(2, 14, 3)]);
  expect(words(journal).map((word) => word.slice(-1))).toEqual(["2", "3"]);
  await journal.close();
});

Deno.test("who waits for room can be told that there is none", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  disk.failing = { write: /00000004/, code: "ENOSPC" };
  await append(journal, [write(0, 1, 1)]);
  await append(journal, [write(1, 14, 2)]);
  const room = journal.makeRoom(15);
  await settle();
  journal.refuseWaiting(new Error("full"));
  await expect(room).rejects.toThrow("full");
  // It is as it was.
  disk.failing = {};
  await append(journal, [write(2, 14, 3)]);
  await journal.close();
});

Deno.test("what was drained can be wiped off the medium", async () => {
  const disk = new CrashDisk(new Dice(1));
  const journal = await open(disk);
  for (let n = 1; n <= 5; n++) await append(journal, [write(n, 3, 0xa5)]);
  await expect(journal.scrub()).rejects.toThrow("There is more to drain");
  await journal.sync();
  const entries = [...journal.entries(journal.from, journal.appended)];
  await journal.drained(entries.at(-1)!.next);
  expect(traces(disk, 0xa5)).toBeGreaterThan(0);
  await journal.scrub();
  expect(traces(disk, 0xa5)).toBe(0);
  await append(journal, [write(7, 3, 7)]);
  expect(words(journal).map((word) => word.slice(-1))).toEqual(["7"]);
  expect(traces(disk.survivor(), 0xa5)).toBe(0);
});

Deno.test("on this system's files", async () => {
  const path = await Deno.makeTempDir();
  try {
    const dice = new Dice(3);
    const options = {
      folder: openFolder(`${path}/journal`),
      random: (length: number) => dice.bytes(length),
      fileBytes: FILE_BYTES,
    };
    const journal = await Journal.open(options);
    for (let n = 1; n <= 9; n++) await append(journal, [write(n, 3, n)]);
    await journal.sync();
    // As if the process had been killed: nothing is said to it any more.
    const again = await Journal.open(options);
    expect(words(again)).toEqual(words(journal));
    const entries = [...again.entries(again.from, again.appended)];
    await again.drained(entries.at(-1)!.next);
    await again.close();
    expect(words(await Journal.open(options))).toEqual([]);
    const names = [...Deno.readDirSync(`${path}/journal`)];
    expect(names.length).toBeLessThan(7);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
