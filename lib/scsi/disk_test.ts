import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import { MediaError, type MediaFault } from "../base/media_error.ts";
import { Disk } from "./disk.ts";
import type { Nexus } from "./nexus.ts";
import {
  alice,
  bob,
  dataOf,
  diskWith,
  hex,
  identity,
  outcomeText,
  takeAttention,
  verdictOf,
  withData,
} from "./testing.ts";

const READY = hex("00 00 00 00 00 00");
const INQUIRY = hex("12 00 00 00ff 00");
const REPORT_LUNS = hex("a0 00 00 000000 000000ff 00 00");
const REQUEST_SENSE = hex("03 00 00 00 ff 00");
const WRITE = hex("2a 00 00000000 00 0001 00");

function fresh(): Disk {
  return new Disk({
    identity,
    geometry: { blockSizeBytes: 512, sizeBytes: 1024 * 512 },
    readOnly: false,
  });
}

Deno.test("a nexus begins with 29/00, which three commands do not take", () => {
  const disk = fresh();
  disk.join(alice);
  expect(disk.plan(alice, INQUIRY).kind).toBe("data-in");
  expect(disk.plan(alice, REPORT_LUNS).kind).toBe("data-in");
  expect(verdictOf(disk.plan(alice, READY))).toBe("6 29/00");
  expect(verdictOf(disk.plan(alice, READY))).toBe("GOOD");
});

Deno.test("REQUEST SENSE gives a unit attention as its data and clears it", () => {
  const disk = fresh();
  disk.join(alice);
  disk.resized(2048 * 512);
  expect(dataOf(disk.plan(alice, REQUEST_SENSE)).subarray(0, 14)).toEqual(
    hex("70 00 06 00000000 0a 00000000 2900"),
  );
  expect(dataOf(disk.plan(alice, hex("03 01 00 00 ff 00")))).toEqual(
    hex("72 06 2a09 000000 00"),
  );
  expect(verdictOf(disk.plan(alice, READY))).toBe("GOOD");
});

Deno.test("a unit attention comes before the faults of the command", () => {
  const disk = fresh();
  disk.join(alice);
  expect(verdictOf(disk.plan(alice, hex("ff 00 00 00 00 00")))).toBe("6 29/00");
  expect(verdictOf(disk.plan(alice, hex("ff 00 00 00 00 00")))).toBe("5 20/00");
});

Deno.test("each nexus has its own attentions, and a new one for each login", () => {
  const disk = diskWith({}, [alice, bob]);
  disk.resized(512 * 512);
  expect(verdictOf(disk.plan(alice, READY))).toBe("6 2a/09");
  disk.leave(bob);
  disk.join(bob);
  expect(verdictOf(disk.plan(bob, READY))).toBe("6 29/00");
  expect(verdictOf(disk.plan(bob, READY))).toBe("GOOD");
  expect(verdictOf(disk.plan(alice, READY))).toBe("GOOD");
});

Deno.test("a resize is seen by READ CAPACITY and by range checks", () => {
  const disk = diskWith();
  const last = hex("28 00 000007ff 00 0001 00");
  expect(verdictOf(disk.plan(alice, last))).toBe("5 21/00");
  disk.resized(2048 * 512);
  takeAttention(disk, alice);
  expect(verdictOf(disk.plan(alice, last))).toBe("read");
  expect(dataOf(disk.plan(alice, hex("25 00 00000000 0000 00 00"))))
    .toEqual(hex("000007ff 00000200"));
});

Deno.test("resets tell every nexus but the one that asked", () => {
  for (
    const [kind, code] of [
      ["logical-unit", "6 29/03"],
      ["target-warm", "6 29/02"],
      ["target-cold", "6 29/01"],
    ] as const
  ) {
    const disk = diskWith({}, [alice, bob]);
    disk.reset(kind, alice);
    expect(verdictOf(disk.plan(alice, READY))).toBe("GOOD");
    expect(verdictOf(disk.plan(bob, READY))).toBe(code);
    disk.reset(kind);
    expect(verdictOf(disk.plan(alice, READY))).toBe(code);
  }
});

Deno.test("commands that another nexus cleared are reported", () => {
  const disk = diskWith({}, [alice, bob]);
  disk.commandsCleared(alice);
  expect(verdictOf(disk.plan(bob, READY))).toBe("GOOD");
  expect(verdictOf(disk.plan(alice, READY))).toBe("6 2f/00");
});

Deno.test("what is not done is refused, and bits that are not done too", () => {
  const disk = diskWith();
  const ask = (cdb: string) => verdictOf(disk.plan(alice, hex(cdb)));
  // REASSIGN BLOCKS, WRITE BUFFER, LOG SELECT.
  for (const opcode of ["07", "3b", "4c"]) {
    expect(ask(`${opcode} 00 00000000 00000000 000000000000`)).toBe("5 20/00");
  }
  // What not every disk can: FORMAT UNIT, PREVENT ALLOW MEDIUM REMOVAL, SANITIZE, WRITE ATOMIC (16).
  const plain = fresh();
  plain.join(alice);
  takeAttention(plain, alice);
  for (const opcode of ["04", "1e", "48", "9c"]) {
    const cdb = hex(`${opcode} 00 00000000 00000000 000000000000`);
    expect(verdictOf(plain.plan(alice, cdb))).toBe("5 20/00");
  }
  // A service action that nobody has.
  expect(ask("9e 1f 0000000000000000 00000000 00 00")).toBe("5 24/00");
  // NACA in the control byte, a reserved byte.
  expect(ask("00 00 00 00 00 04")).toBe("5 24/00");
  expect(ask("00 00 01 00 00 00")).toBe("5 24/00");
  // Cut short.
  expect(ask("88 00 00000000")).toBe("5 24/00");
  expect(ask("")).toBe("5 20/00");
});

Deno.test("the sense data point at the wrong byte", () => {
  const disk = diskWith();
  const plan = disk.plan(alice, hex("28 20 00000000 00 0001 00"));
  if (plan.kind !== "answer") throw new Error(plan.kind);
  expect(plan.outcome.sense?.subarray(15)).toEqual(hex("c0 0001"));
});

Deno.test("a read-only disk refuses every change and says so", () => {
  const disk = diskWith({ readOnly: true });
  for (
    const cdb of [
      "0a 00 00 00 01 00",
      "2a 00 00000000 00 0000 00",
      "8a 00 0000000000000000 00000001 00 00",
      "2e 00 00000000 00 0001 00",
      "41 00 00000000 00 0001 00",
      "93 09 0000000000000000 00000001 00 00",
      "42 00 00000000 00 0018 00",
      "89 00 0000000000000000 000000 01 00 00",
    ]
  ) expect(verdictOf(disk.plan(alice, hex(cdb)))).toBe("7 27/00");
  expect(dataOf(disk.plan(alice, hex("1a 08 08 00 ff 00")))[2]).toBe(0x90);
  expect(verdictOf(disk.plan(alice, hex("28 00 00000000 00 0001 00"))))
    .toBe("read");
});

Deno.test("a nexus that may only read changes nothing, for nobody", () => {
  const reader = { ...bob, readOnly: true };
  const disk = diskWith({}, [alice, reader]);
  const ask = (cdb: string, nexus: Nexus = reader) =>
    verdictOf(disk.plan(nexus, hex(cdb)));
  for (
    const cdb of [
      "2a 00 00000000 00 0001 00",
      "42 00 00000000 00 0018 00",
      "15 10 00 00 10 00",
      "55 10 00 00 00 00 00 0014 00",
      "16 00 00 00 00 00",
      "56 00 00 00 00 00 00 0000 00",
      "5f 00 00 0000 00000018 00",
      "5f 06 00 0000 00000018 00",
    ]
  ) {
    expect([cdb, ask(cdb)]).toEqual([cdb, "7 27/00"]);
    expect([cdb, ask(cdb, alice)]).not.toEqual([cdb, "7 27/00"]);
    disk.reset("logical-unit");
    takeAttention(disk, alice);
    takeAttention(disk, reader);
  }
  expect(ask("28 00 00000000 00 0001 00")).toBe("read");
  expect(ask("35 00 00000000 00 0000 00")).toBe("flush");
  const modes = (nexus: Nexus) =>
    dataOf(disk.plan(nexus, hex("1a 08 08 00 ff 00")))[2];
  expect(modes(reader)).toBe(0x90);
  expect(modes(alice)).toBe(0x10);
});

Deno.test("what a store throws becomes the sense that fits it", () => {
  const disk = diskWith();
  const of = (fault: MediaFault, during: "read" | "write" | "flush") =>
    outcomeText(disk.failure(alice, during, new MediaError(fault, "x")));
  expect(of("medium", "read")).toBe("3 11/00");
  expect(of("medium", "write")).toBe("3 0c/00");
  expect(of("medium", "flush")).toBe("3 0c/00");
  expect(of("no-space", "write")).toBe("7 27/07");
  expect(of("read-only", "write")).toBe("7 27/00");
  expect(of("failed", "write")).toBe("7 27/00");
  expect(of("failed", "flush")).toBe("3 0c/00");
  for (const thrown of [new VaultError("x"), new TypeError("x"), "x"]) {
    expect(outcomeText(disk.failure(alice, "write", thrown))).toBe("4 44/00");
  }
  expect(outcomeText(disk.aborted(alice, 0x0c0d))).toBe("b 0c/0d");
});

Deno.test("a disk has at least one block", () => {
  const sized = (sizeBytes: number) => () =>
    diskWith({ geometry: { blockSizeBytes: 4096, sizeBytes } });
  expect(sized(4095)).toThrow();
  expect(sized(NaN)).toThrow();
  expect(sized(4096)).not.toThrow();
});

Deno.test("a data-out plan is about its own time: what changed meanwhile counts", () => {
  const disk = diskWith();
  const unmap = disk.plan(alice, hex("42 00 00000000 00 0018 00"));
  disk.resized(8 * 512);
  const list = hex("0016 0010 00000000 0000000000000008 00000001 00000000");
  expect(verdictOf(withData(unmap, list))).toBe("5 21/00");
});

Deno.test("an end of session releases what the session had reserved", () => {
  const disk = diskWith({}, [alice, bob]);
  const reserve = hex("16 00 00 00 00 00");
  expect(verdictOf(disk.plan(alice, reserve))).toBe("GOOD");
  expect(verdictOf(disk.plan(bob, WRITE))).toBe("RESERVATION CONFLICT");
  disk.leave(alice);
  expect(verdictOf(disk.plan(bob, WRITE))).toBe("write");
});
