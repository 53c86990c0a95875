import { expect } from "expect";
import { putU16, putU32, putU64 } from "../../base/bytes.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { Opcode } from "../opcode.ts";
import { alice, diskWith, hex, verdictOf, withData } from "../testing.ts";

const GIB_BLOCKS = 2 * 1024 * 1024;
/** The first LBA that 32 bits do not hold lies in the middle. */
const BIG_BLOCKS = 2 ** 33;

/** READ and WRITE by CDB length, with flags in byte 1. */
function cdbOf(
  opcode: number,
  at: { lba: number | bigint; count: number; flags?: number },
): Uint8Array {
  const cdb = new Uint8Array(16);
  const lba = Number(at.lba);
  cdb[0] = opcode;
  switch (opcode >>> 5) {
    case 0:
      putU32(cdb, 0, (opcode << 24) | lba);
      cdb[4] = at.count;
      return cdb.subarray(0, 6);
    case 1:
    case 2:
      putU32(cdb, 2, lba);
      putU16(cdb, 7, at.count);
      break;
    case 5:
      putU32(cdb, 2, lba);
      putU32(cdb, 6, at.count);
      break;
    default:
      if (typeof at.lba === "bigint") {
        new DataView(cdb.buffer).setBigUint64(2, at.lba);
      } else putU64(cdb, 2, at.lba);
      putU32(cdb, 10, at.count);
  }
  cdb[1] = at.flags ?? 0;
  return cdb.subarray(
    0,
    opcode >>> 5 === 4 ? 16 : opcode >>> 5 === 5 ? 12 : 10,
  );
}

Deno.test("golden CDBs of READ and WRITE become extents", () => {
  const disk = diskWith({ blocks: BIG_BLOCKS });
  const golden: [string, unknown][] = [
    ["08 1f ff ff 01 00", read(0x1fffff, 1)],
    ["08 00 00 10 00 00", read(0x10, 256)],
    ["28 00 00 00 00 07 00 00 08 00", read(7, 8)],
    ["28 18 ff ff ff ff 00 00 01 00", read(0xffffffff, 1)],
    ["a8 00 00 00 00 07 00 00 00 08 00 00", read(7, 8)],
    ["88 00 0000000100000000 00000008 00 00", read(0x1_0000_0000, 8)],
    ["0a 00 00 05 02 00", write(5, 2)],
    ["2a 00 00 00 00 07 00 00 08 00", write(7, 8)],
    ["2a 08 00 00 00 07 00 00 08 00", write(7, 8, true)],
    ["2a 02 00 00 00 07 00 00 08 00", write(7, 8, true)],
    ["2a 10 00 00 00 07 00 00 08 00", write(7, 8)],
    ["aa 08 00 00 00 07 00 00 00 08 00 00", write(7, 8, true)],
    ["8a 08 0000000100000000 00000008 00 00", write(0x1_0000_0000, 8, true)],
  ];
  for (const [cdb, plan] of golden) {
    expect(disk.plan(alice, hex(cdb))).toEqual(plan);
  }

  function read(lba: number, blocks: number) {
    const extent = { offset: lba * 512, length: blocks * 512 };
    return { kind: "read", extent };
  }
  function write(lba: number, blocks: number, fua = false) {
    const extent = { offset: lba * 512, length: blocks * 512 };
    return { kind: "write", extent, fua };
  }
});

Deno.test("a write that is announced shorter than its CDB says is cut to whole blocks", () => {
  const cdbs = [
    "0a 00 00 07 02 00",
    "2a 00 00 00 00 07 00 00 02 00",
    "aa 00 00 00 00 07 00 00 00 02 00 00",
    "8a 00 0000000000000007 00000002 00 00",
  ];
  const table = [[0, 0], [511, 0], [512, 512], [1023, 512]] as const;
  const disk = diskWith({});
  const whole = {
    kind: "write",
    extent: { offset: 7 * 512, length: 1024 },
    fua: false,
  };
  for (const cdb of cdbs) {
    for (const [announced, wholeBytes] of table) {
      expect(disk.plan(alice, hex(cdb), announced)).toEqual({
        ...whole,
        wholeBytes,
      });
    }
    expect(disk.plan(alice, hex(cdb), 1024)).toEqual(whole);
    expect(disk.plan(alice, hex(cdb), 5000)).toEqual(whole);
  }
});

Deno.test("a 4096-byte disk counts in its own blocks", () => {
  const geometry = {
    blockSizeBytes: 4096,
    sizeBytes: 100 * 4096 + 17,
  } as const;
  const disk = diskWith({ geometry });
  expect(disk.plan(alice, hex("28 00 00 00 00 63 00 00 01 00"))).toEqual({
    kind: "read",
    extent: { offset: 99 * 4096, length: 4096 },
  });
  expect(verdictOf(disk.plan(alice, hex("28 00 00 00 00 64 00 00 01 00"))))
    .toBe("5 21/00");
});

const everyOpcode = [
  Opcode.READ_6,
  Opcode.READ_10,
  Opcode.READ_12,
  Opcode.READ_16,
  Opcode.WRITE_6,
  Opcode.WRITE_10,
  Opcode.WRITE_12,
  Opcode.WRITE_16,
  Opcode.VERIFY_10,
  Opcode.VERIFY_12,
  Opcode.VERIFY_16,
  Opcode.WRITE_AND_VERIFY_10,
  Opcode.WRITE_AND_VERIFY_12,
  Opcode.WRITE_AND_VERIFY_16,
  Opcode.PRE_FETCH_10,
  Opcode.PRE_FETCH_16,
  Opcode.SYNCHRONIZE_CACHE_10,
  Opcode.SYNCHRONIZE_CACHE_16,
  Opcode.WRITE_SAME_10,
  Opcode.WRITE_SAME_16,
];

const blocks = 1000;

for (const opcode of everyOpcode) {
  const name = `${opcode.toString(16)}h`;
  const ask = (lba: number | bigint, count: number) =>
    verdictOf(diskWith({ blocks }).plan(alice, cdbOf(opcode, { lba, count })));

  Deno.test(`${name} reaches the first and the last block and no further`, () => {
    expect(ask(0, 1)).not.toMatch(/^5/);
    expect(ask(blocks - 1, 1)).not.toMatch(/^5/);
    expect(ask(blocks - 10, 10)).not.toMatch(/^5/);
    expect(ask(blocks - 10, 11)).toBe("5 21/00");
    expect(ask(blocks, 1)).toBe("5 21/00");
    expect(ask(blocks + 1, 1)).toBe("5 21/00");
  });

  Deno.test(`${name} with a length of zero looks at its LBA all the same`, () => {
    expect(ask(blocks, 0)).toBe("5 21/00");
    if (opcode >>> 5 !== 0) expect(ask(0xffff_ffff, 0)).toBe("5 21/00");
  });

  if (opcode >>> 5 === 4) {
    Deno.test(`${name} is not fooled by an LBA at the end of 64 bits`, () => {
      for (
        const lba of [
          2n ** 63n,
          2n ** 64n - 1n,
          2n ** 64n - 8n,
          2n ** 53n,
          2n ** 32n,
        ]
      ) {
        for (const count of [0, 1, 8, 0xffff_ffff]) {
          expect(ask(lba, count)).toBe("5 21/00");
        }
      }
    });
  }
}

Deno.test("nothing is transferred for a length of zero", () => {
  const disk = diskWith();
  for (
    const opcode of [
      Opcode.READ_10,
      Opcode.READ_12,
      Opcode.READ_16,
      Opcode.WRITE_10,
      Opcode.WRITE_12,
      Opcode.WRITE_16,
      Opcode.VERIFY_10,
      Opcode.WRITE_AND_VERIFY_16,
    ]
  ) {
    const cdb = cdbOf(opcode, { lba: 3, count: 0 });
    expect(verdictOf(disk.plan(alice, cdb))).toBe("GOOD");
  }
});

Deno.test("MAX_TRANSFER_BYTES is the most that a command moves", () => {
  const disk = diskWith({ blocks: GIB_BLOCKS });
  const most = MAX_TRANSFER_BYTES / 512;
  for (
    const [opcode, flags, kind] of [
      [Opcode.READ_12, 0, "read"],
      [Opcode.READ_16, 0, "read"],
      [Opcode.WRITE_12, 0, "write"],
      [Opcode.WRITE_16, 0, "write"],
      [Opcode.VERIFY_16, 0x02, "data-out"],
      [Opcode.VERIFY_16, 0x06, "data-out"],
      [Opcode.WRITE_AND_VERIFY_16, 0x02, "data-out"],
      [Opcode.PRE_FETCH_16, 0, "probe"],
    ] as const
  ) {
    const ask = (count: number) =>
      verdictOf(disk.plan(alice, cdbOf(opcode, { lba: 0, count, flags })));
    expect(ask(most)).toBe(kind);
    expect(ask(most + 1)).toBe("5 24/00");
  }
});

Deno.test("protection information is refused where there is none", () => {
  const disk = diskWith();
  for (const opcode of everyOpcode.filter((opcode) => opcode >>> 5 !== 0)) {
    for (const flags of [0x20, 0x40, 0x80, 0xe0]) {
      const cdb = cdbOf(opcode, { lba: 0, count: 1, flags });
      expect(verdictOf(disk.plan(alice, cdb))).toBe("5 24/00");
    }
  }
});

Deno.test("without a write cache every write is forced to the medium", () => {
  const disk = diskWith();
  const select = disk.plan(alice, hex("15 10 00 00 18 00"));
  const list = new Uint8Array(24);
  list.set([0, 0, 0, 0, 0x08, 0x12, 0x00]);
  expect(withData(select, list)).toEqual({ kind: "flush", immediate: false });
  for (const cdb of ["0a 00 00 05 02 00", "2a 00 00 00 00 07 00 00 08 00"]) {
    expect(disk.plan(alice, hex(cdb))).toMatchObject({ fua: true });
  }
  const same = disk.plan(alice, hex("93 09 0000000000000000 00000001 00 00"));
  expect(same).toMatchObject({ kind: "unmap", fua: true });
});

Deno.test("a group number is a label that nobody looks at", () => {
  const disk = diskWith();
  for (
    const cdb of [
      "28 00 00000000 1f 0001 00",
      "a8 00 00000000 00000001 1f 00",
      "88 00 0000000000000000 00000001 1f 00",
      "42 00 00000000 1f 0000 00",
    ]
  ) expect(verdictOf(disk.plan(alice, hex(cdb)))).not.toMatch(/^5/);
});
