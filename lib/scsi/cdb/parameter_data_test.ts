import { expect } from "expect";
import { fromUtf8, u16, u32, u64 } from "../../base/bytes.ts";
import { Device } from "../device.ts";
import {
  alice,
  bob,
  dataOf,
  diskWith,
  hex,
  identity,
  takeAttention,
  verdictOf,
  withData,
} from "../testing.ts";
import * as limits from "../limits.ts";

const disk = diskWith();

function inquiry(page?: number, allocation = 0xffff): Uint8Array {
  const cdb = hex("12 00 00 0000 00");
  if (page !== undefined) {
    cdb[1] = 1;
    cdb[2] = page;
  }
  cdb[3] = allocation >>> 8;
  cdb[4] = allocation;
  return dataOf(disk.plan(alice, cdb));
}

Deno.test("INQUIRY says what it is and by which standards", () => {
  expect(inquiry()).toEqual(
    hex(`
      00 80 06 12 5b 18 00 02
      5641554c54202020 70686f746f7320202020202020202020 302e3120
      0000000000000000000000000000000000000000
      0000 00a0 0460 04c0 0960
      0000000000000000 00000000000000000000000000000000000000000000
    `),
  );
});

Deno.test("parameter data are cut to the allocation length and lie about nothing", () => {
  const whole = inquiry();
  for (const length of [0, 1, 5, 36, 95, 96, 255]) {
    expect(inquiry(undefined, length)).toEqual(whole.subarray(0, length));
  }
  const page = inquiry(0x83);
  for (const length of [0, 1, 4, 20]) {
    expect(inquiry(0x83, length)).toEqual(page.subarray(0, length));
  }
});

Deno.test("INQUIRY refuses a page code without EVPD, CMDDT and unknown pages", () => {
  for (
    const cdb of [
      "12 00 80 00ff 00",
      "12 02 00 00ff 00",
      "12 01 b3 00ff 00",
    ]
  ) expect(verdictOf(disk.plan(alice, hex(cdb)))).toBe("5 24/00");
});

Deno.test("every supported VPD page is there, and no other", () => {
  const listed = [...inquiry(0x00).subarray(4)];
  expect(listed).toEqual([0x00, 0x80, 0x83, 0x86, 0x8f, 0xb0, 0xb1, 0xb2]);
  for (let code = 0; code < 256; code++) {
    const cdb = hex("12 01 00 ffff 00");
    cdb[2] = code;
    const plan = disk.plan(alice, cdb);
    expect(plan.kind).toBe(listed.includes(code) ? "data-in" : "answer");
    if (plan.kind !== "data-in") continue;
    expect(plan.data[1]).toBe(code);
    expect(u16(plan.data, 2)).toBe(plan.data.length - 4);
  }
});

Deno.test("VPD 80h is the serial number", () => {
  expect(fromUtf8(inquiry(0x80).subarray(4))).toBe(identity.serial);
});

Deno.test("VPD 83h names the unit, the port and the target", () => {
  const page = inquiry(0x83);
  const found: Record<string, string> = {};
  for (let at = 4; at < page.length; at += 4 + page[at + 3]!) {
    const head = [...page.subarray(at, at + 3)].map((byte) =>
      byte.toString(16).padStart(2, "0")
    ).join(" ");
    const value = page.subarray(at + 4, at + 4 + page[at + 3]!);
    found[head] = (page[at]! & 0x0f) === 1
      ? [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      : fromUtf8(value)!;
    if ((page[at + 1]! & 0x0f) === 8) expect(value.length % 4).toBe(0);
  }
  const name = (text: string) =>
    text.padEnd(Math.ceil((text.length + 1) / 4) * 4, "\0");
  expect(found).toEqual({
    "01 03 00": identity.naa,
    "02 01 00": "VAULT   0123456789abcdef",
    "51 94 00": "00000001",
    "51 95 00": "00000001",
    "53 98 00": name(`${identity.targetName},t,0x0001`),
    "53 a8 00": name(identity.targetName),
  });
});

Deno.test("VPD B0h names the limits that the commands keep", () => {
  const page = inquiry(0xb0);
  expect(page.length).toBe(64);
  expect(page[4]).toBe(0x01);
  expect(page[5]).toBe(limits.MAX_COMPARE_AND_WRITE_BLOCKS);
  expect(u16(page, 6)).toBe(8);
  expect(u32(page, 8) * 512).toBe(limits.MAX_TRANSFER_BYTES);
  expect(u32(page, 16) * 512).toBe(limits.MAX_PREFETCH_BYTES);
  expect(u32(page, 20) * 512).toBe(limits.MAX_UNMAP_BYTES);
  expect(u32(page, 24)).toBe(limits.MAX_UNMAP_DESCRIPTORS);
  expect(u32(page, 28)).toBe(8);
  expect(u32(page, 32)).toBe(0x8000_0000);
  expect(u64(page, 36) * 512).toBe(limits.MAX_WRITE_SAME_BYTES);
});

Deno.test("VPD 86h, B1h and B2h", () => {
  expect(inquiry(0x86).subarray(0, 8)).toEqual(hex("00 86 003c 00 07 01 00"));
  expect(inquiry(0xb1).subarray(0, 9)).toEqual(
    hex("00 b1 003c 0001 00 40 02"),
  );
  expect(inquiry(0xb2)).toEqual(hex("00 b2 0004 00 e4 02 00"));
});

Deno.test("REPORT LUNS lists the target's LUNs", () => {
  const many = diskWith();
  const device = new Device();
  many.appear(device, 5);
  diskWith().appear(device, 300);
  diskWith().appear(device, 0);
  takeAttention(many, alice);
  const ask = (select: number, length = 255) => {
    const cdb = hex("a0 00 00 000000 00000000 00 00");
    cdb[2] = select;
    cdb[9] = length;
    return many.plan(alice, cdb);
  };
  const list = hex(
    "00000018 00000000 0000000000000000 0005000000000000 412c000000000000",
  );
  expect(dataOf(ask(0))).toEqual(list);
  expect(dataOf(ask(2))).toEqual(list);
  expect(dataOf(ask(1))).toEqual(hex("00000000 00000000"));
  expect(dataOf(ask(0, 16))).toEqual(list.subarray(0, 16));
  expect(verdictOf(ask(0, 15))).toBe("5 24/00");
  expect(verdictOf(ask(0x10))).toBe("5 24/00");
});

Deno.test("REQUEST SENSE in both formats, with nothing to tell", () => {
  expect(dataOf(disk.plan(alice, hex("03 00 00 00 ff 00")))).toEqual(
    hex("70 00 00 00000000 0a 00000000 0000 00 000000"),
  );
  expect(dataOf(disk.plan(alice, hex("03 01 00 00 ff 00")))).toEqual(
    hex("72 00 0000 000000 00"),
  );
  expect(dataOf(disk.plan(alice, hex("03 00 00 00 04 00"))).length).toBe(4);
});

Deno.test("MODE SENSE (6) of all pages", () => {
  expect(dataOf(disk.plan(alice, hex("1a 00 3f 00 ff 00")))).toEqual(
    hex(`
      43 00 10 08  00000400 00 000200
      01 0a 00000000000000000000
      08 12 04 0000000000000000000000000000000000
      0a 0a 02 10 00 00 0000 ffff 0000
      1c 0a 08 000000000000000000
    `),
  );
});

Deno.test("MODE SENSE (10) with the block descriptor that was asked for", () => {
  const ask = (cdb: string) => dataOf(disk.plan(alice, hex(cdb)));
  const page = hex("08 12 04 0000000000000000000000000000000000");
  expect(ask("5a 00 08 00 000000 00ff 00")).toEqual(
    Uint8Array.of(...hex("0022 00 10 00 00 0008 00000400 00 000200"), ...page),
  );
  expect(ask("5a 10 08 00 000000 00ff 00")).toEqual(Uint8Array.of(
    ...hex("002a 00 10 01 00 0010 0000000000000400 00000000 00000200"),
    ...page,
  ));
  expect(ask("5a 08 08 00 000000 00ff 00")).toEqual(
    Uint8Array.of(...hex("001a 00 10 00 00 0000"), ...page),
  );
  expect(ask("5a 08 08 00 000000 0003 00")).toEqual(hex("001a 00"));
});

Deno.test("MODE SENSE tells what may be changed and the defaults, and has saved nothing", () => {
  const ask = (cdb: string) => disk.plan(alice, hex(cdb));
  expect(dataOf(ask("1a 08 4a 00 ff 00"))).toEqual(
    hex("0f 00 10 00 0a 0a 04 00 08 00 0000 0000 0000"),
  );
  expect(dataOf(ask("1a 08 88 00 ff 00")).subarray(4, 7)).toEqual(
    hex("08 12 04"),
  );
  expect(verdictOf(ask("1a 08 ca 00 ff 00"))).toBe("5 39/00");
  // Neither this page nor this subpage exists.
  expect(verdictOf(ask("1a 08 02 00 ff 00"))).toBe("5 24/00");
  expect(verdictOf(ask("1a 08 0a 05 ff 00"))).toBe("5 24/00");
  const everything = dataOf(ask("1a 08 3f ff ff 00"));
  expect(everything.length).toBe(60 + 32);
  const extension = dataOf(ask("1a 08 0a 01 ff 00")).subarray(4);
  expect(extension).toEqual(hex(`4a 01 001c ${"00".repeat(28)}`));
  expect(everything.subarray(48, 80)).toEqual(extension);
  expect(dataOf(ask("1a 08 0a ff ff 00")).length).toBe(4 + 12 + 32);
  expect(dataOf(ask("1a 08 4a 01 ff 00")).subarray(4)).toEqual(extension);
});

Deno.test("MODE SELECT changes sense format and write protection, and tells the others", () => {
  const disk = diskWith({}, [alice, bob]);
  const control = "00 00 00 00 0a 0a 06 10 08 00 0000 ffff 0000";
  const select = disk.plan(alice, hex("15 10 00 00 10 00"));
  expect(verdictOf(withData(select, hex(control)))).toBe("GOOD");
  // Descriptor format now, and write protected by software.
  const refused = disk.plan(alice, hex("2a 00 00000000 00 0001 00"));
  expect(verdictOf(refused)).toBe("7 27/02");
  if (refused.kind !== "answer") throw new Error(refused.kind);
  expect(refused.outcome.sense?.[0]).toBe(0x72);
  expect(dataOf(disk.plan(alice, hex("1a 08 0a 00 ff 00"))).subarray(2, 9))
    .toEqual(hex("90 00 0a 0a 06 10 08"));
  expect(verdictOf(disk.plan(bob, hex("00 00 00 00 00 00")))).toBe("6 2a/01");
  expect(verdictOf(disk.plan(alice, hex("00 00 00 00 00 00")))).toBe("GOOD");
  // A second time nothing changes, and nobody is told.
  const again = disk.plan(alice, hex("55 10 00 00 00 00 00 0014 00"));
  const ten = "0000 00 00 00 00 0000 0a 0a 06 10 08 00 0000 ffff 0000";
  expect(verdictOf(withData(again, hex(ten)))).toBe("GOOD");
  expect(verdictOf(disk.plan(bob, hex("00 00 00 00 00 00")))).toBe("GOOD");
  // A reset takes it all back.
  disk.reset("logical-unit", alice);
  expect(verdictOf(disk.plan(alice, hex("2a 00 00000000 00 0001 00"))))
    .toBe("write");
});

Deno.test("MODE SELECT takes all of a list or nothing", () => {
  const select = (list: string, cdb?: string) => {
    const bytes = hex(list);
    const ask = hex(cdb ?? "15 10 00 00 00 00");
    if (!cdb) ask[4] = bytes.length;
    const plan = disk.plan(alice, ask);
    return verdictOf(plan.kind === "data-out" ? plan.then(bytes) : plan);
  };
  const swp = "0a 0a 02 10 08 00 0000 ffff 0000";
  const refused = "5 26/00";
  // The second page is not one, is too short, or wants what cannot be changed.
  expect(select(`00000000 ${swp} 02 0a 00000000000000000000`)).toBe(refused);
  expect(select(`00000000 ${swp} 08 0a 00000000000000000000`)).toBe(refused);
  expect(select(`00000000 ${swp} 08 12 04 0000`)).toBe(refused);
  expect(select(`00000000 ${swp} 1c 0a 00 000000000000000000`)).toBe(refused);
  expect(select("00000000 0a 0a 02 20 00 00 0000 ffff 0000")).toBe(refused);
  // A page with a subpage, as it is and as it cannot be; and cut short.
  const extension = `4a 01 001c ${"00".repeat(27)}`;
  expect(select(`00000000 ${extension} 00`)).toBe("GOOD");
  expect(select(`00000000 ${extension} 01`)).toBe(refused);
  expect(select(`00000000 ${extension}`)).toBe(refused);
  expect(select(`00000000 4a 02 001c ${"00".repeat(28)}`)).toBe(refused);
  // A block descriptor may say what is so, and nothing else.
  expect(select("00000008 00000400 00 000200")).toBe("GOOD");
  expect(select("00000008 00000000 00 000200")).toBe("GOOD");
  expect(select("00000008 00000400 00 001000")).toBe(refused);
  expect(select("00000008 00000200 00 000200")).toBe(refused);
  // Lengths.
  expect(select("", "15 10 00 00 00 00")).toBe("GOOD");
  expect(select("000000", "15 10 00 00 03 00")).toBe("5 1a/00");
  expect(select("00000008 00000400")).toBe("5 1a/00");
  expect(select("00000000", "15 10 00 00 10 00")).toBe("5 1a/00");
  expect(select("00000000", "55 10 00 00 00 00 00 0201 00")).toBe("5 24/00");
  // Without PF; and saving.
  expect(select(`00000000 ${swp}`, "15 00 00 00 10 00")).toBe("5 24/00");
  expect(select(`00000000 ${swp}`, "15 11 00 00 10 00")).toBe("5 24/00");
  expect(verdictOf(disk.plan(alice, hex("2a 00 00000000 00 0001 00"))))
    .toBe("write");
});

Deno.test("SYNCHRONIZE CACHE flushes all, at once or in time", () => {
  for (
    const [cdb, immediate] of [
      ["35 00 00000000 00 0000 00", false],
      ["35 02 00000007 00 0001 00", true],
      ["91 00 0000000000000000 00000000 00 00", false],
      ["91 06 0000000000000000 00000000 00 00", true],
    ] as const
  ) {
    expect(disk.plan(alice, hex(cdb))).toEqual({ kind: "flush", immediate });
  }
});

Deno.test("PRE-FETCH of no length takes what it may up to the end", () => {
  const ask = (cdb: string) => disk.plan(alice, hex(cdb));
  expect(ask("34 00 000003fe 00 0000 00")).toEqual(
    { kind: "probe", extent: { offset: 0x3fe * 512, length: 1024 } },
  );
  const large = diskWith({ blocks: 1024 * 1024 });
  expect(large.plan(alice, hex("90 02 0000000000000000 00000000 00 00")))
    .toEqual({
      kind: "probe",
      extent: { offset: 0, length: limits.MAX_PREFETCH_BYTES },
    });
});
