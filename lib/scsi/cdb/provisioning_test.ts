import { expect } from "expect";
import { putU16, putU32, putU64 } from "../../base/bytes.ts";
import {
  MAX_UNMAP_BYTES,
  MAX_UNMAP_DESCRIPTORS,
  MAX_WRITE_SAME_BYTES,
} from "../limits.ts";
import {
  alice,
  dataOf,
  diskWith,
  hex,
  verdictOf,
  withData,
} from "../testing.ts";

const blocks = 8 * 1024 * 1024;
const disk = diskWith({ blocks });

/** An UNMAP with a list of [LBA, blocks]. */
function unmap(ranges: [number | bigint, number][]) {
  const list = new Uint8Array(8 + 16 * ranges.length);
  putU16(list, 0, list.length - 2);
  putU16(list, 2, list.length - 8);
  ranges.forEach(([lba, count], i) => {
    new DataView(list.buffer).setBigUint64(8 + 16 * i, BigInt(lba));
    putU32(list, 16 + 16 * i, count);
  });
  const cdb = hex("42 00 00000000 00 0000 00");
  putU16(cdb, 7, list.length);
  return withData(disk.plan(alice, cdb), list);
}

Deno.test("UNMAP takes many descriptors and leaves out the empty ones", () => {
  expect(unmap([[7, 1], [3, 0], [blocks - 2, 2], [0, 8]])).toEqual({
    kind: "unmap",
    extents: [
      { offset: 7 * 512, length: 512 },
      { offset: (blocks - 2) * 512, length: 1024 },
      { offset: 0, length: 4096 },
    ],
    fua: false,
  });
  expect(verdictOf(unmap([]))).toBe("GOOD");
  expect(verdictOf(unmap([[3, 0]]))).toBe("GOOD");
});

Deno.test("UNMAP with one bad descriptor does nothing", () => {
  expect(verdictOf(unmap([[0, 8], [blocks - 1, 2]]))).toBe("5 21/00");
  expect(verdictOf(unmap([[blocks + 1, 0]]))).toBe("5 21/00");
  expect(verdictOf(unmap([[blocks, 1]]))).toBe("5 21/00");
  expect(verdictOf(unmap([[blocks, 0]]))).toBe("GOOD");
  expect(verdictOf(unmap([[2n ** 64n - 1n, 2]]))).toBe("5 21/00");
});

Deno.test("UNMAP keeps the limits that the block limits page names", () => {
  const most = MAX_UNMAP_BYTES / 512;
  expect(verdictOf(unmap([[0, most]]))).toBe("unmap");
  expect(verdictOf(unmap([[0, most], [most, 1]]))).toBe("5 26/00");
  const many = (n: number) =>
    unmap(Array.from({ length: n }, (_, i) => [i, 1]));
  expect(verdictOf(many(MAX_UNMAP_DESCRIPTORS))).toBe("unmap");
  expect(verdictOf(many(MAX_UNMAP_DESCRIPTORS + 1))).toBe("5 26/00");
});

Deno.test("UNMAP lists of odd lengths", () => {
  const ask = (length: string, list: Uint8Array) =>
    withData(disk.plan(alice, hex(`42 00 00000000 00 ${length} 00`)), list);
  expect(verdictOf(disk.plan(alice, hex("42 00 00000000 00 0000 00"))))
    .toBe("GOOD");
  expect(verdictOf(disk.plan(alice, hex("42 00 00000000 00 0007 00"))))
    .toBe("5 1a/00");
  expect(verdictOf(disk.plan(alice, hex("42 01 00000000 00 0018 00"))))
    .toBe("5 24/00");
  const list = hex("0016 0010 00000000 0000000000000001 00000002 00000000");
  expect(verdictOf(ask("0018", list))).toBe("unmap");
  expect(verdictOf(ask("0018", list.subarray(0, 23)))).toBe("5 1a/00");
  // The list is cut in the middle of its descriptor: there is none.
  expect(verdictOf(ask("0017", list.subarray(0, 23)))).toBe("GOOD");
});

Deno.test("WRITE SAME writes its block, or unmaps where zeros were asked to be", () => {
  const extent = { offset: 2 * 512, length: 3 * 512 };
  const ones = new Uint8Array(512).fill(1);
  const zeros = new Uint8Array(512);
  const ask = (cdb: string, data: Uint8Array) =>
    withData(disk.plan(alice, hex(cdb)), data);
  for (
    const [opcode, rest] of [
      ["41", "00000002 00 0003 00"],
      ["93", "0000000000000002 00000003 00 00"],
    ]
  ) {
    expect(ask(`${opcode} 00 ${rest}`, ones)).toEqual(
      { kind: "write-same", extent, pattern: ones, fua: false },
    );
    expect(ask(`${opcode} 00 ${rest}`, zeros)).toMatchObject(
      { kind: "write-same" },
    );
    expect(ask(`${opcode} 08 ${rest}`, zeros)).toEqual(
      { kind: "unmap", extents: [extent], fua: false },
    );
    expect(ask(`${opcode} 08 ${rest}`, ones)).toMatchObject(
      { kind: "write-same", pattern: ones },
    );
    // ANCHOR, PBDATA, LBDATA.
    for (const flags of ["10", "18", "04", "02"]) {
      expect(verdictOf(disk.plan(alice, hex(`${opcode} ${flags} ${rest}`))))
        .toBe("5 24/00");
    }
    expect(verdictOf(ask(`${opcode} 00 ${rest}`, ones.subarray(1))))
      .toBe("5 24/00");
  }
});

Deno.test("WRITE SAME (16) without data writes zeros", () => {
  const rest = "0000000000000002 00000003 00 00";
  const extent = { offset: 2 * 512, length: 3 * 512 };
  expect(disk.plan(alice, hex(`93 01 ${rest}`))).toEqual(
    { kind: "write-same", extent, pattern: new Uint8Array(512), fua: false },
  );
  expect(disk.plan(alice, hex(`93 09 ${rest}`))).toEqual(
    { kind: "unmap", extents: [extent], fua: false },
  );
  // NDOB is of the 16-byte form alone.
  expect(verdictOf(disk.plan(alice, hex("41 01 00000002 00 0003 00"))))
    .toBe("5 24/00");
});

Deno.test("WRITE SAME has a longest extent, and zero is not one", () => {
  const ask = (count: number) => {
    const cdb = hex("93 01 0000000000000000 00000000 00 00");
    putU32(cdb, 10, count);
    return verdictOf(disk.plan(alice, cdb));
  };
  expect(ask(MAX_WRITE_SAME_BYTES / 512)).toBe("write-same");
  expect(ask(MAX_WRITE_SAME_BYTES / 512 + 1)).toBe("5 24/00");
  expect(ask(0)).toBe("5 24/00");
});

Deno.test("GET LBA STATUS rounds what is mapped to whole blocks", () => {
  const plan = disk.plan(
    alice,
    hex("9e 12 0000000000000002 00000048 00 00"),
  );
  if (plan.kind !== "map-query") throw new Error(plan.kind);
  expect(plan.extent).toEqual({ offset: 1024, length: (blocks - 2) * 512 });
  const data = plan.render([
    { extent: { offset: 1024, length: 700 }, mapped: false },
    { extent: { offset: 1724, length: 100 }, mapped: true },
    { extent: { offset: 1824, length: 1248 }, mapped: false },
    { extent: { offset: 3072, length: 512 }, mapped: true },
  ]);
  expect(runs(data)).toEqual([[2, 1, 1], [3, 1, 0], [4, 2, 1], [6, 1, 0]]);
  expect(data.length).toBe(8 + 4 * 16);

  // Room for one descriptor only.
  const one = disk.plan(alice, hex("9e 12 0000000000000002 00000018 00 00"));
  if (one.kind !== "map-query") throw new Error(one.kind);
  const first = one.render([
    { extent: { offset: 1024, length: 100 }, mapped: false },
    { extent: { offset: 1124, length: 900 }, mapped: true },
  ].slice(0, one.maxExtents));
  expect(runs(first)).toEqual([[2, 2, 0]]);

  function runs(data: Uint8Array) {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    expect(view.getUint32(0)).toBe(data.length - 4);
    const found = [];
    for (let at = 8; at < data.length; at += 16) {
      found.push([
        Number(view.getBigUint64(at)),
        view.getUint32(at + 8),
        view.getUint8(at + 12),
      ]);
    }
    return found;
  }
});

Deno.test("GET LBA STATUS splits runs that 32 bits do not hold", () => {
  const huge = diskWith({ blocks: 2 ** 34 });
  const plan = huge.plan(alice, hex("9e 12 0000000000000000 00000100 00 00"));
  if (plan.kind !== "map-query") throw new Error(plan.kind);
  const data = plan.render([{ extent: plan.extent, mapped: false }]);
  const view = new DataView(data.buffer);
  let next = 0;
  for (let at = 8; at < data.length; at += 16) {
    expect(Number(view.getBigUint64(at))).toBe(next);
    next += view.getUint32(at + 8);
  }
  expect(next).toBe(2 ** 34);
});

Deno.test("GET LBA STATUS refuses an LBA outside and no room for an answer", () => {
  const cdb = hex("9e 12 0000000000000000 00000018 00 00");
  putU64(cdb, 2, blocks);
  expect(verdictOf(disk.plan(alice, cdb))).toBe("5 21/00");
  expect(
    verdictOf(disk.plan(alice, hex("9e 12 0000000000000000 00000017 00 00"))),
  ).toBe("5 24/00");
});

Deno.test("READ CAPACITY tells the size, the blocks and that it is thin", () => {
  expect(dataOf(disk.plan(alice, hex("25 00 00000000 0000 00 00")))).toEqual(
    hex("007fffff 00000200"),
  );
  const sixteen = hex("9e 10 0000000000000000 00000020 00 00");
  expect(dataOf(disk.plan(alice, sixteen))).toEqual(
    hex(
      "00000000007fffff 00000200 00 03 c000 00000000000000000000000000000000",
    ),
  );
  sixteen[13] = 12;
  expect(dataOf(disk.plan(alice, sixteen)).length).toBe(12);
  // Too large for 32 bits.
  const huge = diskWith({ blocks: 2 ** 32 + 1 });
  expect(dataOf(huge.plan(alice, hex("25 00 00000000 0000 00 00")))).toEqual(
    hex("ffffffff 00000200"),
  );
  // LOGICAL BLOCK ADDRESS and PMI are obsolete.
  for (
    const cdb of ["25 00 00000001 0000 00 00", "25 00 00000000 0000 01 00"]
  ) {
    expect(verdictOf(disk.plan(alice, hex(cdb)))).toBe("5 24/00");
  }
});

Deno.test("WRITE SAME is not done where CDB and transport disagree about the data", () => {
  for (
    const [cdb, needed] of [
      ["41 00 00000002 00 0003 00", 512],
      ["41 08 00000002 00 0003 00", 512],
      ["93 00 0000000000000002 00000003 00 00", 512],
      ["93 01 0000000000000002 00000003 00 00", 0],
    ] as const
  ) {
    for (const bytes of [0, 256, 512, 1024, 3 * 512]) {
      const verdict = verdictOf(disk.plan(alice, hex(cdb), bytes));
      if (bytes === needed) expect(verdict).not.toMatch(/^5/);
      else expect(verdict).toBe("5 24/00");
    }
  }
});
