import { expect } from "expect";
import { MediaError } from "../../base/media_error.ts";
import { SELF_TEST_PIECES } from "../limits.ts";
import {
  alice,
  dataOf,
  diskWith,
  hex,
  outcomeText,
  verdictOf,
  withData,
} from "../testing.ts";

Deno.test("LOG SENSE lists its pages and counts what the store could not do", () => {
  const disk = diskWith();
  const ask = (cdb: string) => disk.plan(alice, hex(cdb));
  const pages = hex("00 00 0003 00 02 03");
  expect(dataOf(ask("4d 00 00 00 00 0000 00ff 00"))).toEqual(pages);
  expect(dataOf(ask("4d 00 40 00 00 0000 00ff 00"))).toEqual(pages);
  expect(dataOf(ask("4d 00 40 00 00 0000 0005 00"))).toEqual(
    pages.subarray(0, 5),
  );
  expect(dataOf(ask("4d 00 40 ff 00 0000 00ff 00"))).toEqual(
    hex("40 ff 0008 0000 00ff 0200 0300"),
  );
  const counters = (page: string) =>
    dataOf(ask(`4d 00 ${page} 00 00 0000 00ff 00`));
  expect(counters("42")).toEqual(
    hex("82 00 000c 0006 20 08 0000000000000000"),
  );
  disk.failure(alice, "read", new MediaError("medium", "x"));
  disk.failure(alice, "write", new MediaError("medium", "x"));
  disk.failure(alice, "flush", new MediaError("failed", "x"));
  // Refused is not failed.
  disk.failure(alice, "write", new MediaError("no-space", "x"));
  disk.failure(alice, "write", new MediaError("read-only", "x"));
  expect(counters("42").at(-1)).toBe(2);
  expect(counters("43").at(-1)).toBe(1);
  expect(dataOf(ask("4d 00 43 00 00 0006 00ff 00"))).toEqual(counters("43"));
  for (
    const cdb of [
      // No such page or subpage, PC other than cumulative, beyond the parameters, SP, PPC.
      "4d 00 4d 00 00 0000 00ff 00",
      "4d 00 42 01 00 0000 00ff 00",
      "4d 00 42 ff 00 0000 00ff 00",
      "4d 00 02 00 00 0000 00ff 00",
      "4d 00 c3 00 00 0000 00ff 00",
      "4d 00 42 00 00 0007 00ff 00",
      "4d 00 40 00 00 0001 00ff 00",
      "4d 01 40 00 00 0000 00ff 00",
      "4d 02 40 00 00 0000 00ff 00",
    ]
  ) expect([cdb, verdictOf(ask(cdb))]).toEqual([cdb, "5 24/00"]);
});

Deno.test("a self-test reads from the first to the last block and makes stable", () => {
  const blocks = 1024 * 1024;
  const disk = diskWith({ blocks });
  for (const cdb of ["1d 04 00 0000 00", "1d a0 00 0000 00"]) {
    const plan = disk.plan(alice, hex(cdb));
    if (plan.kind !== "attempt" || plan.plan.kind !== "sequence") {
      throw new Error(plan.kind);
    }
    expect(outcomeText(plan.otherwise)).toBe("4 3e/03");
    const { steps } = plan.plan;
    expect(steps.length).toBe(SELF_TEST_PIECES + 1);
    const ends = [steps[0], steps.at(-2)].map((step) =>
      step?.kind === "probe" ? step.extent : undefined
    );
    expect(ends[0]?.offset).toBe(0);
    expect(ends[1]!.offset + ends[1]!.length).toBe(blocks * 512);
    expect(steps.at(-1)).toEqual({ kind: "flush", immediate: false });
  }
});

Deno.test("a self-test of a disk that is shorter than its pieces keeps to the disk", () => {
  const plan = diskWith({ blocks: 3 }).plan(alice, hex("1d 04 00 0000 00"));
  if (plan.kind !== "attempt" || plan.plan.kind !== "sequence") {
    throw new Error(plan.kind);
  }
  for (const step of plan.plan.steps) {
    if (step.kind !== "probe") continue;
    expect(step.extent).toEqual({ offset: 0, length: 3 * 512 });
  }
});

Deno.test("SEND and RECEIVE DIAGNOSTIC know one page", () => {
  const disk = diskWith();
  const ask = (cdb: string) => disk.plan(alice, hex(cdb));
  expect(verdictOf(ask("1d 00 00 0000 00"))).toBe("GOOD");
  expect(verdictOf(withData(ask("1d 10 00 0004 00"), hex("00000000"))))
    .toBe("GOOD");
  expect(verdictOf(withData(ask("1d 10 00 0004 00"), hex("40000000"))))
    .toBe("5 26/00");
  expect(verdictOf(withData(ask("1d 10 00 0004 00"), hex("0000"))))
    .toBe("5 1a/00");
  const pages = hex("00 00 0001 00");
  expect(dataOf(ask("1c 01 00 00ff 00"))).toEqual(pages);
  expect(dataOf(ask("1c 00 00 00ff 00"))).toEqual(pages);
  expect(dataOf(ask("1c 01 00 0002 00"))).toEqual(pages.subarray(0, 2));
  for (
    const [cdb, verdict] of [
      ["1c 01 40 00ff 00", "5 24/00"],
      ["1d 10 00 0008 00", "5 1a/00"],
      // A list without PF, a test with a list, tests in the background, two tests at once.
      ["1d 00 00 0004 00", "5 24/00"],
      ["1d 04 00 0004 00", "5 24/00"],
      ["1d 20 00 0000 00", "5 24/00"],
      ["1d 40 00 0000 00", "5 24/00"],
      ["1d c0 00 0000 00", "5 24/00"],
      ["1d a4 00 0000 00", "5 24/00"],
    ] as const
  ) expect([cdb, verdictOf(ask(cdb))]).toEqual([cdb, verdict]);
});

Deno.test("READ DEFECT DATA lists none, in every format", () => {
  const disk = diskWith();
  const ask = (cdb: string) => disk.plan(alice, hex(cdb));
  for (const format of ["00", "03", "04", "05", "18", "1d"]) {
    expect(dataOf(ask(`37 00 ${format} 00000000 0020 00`))).toEqual(
      hex(`00 ${format} 0000`),
    );
    expect(dataOf(ask(`b7 ${format} 00000000 00000020 00 00`))).toEqual(
      hex(`00 ${format} 0000 00000000`),
    );
  }
  expect(dataOf(ask("37 00 00 00000000 0002 00")).length).toBe(2);
  for (const format of ["01", "02", "06", "07"]) {
    expect(verdictOf(ask(`37 00 ${format} 00000000 0020 00`))).toBe("5 24/00");
    expect(verdictOf(ask(`b7 ${format} 00000000 00000020 00 00`)))
      .toBe("5 24/00");
  }
  expect(verdictOf(ask("b7 00 00000001 00000020 00 00"))).toBe("5 24/00");
});

Deno.test("a deferred error takes the place of the next command of its nexus, once", () => {
  const disk = diskWith();
  disk.deferred(alice, "flush", new MediaError("medium", "x"));
  const read = hex("28 00 00000000 00 0001 00");
  expect(disk.plan(alice, hex("12 00 00 00ff 00")).kind).toBe("data-in");
  const plan = disk.plan(alice, read);
  expect(verdictOf(plan)).toBe("3 0c/00");
  if (plan.kind !== "answer") throw new Error(plan.kind);
  expect(plan.outcome.sense?.[0]).toBe(0x71);
  expect(disk.plan(alice, read).kind).toBe("read");
  disk.deferred(alice, "flush", new MediaError("medium", "x"));
  const sense = dataOf(disk.plan(alice, hex("03 01 00 00 ff 00")));
  expect(sense).toEqual(hex("73 03 0c00 000000 00"));
  expect(disk.plan(alice, read).kind).toBe("read");
});
