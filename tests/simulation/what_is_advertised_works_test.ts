/**
 * What a disk says that it does, it does, and what it does it says: the command table, the pages and the limits are fetched as an initiator
 * fetches them, and each is tried.
 */
import { expect } from "expect";
import { u16, u32 } from "../../lib/base/bytes.ts";
import { MemoryStore } from "../../lib/store/memory_store.ts";
import type { Store } from "../../lib/store/store.ts";
import type { DiskOptions } from "../../lib/scsi/disk.ts";
import { SAMPLES } from "./samples.ts";
import { type Client, fetch, served, sparseStore, vpd } from "./served_disk.ts";

const BLOCK = 512;
const BLOCKS = 4096;

/** Disks that differ in what they can. */
const DISKS: readonly {
  readonly name: string;
  readonly options: Partial<DiskOptions>;
  readonly atomic: boolean;
}[] = [
  { name: "one that can all", options: {}, atomic: true },
  {
    name: "one with a fixed medium",
    options: { removable: false },
    atomic: true,
  },
  { name: "one without atomic writes", options: {}, atomic: false },
];

function storeOf(atomic: boolean): Store | Promise<Store> {
  return atomic ? sparseStore(BLOCKS * BLOCK) : new MemoryStore(BLOCKS * BLOCK);
}

interface Listed {
  readonly opcode: number;
  readonly action: number | undefined;
  readonly length: number;
}

async function listed(client: Client): Promise<Listed[]> {
  const data = await fetch(client, [
    0xa3,
    0x0c,
    0,
    0,
    0,
    0,
    0,
    0,
    0xff,
    0xff,
    0,
    0,
  ], 0xffff);
  expect(u32(data, 0)).toBe(data.length - 4);
  const all: Listed[] = [];
  for (let at = 4; at < data.length; at += 8) {
    all.push({
      opcode: data[at]!,
      action: (data[at + 5]! & 1) !== 0 ? u16(data, at + 2) : undefined,
      length: u16(data, at + 6),
    });
  }
  return all;
}

for (const { name, options, atomic } of DISKS) {
  Deno.test(`every command that a disk lists does its work, and no other does anything: ${name}`, async () => {
    await using disk = served(await storeOf(atomic), options);
    const client = await disk.connect();
    const all = await listed(client);
    const isListed = ({ cdb }: { cdb: Uint8Array }) =>
      all.some(({ opcode, action }) =>
        opcode === cdb[0] &&
        (action === undefined || action === (cdb[1]! & 0x1f))
      );
    // The samples are about all that any disk lists, so what is not listed here must be refused here.
    for (const { opcode, action, length } of all) {
      const sample = SAMPLES.find(({ cdb }) =>
        cdb[0] === opcode &&
        (action === undefined || (cdb[1]! & 0x1f) === action)
      );
      expect([opcode, action, sample?.cdb.length]).toEqual([
        opcode,
        action,
        length,
      ]);
    }
    for (const sample of SAMPLES) {
      const { verdict } = await client.run(sample);
      const told = verdict.replace(/ -\d+$/, "");
      const expected = isListed(sample)
        ? sample.verdict ?? "GOOD"
        : all.some(({ opcode }) => opcode === sample.cdb[0])
        ? "5 24/00"
        : "5 20/00";
      expect([sample.cdb, told]).toEqual([sample.cdb, expected]);
    }
    for (let opcode = 0; opcode < 256; opcode++) {
      if (all.some((each) => each.opcode === opcode)) continue;
      const cdb = new Uint8Array(16);
      cdb[0] = opcode;
      const { verdict } = await client.run({ cdb });
      expect([opcode, verdict]).toEqual([opcode, "5 20/00"]);
    }
  });
}

Deno.test("each command is told alone as it is told in the list, with its bits and time-outs", async () => {
  await using disk = served(await storeOf(true));
  const client = await disk.connect();
  for (const { opcode, action, length } of await listed(client)) {
    const options = action === undefined ? 1 : 2;
    const ask = (rctd: number) =>
      fetch(
        client,
        [
          0xa3,
          0x0c,
          rctd | options,
          opcode,
          0,
          action ?? 0,
          0,
          0,
          0,
          0xff,
          0,
          0,
        ],
        255,
      );
    const one = await ask(0);
    expect([opcode, one[1]! & 7, u16(one, 2)]).toEqual([opcode, 3, length]);
    expect(one[4]).toBe(opcode);
    if (action !== undefined) expect(one[5]! & 0x1f).toBe(action);
    const timed = await ask(0x80);
    expect([opcode, timed[1]! & 0x80, u16(timed, 4 + length)])
      .toEqual([opcode, 0x80, 10]);
  }
});

Deno.test("the pages that are listed can be read, and no others", async () => {
  await using disk = served(await storeOf(true));
  const client = await disk.connect();
  const pages = await vpd(client, 0);
  const codes = [...pages.subarray(4)];
  expect(codes).toEqual(codes.toSorted((a, b) => a - b));
  for (let code = 0; code < 256; code++) {
    const cdb = Uint8Array.of(0x12, 1, code, 1, 0, 0);
    const { verdict, data } = await client.run({ cdb, dataInLength: 256 });
    if (!codes.includes(code)) expect(verdict).toBe("5 24/00");
    else {expect([code, data[1], u16(data, 2)]).toEqual([
        code,
        code,
        data.length - 4,
      ]);}
  }
  const log = await fetch(
    client,
    [0x4d, 0, 0x40, 0xff, 0, 0, 0, 0, 0xff, 0],
    255,
  );
  const logs = new Set<number>();
  for (let at = 4; at < log.length; at += 2) logs.add(u16(log, at));
  for (let code = 0; code < 0x40; code++) {
    for (const subpage of [0, 1, 0xff]) {
      const { verdict } = await client.run({
        cdb: Uint8Array.of(0x4d, 0, 0x40 | code, subpage, 0, 0, 0, 0, 0xff, 0),
        dataInLength: 255,
      });
      expect([code, subpage, verdict.slice(0, 4)]).toEqual(
        [code, subpage, logs.has((code << 8) | subpage) ? "GOOD" : "5 24"],
      );
    }
  }
});

Deno.test("each mode page that is told can be asked for alone, and of its bits those and no others be changed that are told", async () => {
  await using disk = served(await storeOf(true));
  const client = await disk.connect();
  const sense = async (control: number, code: number, subpage: number) => {
    const asked = (control << 6) | code;
    const data = await fetch(client, [0x1a, 8, asked, subpage, 0xff, 0], 255);
    expect(data[0]).toBe(data.length - 1);
    return data.subarray(4);
  };
  const all = await sense(0, 0x3f, 0xff);
  for (let at = 0; at < all.length;) {
    const isSub = (all[at]! & 0x40) !== 0;
    const [code, subpage] = [all[at]! & 0x3f, isSub ? all[at + 1]! : 0];
    const length = isSub ? 4 + u16(all, at + 2) : 2 + all[at + 1]!;
    const page = all.slice(at, at + length);
    at += length;
    expect(await sense(0, code, subpage)).toEqual(page);
    expect(await sense(2, code, subpage)).toEqual(page);
    const changeable = await sense(1, code, subpage);
    for (let bit = isSub ? 32 : 16; bit < 8 * length; bit++) {
      const mask = 0x80 >>> (bit & 7);
      const may = (changeable[bit >>> 3]! & mask) !== 0;
      const wanted = page.slice();
      wanted[bit >>> 3]! ^= mask;
      const select = async (page: Uint8Array) => {
        const list = new Uint8Array(4 + page.length);
        list.set(page, 4);
        const cdb = Uint8Array.of(0x15, 0x10, 0, 0, list.length, 0);
        return (await client.run({ cdb, dataOut: list })).verdict;
      };
      const where = [code, subpage, bit];
      expect([where, await select(wanted)]).toEqual([
        where,
        may ? "GOOD" : "5 26/00",
      ]);
      expect(await sense(0, code, subpage)).toEqual(may ? wanted : page);
      expect(await select(page)).toBe("GOOD");
    }
  }
  // Nothing is saved, and it says so.
  const saved = await client.run({
    cdb: Uint8Array.of(0x1a, 8, 0xff, 0xff, 0xff, 0),
    dataInLength: 255,
  });
  expect(saved.verdict).toBe("5 39/00");
});

/** ATS, ATSS, CACAS, CTSS, LURS, QTS, TRS, and the functions that they stand for. */
const FUNCTIONS = [[0x80, 1], [0x40, 2], [0x20, 3], [0x10, 4], [0x08, 5], [
  0x02,
  6,
], [0x02, 7]] as const;

Deno.test("the task management functions that are told are there, and no others", async () => {
  await using disk = served(await storeOf(true));
  for (const [bit, number] of FUNCTIONS) {
    const client = await disk.connect(`f${number}`);
    const data = await fetch(
      client,
      [0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0],
      4,
    );
    const response = await client.session.taskManagement({
      function: number,
      referencedTaskTag: 99,
    });
    const NOT_SUPPORTED = 5;
    expect([number, response === NOT_SUPPORTED]).toEqual([
      number,
      (data[0]! & bit) === 0,
    ]);
  }
});
