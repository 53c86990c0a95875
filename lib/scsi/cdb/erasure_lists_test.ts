import { expect } from "expect";
import type { Plan } from "../plan.ts";
import { alice, diskWith, hex, verdictOf, withData } from "../testing.ts";

const disk = diskWith();
const ask = (cdb: string) => disk.plan(alice, hex(cdb));

function passesOf(plan: Plan): unknown {
  return plan.kind === "erase" ? plan.erasure.passes : verdictOf(plan);
}

Deno.test("FORMAT UNIT gives everything back, at once or in time", () => {
  expect(passesOf(ask("04 00 00 0000 00"))).toEqual([{ kind: "unmap" }]);
  const short = (list: string) => withData(ask("04 10 00 0000 00"), hex(list));
  expect(short("00 00 0000")).toMatchObject({ immediate: false });
  expect(short("00 02 0000")).toMatchObject({ immediate: true });
  // FOV with DPRY, DCRT and STPF: about a certification that needs nothing.
  expect(verdictOf(short("00 f0 0000"))).toBe("erase");
  // An empty list, complete, in another format; and a long header.
  expect(verdictOf(withData(ask("04 1d 00 0000 00"), hex("00 00 0000"))))
    .toBe("erase");
  const long = withData(
    ask("04 30 00 0000 00"),
    hex("00 02 00 00 00000000"),
  );
  expect(long).toMatchObject({ kind: "erase", immediate: true });
});

Deno.test("FORMAT UNIT refuses what there is not", () => {
  const short = (list: string) =>
    verdictOf(withData(ask("04 10 00 0000 00"), hex(list)));
  // Protection information, options without FOV, an initialization pattern, what is obsolete or nobody's, defects.
  for (
    const list of [
      "01 00 0000",
      "00 40 0000",
      "00 20 0000",
      "00 10 0000",
      "00 88 0000",
      "00 04 0000",
      "00 01 0000",
      "00 00 0004",
    ]
  ) expect([list, short(list)]).toEqual([list, "5 26/00"]);
  expect(short("00 02 00")).toBe("5 1a/00");
  const long = (list: string) =>
    verdictOf(withData(ask("04 30 00 0000 00"), hex(list)));
  expect(long("00 00 01 00 00000000")).toBe("5 26/00");
  expect(long("00 00 00 01 00000000")).toBe("5 26/00");
  expect(long("00 00 00 00 00000008")).toBe("5 26/00");
  // A list is spoken of and none is sent; FMTPINFO; vendor specific.
  for (
    const cdb of [
      "04 08 00 0000 00",
      "04 04 00 0000 00",
      "04 20 00 0000 00",
      "04 40 00 0000 00",
      "04 00 01 0000 00",
    ]
  ) {
    expect([cdb, verdictOf(ask(cdb))]).toEqual([cdb, "5 24/00"]);
  }
  expect(verdictOf(disk.plan(alice, hex("04 10 00 0000 00"), 3)))
    .toBe("5 1a/00");
});

Deno.test("SANITIZE, OVERWRITE fills blocks with its pattern, inverted where asked", () => {
  const block = (bytes: readonly number[]) =>
    Uint8Array.from({ length: 512 }, (_, i) => bytes[i % bytes.length]!);
  const overwrite = (list: string) => {
    const bytes = hex(list);
    const cdb = hex("48 01 0000000000 0000 00");
    cdb[7] = bytes.length >> 8;
    cdb[8] = bytes.length;
    const plan = disk.plan(alice, cdb);
    return passesOf(plan.kind === "data-out" ? plan.then(bytes) : plan);
  };
  const pass = (bytes: readonly number[], everywhere: boolean) => ({
    kind: "overwrite",
    pattern: block(bytes),
    everywhere,
  });
  expect(overwrite("01 00 0001 a5")).toEqual([pass([0xa5], true)]);
  expect(overwrite("01 00 0003 010203")).toEqual([pass([1, 2, 3], true)]);
  expect(overwrite("03 00 0001 a5")).toEqual(
    [pass([0xa5], false), pass([0xa5], false), pass([0xa5], true)],
  );
  expect(overwrite("82 00 0001 a5")).toEqual(
    [pass([0xa5], false), pass([0x5a], true)],
  );
  // What was never written reads as zeros already.
  expect(overwrite("01 00 0001 00")).toEqual([pass([0], false)]);
  expect(overwrite("82 00 0001 ff")).toEqual(
    [pass([0xff], false), pass([0], false)],
  );
  const whole = "11".repeat(512);
  expect(overwrite(`01 00 0200 ${whole}`)).toEqual([pass([0x11], true)]);
  for (
    const [list, verdict] of [
      // Lengths: no pattern, and more than a block.
      ["", "5 24/00"],
      ["01 00 0000", "5 24/00"],
      [`01 00 0200 ${whole}11`, "5 24/00"],
      // COUNT 0, TEST, reserved, no pattern length, one beyond the list.
      ["00 00 0001 a5", "5 26/00"],
      ["21 00 0001 a5", "5 26/00"],
      ["41 00 0001 a5", "5 26/00"],
      ["01 01 0001 a5", "5 26/00"],
      ["01 00 0000 a5", "5 26/00"],
      ["01 00 0002 a5", "5 26/00"],
    ] as const
  ) expect([list, overwrite(list)]).toEqual([list, verdict]);
});

Deno.test("SANITIZE, BLOCK ERASE overwrites what there is and gives it back", () => {
  expect(ask("48 02 0000000000 0000 00")).toMatchObject({
    kind: "erase",
    immediate: false,
    erasure: {
      passes: [
        { kind: "overwrite", pattern: new Uint8Array(512), everywhere: false },
        { kind: "unmap" },
      ],
    },
  });
  expect(ask("48 82 0000000000 0000 00")).toMatchObject({ immediate: true });
  for (
    const cdb of [
      // A list; CRYPTOGRAPHIC ERASE; no such action; ZNR; reserved bytes.
      "48 02 0000000000 0004 00",
      "48 1f 0000000000 0004 00",
      "48 03 0000000000 0000 00",
      "48 00 0000000000 0000 00",
      "48 42 0000000000 0000 00",
      "48 02 0000010000 0000 00",
    ]
  ) expect([cdb, verdictOf(ask(cdb))]).toEqual([cdb, "5 24/00"]);
});
