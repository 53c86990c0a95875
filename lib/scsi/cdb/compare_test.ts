import { expect } from "expect";
import { MAX_COMPARE_AND_WRITE_BLOCKS } from "../limits.ts";
import {
  alice,
  diskWith,
  hex,
  outcomeText,
  verdictOf,
  withData,
} from "../testing.ts";

const disk = diskWith({ blocks: 1024 * 1024 });

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
}

Deno.test("VERIFY without BYTCHK reads and compares nothing", () => {
  expect(disk.plan(alice, hex("2f 00 00000002 00 0003 00"))).toEqual(
    { kind: "probe", extent: { offset: 1024, length: 1536 } },
  );
});

Deno.test("VERIFY with BYTCHK 01b compares block by block", () => {
  for (
    const cdb of [
      "2f 02 00000002 00 0002 00",
      "af 12 00000002 00000002 00 00",
      "8f 02 0000000000000002 00000002 00 00",
    ]
  ) {
    const data = bytes(1024, 1);
    const plan = withData(disk.plan(alice, hex(cdb)), data);
    expect(plan).toMatchObject({
      kind: "compare",
      offset: 1024,
      expected: data,
    });
    expect(plan).not.toHaveProperty("then");
    expect(verdictOf(withData(disk.plan(alice, hex(cdb)), data.subarray(1))))
      .toBe("5 24/00");
  }
});

Deno.test("VERIFY with BYTCHK 11b compares each block with the one", () => {
  const block = bytes(512, 3);
  // 2 MiB and one block: three comparisons.
  const cdb = hex("8f 06 0000000000000002 00001001 00 00");
  const plan = withData(disk.plan(alice, cdb), block);
  if (plan.kind !== "sequence") throw new Error(plan.kind);
  let next = 1024;
  for (const step of plan.steps) {
    if (step.kind !== "compare") throw new Error(step.kind);
    expect(step.offset).toBe(next);
    for (let at = 0; at < step.expected.length; at += 512) {
      expect(step.expected.subarray(at, at + 512)).toEqual(block);
    }
    expect(informationOf(step.miscompare(5 * 512 + 9).sense)).toBe(9);
    next += step.expected.length;
  }
  expect(next).toBe(1024 + 0x1001 * 512);
});

Deno.test("VERIFY with BYTCHK 10b is reserved", () => {
  expect(verdictOf(disk.plan(alice, hex("2f 04 00000002 00 0003 00"))))
    .toBe("5 24/00");
});

Deno.test("a miscompare tells where the first byte differs", () => {
  const plan = withData(
    disk.plan(alice, hex("2f 02 00000002 00 0002 00")),
    bytes(1024, 1),
  );
  if (plan.kind !== "compare") throw new Error(plan.kind);
  const outcome = plan.miscompare(777);
  expect(outcomeText(outcome)).toBe("e 1d/00");
  expect(informationOf(outcome.sense)).toBe(777);
});

Deno.test("WRITE AND VERIFY writes, makes stable and compares", () => {
  for (
    const [flags, check] of [
      ["00", { kind: "probe", extent: { offset: 1024, length: 1024 } }],
      ["02", { kind: "compare", offset: 1024, expected: bytes(1024, 5) }],
    ] as const
  ) {
    for (
      const cdb of [
        `2e ${flags} 00000002 00 0002 00`,
        `ae ${flags} 00000002 00000002 00 00`,
        `8e ${flags} 0000000000000002 00000002 00 00`,
      ]
    ) {
      const data = bytes(1024, 5);
      expect(withData(disk.plan(alice, hex(cdb)), data)).toMatchObject({
        kind: "sequence",
        steps: [
          {
            kind: "write-same",
            extent: { offset: 1024, length: 1024 },
            pattern: data,
            fua: true,
          },
          check,
        ],
      });
    }
  }
  for (const flags of ["04", "06"]) {
    const cdb = hex(`2e ${flags} 00000002 00 0002 00`);
    expect(verdictOf(disk.plan(alice, cdb))).toBe("5 24/00");
  }
});

Deno.test("COMPARE AND WRITE takes both halves or nothing", () => {
  const cdb = hex("89 08 0000000000000004 000000 02 00 00");
  const both = bytes(2048, 9);
  const plan = disk.plan(alice, cdb);
  expect(plan).toMatchObject({ kind: "data-out", length: 2048 });
  expect(withData(plan, both)).toMatchObject({
    kind: "compare",
    offset: 2048,
    expected: both.subarray(0, 1024),
    then: { data: both.subarray(1024), fua: true },
  });
  expect(verdictOf(withData(disk.plan(alice, cdb), both.subarray(1))))
    .toBe("5 24/00");
});

Deno.test("COMPARE AND WRITE has a longest extent", () => {
  const ask = (count: number, lba = 0) => {
    const cdb = hex("89 00 0000000000000000 000000 00 00 00");
    cdb[9] = lba;
    cdb[13] = count;
    return verdictOf(disk.plan(alice, cdb));
  };
  expect(ask(0)).toBe("GOOD");
  expect(ask(MAX_COMPARE_AND_WRITE_BLOCKS)).toBe("data-out");
  expect(ask(MAX_COMPARE_AND_WRITE_BLOCKS + 1)).toBe("5 24/00");
  const small = diskWith({ blocks: 4 });
  const cdb = hex("89 00 0000000000000003 000000 02 00 00");
  expect(verdictOf(small.plan(alice, cdb))).toBe("5 21/00");
});

function informationOf(sense: Uint8Array | undefined): number {
  if (!sense || (sense[0]! & 0x80) === 0) throw new Error("not valid");
  return new DataView(sense.buffer, sense.byteOffset).getUint32(3);
}

Deno.test("COMPARE AND WRITE is not done where CDB and transport disagree", () => {
  const ask = (count: string, bytes: number) =>
    verdictOf(disk.plan(
      alice,
      hex(`89 00 0000000000000000 000000 ${count} 00 00`),
      bytes,
    ));
  expect(ask("02", 2048)).toBe("data-out");
  for (const bytes of [0, 1024, 2047, 2049, 4096]) {
    expect(ask("02", bytes)).toBe("5 24/00");
  }
  expect(ask("00", 0)).toBe("GOOD");
  expect(ask("00", 1024)).toBe("5 24/00");
});

Deno.test("WRITE AND VERIFY writes the whole blocks that were announced", () => {
  const plan = disk.plan(alice, hex("2e 00 00000002 00 0003 00"));
  expect(withData(plan, bytes(1300, 1))).toMatchObject({
    kind: "sequence",
    steps: [
      { kind: "write-same", extent: { offset: 1024, length: 1024 } },
      { kind: "probe", extent: { offset: 1024, length: 1024 } },
    ],
  });
  expect(verdictOf(withData(plan, bytes(511, 1)))).toBe("GOOD");
});
