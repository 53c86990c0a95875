import { expect } from "expect";
import { Device } from "./device.ts";
import { NoUnit } from "./no_unit.ts";
import {
  alice,
  dataOf,
  diskWith,
  hex,
  outcomeText,
  verdictOf,
} from "./testing.ts";

const device = new Device();
diskWith().appear(device, 0);
const none = new NoUnit(device);

Deno.test("at a LUN with nothing INQUIRY says that nothing can be there", () => {
  const data = dataOf(none.plan(alice, hex("12 00 00 00ff 00")));
  expect(data.subarray(0, 8)).toEqual(hex("7f 00 06 02 1f 00 00 00"));
  expect(data.length).toBe(36);
  expect(dataOf(none.plan(alice, hex("12 00 00 0005 00"))).length).toBe(5);
  expect(verdictOf(none.plan(alice, hex("12 01 83 00ff 00")))).toBe("5 24/00");
});

Deno.test("REPORT LUNS tells where there is something", () => {
  expect(dataOf(none.plan(alice, hex("a0 00 00 000000 00000010 00 00"))))
    .toEqual(hex("00000008 00000000 0000000000000000"));
  expect(verdictOf(none.plan(alice, hex("a0 00 00 000000 0000000f 00 00"))))
    .toBe("5 24/00");
});

Deno.test("REQUEST SENSE explains and everything else is refused", () => {
  expect(dataOf(none.plan(alice, hex("03 01 00 00 ff 00")))).toEqual(
    hex("72 05 2500 000000 00"),
  );
  for (let opcode = 0; opcode < 256; opcode++) {
    if ([0x03, 0x12, 0xa0].includes(opcode)) continue;
    const cdb = new Uint8Array(16);
    cdb[0] = opcode;
    expect(verdictOf(none.plan(alice, cdb))).toBe("5 25/00");
  }
  expect(verdictOf(none.plan(alice, new Uint8Array(0)))).toBe("5 25/00");
  expect(outcomeText(none.failure())).toBe("5 25/00");
});
