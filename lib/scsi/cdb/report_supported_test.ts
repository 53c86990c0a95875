import { expect } from "expect";
import { u16, u32 } from "../../base/bytes.ts";
import { commands } from "../commands.ts";
import { alice, dataOf, diskWith, hex, verdictOf } from "../testing.ts";

const disk = diskWith();

function one(options: number, opcode: number, action = 0) {
  const cdb = hex("a3 0c 00 00 0000 0000ffff 00 00");
  cdb[2] = options;
  cdb[3] = opcode;
  cdb[5] = action;
  return disk.plan(alice, cdb);
}

Deno.test("the list of all commands is the command table", () => {
  for (const [rctd, size] of [[0x00, 8], [0x80, 20]] as const) {
    const data = dataOf(one(rctd, 0));
    expect(u32(data, 0)).toBe(data.length - 4);
    const listed: [number, number, number][] = [];
    for (let at = 4; at < data.length; at += size) {
      const flags = data[at + 5]!;
      expect(flags & 0x02).toBe(rctd ? 0x02 : 0);
      listed.push([
        data[at]!,
        (flags & 1) ? u16(data, at + 2) : -1,
        u16(data, at + 6),
      ]);
    }
    expect(listed).toEqual(
      commands.map(({ opcode, serviceAction, mask }) => [
        opcode,
        serviceAction ?? -1,
        mask.length,
      ]),
    );
  }
});

Deno.test("the table names each operation code and service action once, by length", () => {
  const seen = new Set<string>();
  const lengthOfGroup = [6, 10, 10, undefined, 16, 12];
  for (const { opcode, serviceAction, mask, name } of commands) {
    const id = `${opcode} ${serviceAction}`;
    expect(seen.has(id)).toBe(false);
    seen.add(id);
    expect([name, mask.length]).toEqual([name, lengthOfGroup[opcode >>> 5]]);
    // Nothing is done about the control byte.
    expect([name, mask.at(-1)]).toEqual([name, 0]);
  }
});

Deno.test("one command: its length and which bits it looks at", () => {
  expect(dataOf(one(1, 0x28))).toEqual(
    hex("00 03 000a 28 1a ffffffff 1f ffff 00"),
  );
  expect(dataOf(one(0x81, 0x28))).toEqual(
    hex("00 83 000a 28 1a ffffffff 1f ffff 00 000a 00 00 00000000 00000000"),
  );
  expect(dataOf(one(2, 0x9e, 0x10))).toEqual(
    hex("00 03 0010 9e 10 0000000000000000 ffffffff 00 00"),
  );
  expect(dataOf(one(3, 0x28, 0))).toEqual(dataOf(one(1, 0x28)));
  expect(dataOf(one(3, 0x9e, 0x10))).toEqual(dataOf(one(2, 0x9e, 0x10)));
});

Deno.test("what is not done is not supported, and wrong questions are refused", () => {
  const no = hex("00 01 0000");
  expect(dataOf(one(1, 0x07))).toEqual(no);
  expect(dataOf(one(2, 0x9e, 0x1f))).toEqual(no);
  expect(dataOf(one(2, 0x07, 0x01))).toEqual(no);
  expect(dataOf(one(3, 0x28, 1))).toEqual(no);
  expect(dataOf(one(3, 0x9e, 0x1f))).toEqual(no);
  expect(verdictOf(one(1, 0x9e))).toBe("5 24/00");
  expect(verdictOf(one(2, 0x28))).toBe("5 24/00");
  expect(verdictOf(one(4, 0x28))).toBe("5 24/00");
});

Deno.test("what is supported is not refused as unknown, and the rest is", () => {
  for (let opcode = 0; opcode < 256; opcode++) {
    for (let action = 0; action < 32; action++) {
      const cdb = new Uint8Array(16);
      cdb[0] = opcode;
      const rows = commands.filter((command) => command.opcode === opcode);
      const hasActions = rows[0]?.serviceAction !== undefined;
      if (!hasActions && action > 0) break;
      if (hasActions) cdb[1] = action;
      const answer = dataOf(one(hasActions ? 2 : 1, opcode, action));
      const supported = (answer[1]! & 0x07) === 3;
      const verdict = verdictOf(disk.plan(alice, cdb));
      if (rows.length === 0) {
        expect([opcode, verdict]).toEqual([opcode, "5 20/00"]);
      } else {
        expect(supported).toBe(
          rows.some((row) => (row.serviceAction ?? 0) === action),
        );
        expect(verdict).not.toBe("5 20/00");
      }
    }
  }
});

Deno.test("a bit outside the usage map is refused for every command", () => {
  for (const { mask, opcode, serviceAction } of commands) {
    for (let bit = 8; bit < 8 * mask.length; bit++) {
      const at = bit >>> 3;
      const value = 0x80 >>> (bit & 7);
      if ((mask[at]! & value) !== 0) continue;
      const cdb = new Uint8Array(mask.length);
      cdb[0] = opcode;
      cdb[1] = serviceAction ?? 0;
      cdb[at] = cdb[at]! | value;
      const refused = diskWith().plan(alice, cdb);
      expect([opcode, at, verdictOf(refused)]).toEqual([opcode, at, "5 24/00"]);
      if (refused.kind !== "answer") throw new Error(refused.kind);
      expect(u16(refused.outcome.sense!, 16)).toBe(at);
    }
  }
});

Deno.test("task management functions, short and extended", () => {
  const ask = (cdb: string) => disk.plan(alice, hex(cdb));
  expect(dataOf(ask("a3 0d 00 00 0000 000000ff 00 00"))).toEqual(
    hex("da 00 00 00"),
  );
  expect(dataOf(ask("a3 0d 80 00 0000 000000ff 00 00"))).toEqual(
    hex("da 00 00 0c 000000000000000000000000"),
  );
  expect(verdictOf(ask("a3 0d 00 00 0000 00000003 00 00"))).toBe("5 24/00");
});
