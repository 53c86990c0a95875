import { expect } from "expect";
import fc from "fast-check";
import { utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import {
  MAX_PAIRS,
  MAX_TEXT_BYTES,
  MAX_VALUE_BYTES,
  type Pair,
  parseText,
  refuseRepeats,
  renderText,
  TextCollector,
} from "./text.ts";

const TABLE: readonly [string, Pair[]][] = [
  ["", []],
  ["A=b\0", [{ key: "A", value: "b" }]],
  ["SendTargets=\0", [{ key: "SendTargets", value: "" }]],
  [
    "InitiatorAlias=Ännas Gerät = 1\0iSCSIProtocolLevel=1\0X#NodeArchitecture=vt\0",
    [
      { key: "InitiatorAlias", value: "Ännas Gerät = 1" },
      { key: "iSCSIProtocolLevel", value: "1" },
      { key: "X#NodeArchitecture", value: "vt" },
    ],
  ],
];

Deno.test("text: both ways", () => {
  for (const [text, pairs] of TABLE) {
    expect(parseText(utf8(text))).toEqual(pairs);
    expect(renderText(pairs)).toEqual(utf8(text));
  }
  // NULs after the last pair are passed over.
  expect(parseText(utf8("A=b\0\0\0"))).toEqual([{ key: "A", value: "b" }]);
});

Deno.test("text: no prefix that cuts a pair parses", () => {
  const text = utf8("HeaderDigest=None\0");
  for (let length = 1; length < text.length; length++) {
    expect(() => parseText(text.subarray(0, length))).toThrow(PeerError);
  }
});

Deno.test("text: malformed pairs are refused", () => {
  for (
    const text of [
      "A\0",
      "=b\0",
      "1A=b\0",
      "A b=c\0",
      "Ä=b\0",
      "A=b",
      "A=b\0\0C=d\0",
      "\0A=b\0",
      "A=b\nc\0",
      "A=b\x7f\0",
      `${"A".repeat(64)}=b\0`,
    ]
  ) expect(() => parseText(utf8(text))).toThrow(PeerError);
  const invalid = Uint8Array.of(0x41, 0x3d, 0xff, 0);
  expect(() => parseText(invalid)).toThrow(PeerError);
});

Deno.test("text: the limits themselves pass, one more does not", () => {
  const key = "A".repeat(63);
  expect(parseText(utf8(`${key}=b\0`))[0]?.key).toBe(key);
  const value = "v".repeat(MAX_VALUE_BYTES);
  expect(parseText(utf8(`A=${value}\0`))[0]?.value).toBe(value);
  expect(() => parseText(utf8(`A=${value}v\0`))).toThrow(PeerError);
  const pairs = "A=b\0".repeat(MAX_PAIRS);
  expect(parseText(utf8(pairs)).length).toBe(MAX_PAIRS);
  expect(() => parseText(utf8(`${pairs}A=b\0`))).toThrow(PeerError);
  // Padded with NULs to the longest text.
  const longest = new Uint8Array(MAX_TEXT_BYTES);
  longest.set(utf8("A=b\0"));
  expect(parseText(longest).length).toBe(1);
  expect(() => parseText(new Uint8Array(MAX_TEXT_BYTES + 1))).toThrow(
    PeerError,
  );
});

Deno.test("text: a collector joins at any bytes, and is bounded", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.stringMatching(/^[A-Z][a-z]{0,9}$/), fc.nat()), {
      maxLength: 9,
    }),
    fc.array(fc.nat(200), { maxLength: 5 }),
    (of, cuts) => {
      const pairs = of.map(([key, value]) => ({ key, value: String(value) }));
      const text = renderText(pairs);
      const collector = new TextCollector();
      let start = 0;
      for (const cut of cuts.sort((a, b) => a - b)) {
        const end = Math.min(cut, text.length);
        const part = text.slice(start, end);
        expect(collector.add(part, true)).toBe(undefined);
        expect(collector.open).toBe(true);
        part.fill(0);
        start = end;
      }
      expect(collector.add(text.slice(start), false)).toEqual(pairs);
      expect(collector.open).toBe(false);
    },
  ));
  const collector = new TextCollector();
  collector.add(new Uint8Array(MAX_TEXT_BYTES), true);
  expect(() => collector.add(new Uint8Array(1), true)).toThrow(PeerError);
});

Deno.test("text: a key twice is refused where it must be unique", () => {
  const pair = { key: "A", value: "b" };
  refuseRepeats([pair, { key: "B", value: "b" }]);
  expect(() => refuseRepeats([pair, pair])).toThrow(PeerError);
});

Deno.test("text: any bytes give pairs that render to a text with the same pairs", () => {
  const alphabet = fc.constantFrom(0, 0, 0x3d, 0x41, 0x61, 0x2c, 0xc3, 0xa4);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.array(alphabet).map((b) => Uint8Array.from(b)),
      ),
      (bytes) => {
        let pairs: Pair[];
        try {
          pairs = parseText(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(PeerError);
          return;
        }
        expect(parseText(renderText(pairs))).toEqual(pairs);
      },
    ),
    { numRuns: 2000 },
  );
});
