import { expect } from "expect";
import { u16 } from "../../base/bytes.ts";
import { alice, dataOf, diskWith, hex, verdictOf } from "../testing.ts";

const disk = diskWith();
const ask = (cdb: string) => disk.plan(alice, hex(cdb));

Deno.test("REPORT TARGET PORT GROUPS tells of one group with one port, active and optimized", () => {
  const group = "00 01 0001 00 00 00 01 0000 0001";
  expect(dataOf(ask("a3 0a 0000 0000 000000ff 00 00"))).toEqual(
    hex(`0000000c ${group}`),
  );
  expect(dataOf(ask("a3 2a 0000 0000 000000ff 00 00"))).toEqual(
    hex(`00000010 10 00 0000 ${group}`),
  );
  expect(dataOf(ask("a3 0a 0000 0000 00000006 00 00"))).toEqual(
    hex("0000000c 00 01"),
  );
  for (const cdb of ["a3 4a", "a3 ea"]) {
    expect(verdictOf(ask(`${cdb} 0000 0000 000000ff 00 00`))).toBe("5 24/00");
  }
  expect(verdictOf(ask("a3 0a 0001 0000 000000ff 00 00"))).toBe("5 24/00");
});

Deno.test("INQUIRY, VPD 83h, REPORT TARGET PORT GROUPS and registrations mean the same port and group", () => {
  const groups = dataOf(ask("a3 0a 0000 0000 000000ff 00 00"));
  const [group, port] = [u16(groups, 4 + 2), u16(groups, 4 + 10)];
  // TPGS: implicit.
  expect(dataOf(ask("12 00 00 0060 00"))[5]! & 0x30).toBe(0x10);
  const page = dataOf(ask("12 01 83 ffff 00"));
  const found: Record<number, number> = {};
  for (let at = 4; at < page.length; at += 4 + page[at + 3]!) {
    const ofPort = (page[at + 1]! & 0x30) === 0x10;
    const type = page[at + 1]! & 0x0f;
    if (ofPort && type !== 8) found[type] = u16(page, at + 6);
  }
  expect(found).toEqual({ 4: port, 5: group });
  const list = hex("0000000000000000 0000000000000001 0000000000000000");
  const register = ask("5f 00 00 0000 00000018 00");
  if (register.kind === "data-out") register.then(list);
  const status = dataOf(ask("5e 03 0000000000 00ff 00"));
  expect(u16(status, 8 + 18)).toBe(port);
});
