import { expect } from "expect";
import type { Disk } from "./disk.ts";
import type { ErasureAsk } from "./erasure.ts";
import type { Nexus } from "./nexus.ts";
import type { Erase, Plan } from "./plan.ts";
import {
  alice,
  bob,
  dataOf,
  diskWith,
  hex,
  noNotes,
  outcomeText,
  takeAttention,
  verdictOf,
  withData,
} from "./testing.ts";

const READY = "00 00 00 00 00 00";
const READ = "28 00 00000000 00 0001 00";
const EJECT = "1b 00 00 00 02 00";
const LOAD = "1b 00 00 00 03 00";
const START = "1b 00 00 00 01 00";
const STOP = "1b 00 00 00 00 00";
const PREVENT = "1e 00 00 00 01 00";
const ALLOW = "1e 00 00 00 00 00";
const FORMAT = "04 00 00 0000 00";
const BLOCK_ERASE = "48 02 0000000000 0000 00";
const EXIT_FAILURE_MODE = "48 1f 0000000000 0000 00";

function asker(disk: Disk) {
  return (cdb: string, nexus: Nexus = alice) =>
    verdictOf(disk.plan(nexus, hex(cdb)));
}

function erasureOf(plan: Plan): Erase {
  if (plan.kind !== "erase") throw new Error(verdictOf(plan));
  return plan;
}

/** One command of each kind that wants blocks. */
const MEDIA_ACCESS = [
  READ,
  "08 00 00 00 01 00",
  "2a 00 00000000 00 0001 00",
  "25 00 00000000 0000 00 00",
  "9e 10 0000000000000000 00000020 00 00",
  "9e 12 0000000000000000 00000018 00 00",
  "35 00 00000000 00 0000 00",
  "42 00 00000000 00 0018 00",
  "8b 00 0000000000000000 00000001 00 00",
  "9c 00 0000000000000000 0000 0001 00 00",
  "37 00 00 00000000 0008 00",
  "1d 04 00 0000 00",
  FORMAT,
  BLOCK_ERASE,
];
/** And those that want none. */
const OTHERS = [
  "12 00 00 00ff 00",
  "a0 00 00 000000 000000ff 00 00",
  "03 00 00 00 ff 00",
  "1a 00 3f 00 ff 00",
  "4d 00 40 00 00 0000 00ff 00",
  "5e 00 0000000000 00ff 00",
  "a3 0c 00 00 0000 000000ff 00 00",
];

Deno.test("a stopped unit gives its blocks to nobody until it is started or reset", () => {
  const disk = diskWith({ removable: false }, [alice, bob]);
  const ask = asker(disk);
  expect(disk.plan(alice, hex(STOP))).toEqual(
    { kind: "flush", immediate: false },
  );
  for (const nexus of [alice, bob]) {
    expect(ask(READY, nexus)).toBe("2 04/02");
    for (const cdb of MEDIA_ACCESS) expect(ask(cdb, nexus)).toBe("2 04/02");
    for (const cdb of OTHERS) expect([cdb, ask(cdb)]).toEqual([cdb, "data-in"]);
  }
  expect(outcomeText(disk.refusal(alice)!)).toBe("2 04/02");
  expect(dataOf(disk.plan(bob, hex("03 00 00 00 ff 00"))).subarray(0, 14))
    .toEqual(hex("70 00 02 00000000 0a 00000000 0402"));
  expect(ask(START)).toBe("GOOD");
  expect(ask(READ, bob)).toBe("read");
  expect(disk.refusal(alice)).toBe(undefined);
  expect(disk.plan(alice, hex("1b 01 00 00 00 00"))).toEqual(
    { kind: "flush", immediate: true },
  );
  disk.reset("logical-unit", alice);
  expect(ask(READ)).toBe("read");
});

Deno.test("a fixed medium is not ejected, and there is no power to save", () => {
  const disk = diskWith({ removable: false });
  const ask = asker(disk);
  for (const cdb of [EJECT, LOAD]) expect(ask(cdb)).toBe("5 24/00");
  expect(ask(PREVENT)).toBe("5 20/00");
  for (const condition of ["10", "21", "30", "70", "a0", "f1"]) {
    expect(ask(`1b 00 00 00 ${condition} 00`)).toBe("5 24/00");
  }
  expect(ask("1b 00 00 01 01 00")).toBe("5 24/00");
  expect(dataOf(disk.plan(alice, hex("12 00 00 00ff 00")))[1]).toBe(0);
  expect(ask(READ)).toBe("read");
});

Deno.test("a medium is ejected and loaded, and who did not load it is told", () => {
  const disk = diskWith({}, [alice, bob]);
  const ask = asker(disk);
  expect(dataOf(disk.plan(alice, hex("12 00 00 00ff 00")))[1]).toBe(0x80);
  expect(ask(EJECT)).toBe("flush");
  for (const nexus of [alice, bob]) {
    expect(ask(READY, nexus)).toBe("2 3a/00");
    for (const cdb of MEDIA_ACCESS) expect(ask(cdb, nexus)).toBe("2 3a/00");
    for (const cdb of OTHERS) expect([cdb, ask(cdb)]).toEqual([cdb, "data-in"]);
  }
  // It is out already; it cannot be started; a reset does not bring it back.
  expect(ask(EJECT)).toBe("GOOD");
  expect(ask(STOP)).toBe("GOOD");
  expect(ask(START)).toBe("2 3a/00");
  disk.reset("target-cold", alice);
  takeAttention(disk, bob);
  expect(ask(READY, bob)).toBe("2 3a/00");
  expect(ask(LOAD)).toBe("GOOD");
  expect(ask(READ)).toBe("read");
  expect(ask(READ, bob)).toBe("6 28/00");
  expect(ask(READ, bob)).toBe("read");
  // It is in already, and nobody is told.
  expect(ask(LOAD)).toBe("GOOD");
  expect(ask(READ, bob)).toBe("read");
});

Deno.test("what anybody has locked stays in, until that nexus allows it, ends, or a reset", () => {
  for (
    const release of [
      (disk: Disk) => void disk.plan(bob, hex(ALLOW)),
      (disk: Disk) => disk.leave(bob),
      (disk: Disk) => disk.reset("logical-unit", alice),
      (disk: Disk) => disk.reset("target-warm", alice),
      (disk: Disk) => disk.reset("target-cold", alice),
    ]
  ) {
    const disk = diskWith({}, [alice, bob]);
    const ask = asker(disk);
    expect(ask(PREVENT, bob)).toBe("GOOD");
    expect(ask(EJECT)).toBe("5 53/02");
    expect(ask(EJECT, bob)).toBe("5 53/02");
    expect(ask(LOAD)).toBe("5 53/02");
    expect(ask(READ)).toBe("read");
    // Alice has locked nothing, so she cannot unlock it.
    expect(ask(ALLOW)).toBe("GOOD");
    expect(ask(EJECT)).toBe("5 53/02");
    release(disk);
    expect(ask(EJECT)).toBe("flush");
  }
});

Deno.test("a nexus that may only read moves no medium", () => {
  const reader = { ...bob, readOnly: true };
  const disk = diskWith({}, [alice, reader]);
  const ask = asker(disk);
  for (const cdb of [EJECT, LOAD, STOP, FORMAT, BLOCK_ERASE]) {
    expect(ask(cdb, reader)).toBe("7 27/00");
  }
  expect(ask(START, reader)).toBe("GOOD");
  expect(ask(PREVENT, reader)).toBe("GOOD");
});

Deno.test("while it is erased only few commands go on, and the rest hear how far it is", () => {
  for (
    const [cdb, code] of [[FORMAT, "2 04/04"], [
      BLOCK_ERASE,
      "2 04/1b",
    ]] as const
  ) {
    const disk = diskWith({}, [alice, bob]);
    const ask = asker(disk);
    const { erasure } = erasureOf(disk.plan(alice, hex(cdb)));
    // Planned is not begun.
    expect(ask(READ)).toBe("read");
    erasure.begin();
    erasure.progressed(0.5);
    for (
      const cdb of [...MEDIA_ACCESS, READY, START, EJECT, "1a 00 3f 00 ff 00"]
    ) expect([cdb, ask(cdb, bob)]).toEqual([cdb, code]);
    for (
      const cdb of ["12 00 00 00ff 00", "a0 00 00 000000 000000ff 00 00"]
    ) expect(ask(cdb)).toBe("data-in");
    const sense = dataOf(disk.plan(bob, hex("03 00 00 00 ff 00")));
    expect(sense.subarray(15)).toEqual(hex("80 8000"));
    expect(dataOf(disk.plan(bob, hex("03 01 00 00 ff 00"))).subarray(8))
      .toEqual(hex("02 06 0000 80 8000 00"));
    // It goes on through everything.
    disk.leave(alice);
    disk.reset("target-cold", bob);
    expect(ask(READ, bob)).toBe(code);
    erasure.finished();
    expect(ask(READ, bob)).toBe("read");
  }
});

Deno.test("a medium that could not be formatted is corrupted until it is", () => {
  const disk = diskWith();
  const ask = asker(disk);
  const { erasure } = erasureOf(disk.plan(alice, hex(FORMAT)));
  erasure.begin();
  erasure.failed();
  expect(outcomeText(erasure.failure())).toBe("3 31/01");
  expect(ask(READ)).toBe("3 31/00");
  expect(ask(READY)).toBe("3 31/00");
  expect(ask(EXIT_FAILURE_MODE)).toBe("5 24/00");
  expect(ask("1a 00 3f 00 ff 00")).toBe("data-in");
  const again = erasureOf(disk.plan(alice, hex(FORMAT))).erasure;
  again.begin();
  again.finished();
  expect(ask(READ)).toBe("read");
});

Deno.test("a sanitizing that failed is left by another, or by EXIT FAILURE MODE where AUSE had allowed it", () => {
  for (const [flags, verdict] of [["02", "5 24/00"], ["22", "GOOD"]] as const) {
    const disk = diskWith();
    const ask = asker(disk);
    expect(ask(EXIT_FAILURE_MODE)).toBe("GOOD");
    const { erasure } = erasureOf(
      disk.plan(alice, hex(`48 ${flags} 0000000000 0000 00`)),
    );
    erasure.begin();
    expect(ask(EXIT_FAILURE_MODE)).toBe("2 04/1b");
    erasure.failed();
    expect(outcomeText(erasure.failure())).toBe("3 31/03");
    expect(ask(READ)).toBe("3 31/03");
    expect(ask(EXIT_FAILURE_MODE)).toBe(verdict);
    expect(ask(READ)).toBe(verdict === "GOOD" ? "read" : "3 31/03");
    expect(ask(BLOCK_ERASE)).toBe("erase");
  }
});

Deno.test("notes are made before it begins and cleared before it is over, or neither is so", () => {
  const log: string[] = [];
  let broken = false;
  const note = (what: string) => {
    if (broken) throw new Error(what);
    log.push(what);
  };
  const disk = diskWith({
    erasureNotes: {
      write: ({ method }) => note(method.kind),
      clear: () => note("clear"),
    },
  });
  const ask = asker(disk);
  const { erasure } = erasureOf(disk.plan(alice, hex(BLOCK_ERASE)));
  broken = true;
  expect(() => erasure.begin()).toThrow();
  expect(ask(READ)).toBe("read");
  broken = false;
  erasure.begin();
  broken = true;
  expect(() => erasure.finished()).toThrow();
  expect(ask(READ)).toBe("2 04/1b");
  broken = false;
  erasure.finished();
  expect(log).toEqual(["block-erase", "clear"]);
  expect(ask(READ)).toBe("read");
});

Deno.test("an interrupted erasure is still under way after a restart", () => {
  const interrupted: ErasureAsk = {
    method: {
      kind: "overwrite",
      pattern: new Uint8Array(512).fill(0xaa),
      count: 2,
      invert: true,
    },
    unrestrictedExit: false,
  };
  const disk = diskWith({ interrupted, erasureNotes: noNotes });
  expect(asker(disk)(READ)).toBe("2 04/1b");
  const erasure = disk.interrupted()!;
  expect(erasure.passes).toEqual([
    {
      kind: "overwrite",
      pattern: new Uint8Array(512).fill(0xaa),
      everywhere: false,
    },
    {
      kind: "overwrite",
      pattern: new Uint8Array(512).fill(0x55),
      everywhere: true,
    },
  ]);
  erasure.finished();
  expect(asker(disk)(READ)).toBe("read");
  expect(disk.interrupted()).toBe(undefined);
});

Deno.test("two lists that were under way together begin one sanitizing", () => {
  const disk = diskWith();
  const cdb = hex("48 01 0000000000 0005 00");
  const [one, two] = [disk.plan(alice, cdb), disk.plan(alice, cdb)];
  const list = hex("01 00 0001 aa");
  erasureOf(withData(one, list)).erasure.begin();
  expect(verdictOf(withData(two, list))).toBe("2 04/1b");
});
