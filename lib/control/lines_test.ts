import { expect } from "expect";
import fc from "fast-check";
import { concat, utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { encodeLine, LineReader } from "./lines.ts";

Deno.test("any values come out as they went in, however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 50 }),
      (values, cuts) => {
        const bytes = concat(values.map(encodeLine));
        const reader = new LineReader(bytes.length + 1);
        const got: unknown[] = [];
        let at = 0;
        for (const cut of cuts) {
          // The array that was read is reused by the conversation: what is kept must be a copy.
          const lent = bytes.slice(at, at + cut);
          got.push(...reader.receive(lent));
          lent.fill(0x41);
          at += cut;
        }
        got.push(...reader.receive(bytes.slice(at)));
        expect(JSON.stringify(got)).toBe(JSON.stringify(values));
        expect(reader.midLine).toBe(false);
      },
    ),
  );
});

Deno.test("a line of the longest length is taken, one byte more is not", () => {
  const line = utf8(JSON.stringify("x".repeat(18)) + "\n");
  expect(new LineReader(20).receive(line)).toEqual(["x".repeat(18)]);
  expect(() => new LineReader(19).receive(line)).toThrow(PeerError);
});

Deno.test("an endless line is refused as soon as it is too long, with what was held before counted", () => {
  const reader = new LineReader(100);
  for (let i = 0; i < 10; i++) reader.receive(utf8("0123456789"));
  expect(() => reader.receive(utf8("0"))).toThrow(PeerError);
});

Deno.test("nothing but PeerError escapes from junk", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
      const reader = new LineReader(80);
      try {
        for (const chunk of chunks) reader.receive(chunk);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(PeerError);
      }
    }),
  );
});

Deno.test("every truncated prefix of a line gives no value", () => {
  const line = encodeLine({ id: 1, method: "status", params: [] });
  for (let length = 0; length < line.length; length++) {
    const reader = new LineReader(1000);
    expect(reader.receive(line.subarray(0, length))).toEqual([]);
    expect(reader.midLine).toBe(length > 0);
  }
});

Deno.test("junk is refused without being quoted: it goes to a log, and may hold a secret", () => {
  const line = utf8(`{"params":["photos",{"secret":"twelve-bytes"}}\n`);
  let said = "";
  try {
    new LineReader(1000).receive(line);
  } catch (thrown) {
    said = String(thrown);
  }
  expect(said).toContain("A line is not JSON");
  for (const part of ["twelve", "photos", "secret"]) {
    expect(said).not.toContain(part);
  }
});
