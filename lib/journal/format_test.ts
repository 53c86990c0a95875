/** The bytes of FORMAT.md (their checksums were computed bit by bit, by another program), both ways, and what becomes of them when some are missing or wrong. */
import { expect } from "expect";
import fc from "fast-check";
import { fromHex, toHex } from "../base/bytes.ts";
import { Dice } from "../../tests/fuzz/dice.ts";
import {
  entryChecksum,
  type EntryHead,
  readEntryHead,
  sealEntry,
} from "./entry.ts";
import { makeFileHead, readFileHead } from "./file_head.ts";
import { MarkFile } from "./mark.ts";
import { Scan } from "./scan.ts";
import { SECTOR_BYTES } from "./sector.ts";
import { CrashDisk } from "./testing/crash_disk.ts";

const LIFE = fromHex("0102030405060708")!;
const JOURNAL = fromHex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")!;

/** A sector in words of the drawing: what begins it, zeros, and its checksum. */
function sector(begins: string, checksum: string): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  bytes.set(fromHex(begins.replaceAll(" ", ""))!);
  bytes.set(fromHex(checksum)!, SECTOR_BYTES - 4);
  return bytes;
}

/** Heads of entries, their data a byte repeated, and their bytes. */
const ENTRIES: readonly [
  Omit<EntryHead, "dataSectors">,
  number,
  string,
  string,
][] = [
  [
    {
      ...{ kind: "write", goesOn: false, sequence: 1, previous: 0xdeadbeef },
      ...{ sector: 8, sectors: 2, stable: 0 },
    },
    0x5a,
    "764a4531 01 00 0000 0102030405060708 0000000000000001 deadbeef 00000002 0000000000000008 0000000000000002 0000000000000000",
    "5aedcab7",
  ],
  [
    {
      ...{ kind: "zero", goesOn: true, sequence: 2 ** 33 + 5, previous: 1 },
      ...{ sector: 2 ** 34 - 2 ** 32, sectors: 2 ** 32, stable: 2 ** 33 },
    },
    0,
    "764a4531 02 01 0000 0102030405060708 0000000200000005 00000001 00000000 0000000300000000 0000000100000000 0000000200000000",
    "8d1d3032",
  ],
];

function sealed(
  head: Omit<EntryHead, "dataSectors">,
  fill: number,
): Uint8Array {
  const data = head.kind === "write" ? head.sectors : 0;
  const record = new Uint8Array((1 + data) * SECTOR_BYTES).fill(fill);
  sealEntry(record, { ...head, life: LIFE });
  return record;
}

Deno.test("format: entries", () => {
  for (const [head, fill, begins, checksum] of ENTRIES) {
    const record = sealed(head, fill);
    expect(toHex(record.subarray(0, SECTOR_BYTES)))
      .toBe(toHex(sector(begins, checksum)));
    const dataSectors = record.length / SECTOR_BYTES - 1;
    expect(readEntryHead(record, LIFE)).toEqual({ ...head, dataSectors });
    expect(entryChecksum(record)).toBe(Number.parseInt(checksum, 16));
    expect(readEntryHead(record, JOURNAL.subarray(0, 8))).toBeUndefined();
  }
});

Deno.test("format: the head of a file", () => {
  const head = {
    ...{ number: 7, life: LIFE, journal: JOURNAL, first: 2 ** 40 + 1 },
    ...{ previous: 0xcafebabe, follows: 6, followsEnd: 0x1234 },
  };
  const { bytes, checksum } = makeFileHead(head);
  expect(toHex(bytes)).toBe(toHex(sector(
    "764a4631 00000007 0102030405060708 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 0000010000000001 cafebabe 00000006 00001234",
    "107bb28e",
  )));
  expect(readFileHead(bytes)).toEqual({ ...head, checksum });
});

Deno.test("format: the mark", async () => {
  const disk = new CrashDisk(new Dice(1));
  const mark = new MarkFile(disk.file("mark"));
  expect(mark.last).toBeUndefined();
  const said = {
    journal: JOURNAL,
    next: { sequence: 101, number: 7, sector: 0x99, previous: 0xcafebabe },
    stable: 2 ** 40,
    begun: 0x77,
  };
  await mark.put({ ...said, next: { ...said.next, sequence: 100 } });
  await mark.put(said);
  expect(toHex(disk.bytes("mark").subarray(4096))).toBe(toHex(sector(
    "764a4d31 00000000 0000000000000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 0000000000000064 00000007 00000099 cafebabe 00000000 0000010000000000 00000077",
    "27cc8f70",
  )));
  expect(new MarkFile(disk.file("mark")).last).toEqual(said);
  // The later one was torn: the one before it counts, and the torn place is the one that is written next.
  disk.bytes("mark")[4096 + 300] = 1;
  const older = new MarkFile(disk.file("mark"));
  expect(older.last?.next.sequence).toBe(100);
  await older.put({ ...said, stable: 2 ** 40 + 1 });
  expect(new MarkFile(disk.file("mark")).last?.stable).toBe(2 ** 40 + 1);
});

/** Three entries behind each other, and where each begins. */
function threeEntries() {
  const records: Uint8Array[] = [];
  let previous = 99;
  for (const [sequence, sectors] of [[1, 1], [2, 0], [3, 3]] as const) {
    const kind = sectors === 0 ? "zero" : "write";
    const head = {
      kind,
      goesOn: false,
      sequence,
      previous,
      sector: 5,
    } as const;
    const record = sealed({ ...head, sectors, stable: 0 }, sequence);
    previous = entryChecksum(record)!;
    records.push(record);
  }
  const bytes = new Uint8Array(
    records.reduce((n, { length }) => n + length, 0),
  );
  const starts: number[] = [];
  let at = 0;
  for (const record of records) {
    bytes.set(record, at);
    starts.push(at);
    at += record.length;
  }
  return { bytes, starts: [...starts, at] };
}

/** How many entries are read from a file that begins with those bytes. */
function readFrom(bytes: Uint8Array): number {
  const disk = new CrashDisk(new Dice(1));
  disk.put("f", bytes);
  const scan = new Scan(disk.file("f"), {
    life: LIFE,
    from: { sequence: 1, number: 1, sector: 0, previous: 99 },
    endSector: Math.floor(bytes.length / SECTOR_BYTES),
  });
  let count = 0;
  while (scan.read()) count++;
  expect(scan.stop).toBeDefined();
  return count;
}

Deno.test("format: of every truncated prefix the whole entries are read and nothing else", () => {
  const { bytes, starts } = threeEntries();
  expect(readFrom(bytes)).toBe(3);
  for (let length = 0; length < bytes.length; length += 7) {
    const whole = starts.findLastIndex((start) => start <= length);
    expect(readFrom(bytes.subarray(0, length))).toBe(whole);
    // The same where the rest is there, of zeros.
    const padded = bytes.slice().fill(0, length);
    expect(readFrom(padded)).toBe(whole);
  }
});

Deno.test("format: every flipped bit ends the reading before its entry", () => {
  const { bytes, starts } = threeEntries();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >>> 3;
    bytes[at]! ^= 1 << (bit & 7);
    const whole = starts.findLastIndex((start) => start <= at);
    if (readFrom(bytes) !== whole) throw new Error(`bit ${bit}`);
    bytes[at]! ^= 1 << (bit & 7);
  }
});

Deno.test("format: entries that are torn between old and new sectors, moved or left out are not read", () => {
  const { bytes, starts } = threeEntries();
  const old = bytes.slice();
  // What the same sectors held in another life.
  for (const start of starts.slice(0, 3)) old[start + 9]! ^= 0xff;
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
      (fresh) => {
        const mixed = bytes.slice();
        fresh.forEach((is, n) => {
          if (is) return;
          mixed.set(old.subarray(n * 512, n * 512 + 512), n * 512);
        });
        // Only heads differ here.
        const heads = [0, 2, 3].map((n) => fresh[n]);
        const whole = heads.indexOf(false);
        expect(readFrom(mixed)).toBe(whole < 0 ? 3 : whole);
      },
    ),
  );
  const leftOut = new Uint8Array(bytes.length);
  leftOut.set(bytes.subarray(0, starts[1]));
  leftOut.set(bytes.subarray(starts[2]), starts[1]);
  expect(readFrom(leftOut)).toBe(1);
  // The same life and the right number, but it was written behind another one: what a write that failed may have left.
  const head = { kind: "zero", goesOn: false, sequence: 2 } as const;
  const other = { ...head, previous: 98, sector: 5, sectors: 0, stable: 0 };
  const behind = bytes.slice();
  behind.set(sealed(other, 0), starts[1]);
  expect(readFrom(behind)).toBe(1);
});

Deno.test("format: junk is read as what it is", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 512, maxLength: 2048 }),
    fc.constantFrom(0x31, 0x45, 0x46, 0x4d),
    (bytes, letter) => {
      bytes.set([0x76, 0x4a, letter, 0x31]);
      bytes.set(LIFE, 8);
      expect(readFrom(bytes)).toBe(0);
      expect(readFileHead(bytes)).toBeUndefined();
      const disk = new CrashDisk(new Dice(1));
      disk.put("mark", bytes);
      expect(new MarkFile(disk.file("mark")).last).toBeUndefined();
    },
  ));
});
