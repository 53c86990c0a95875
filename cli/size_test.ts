import { expect } from "expect";
import fc from "fast-check";
import { VaultError } from "../lib/base/errors.ts";
import { formatRate, formatSize, parseSize } from "./size.ts";

Deno.test("sizes are read as people write them", () => {
  for (
    const [text, bytes] of [
      ["1", 1],
      ["512", 512],
      ["512B", 512],
      ["4096 b", 4096],
      ["1K", 1024],
      ["1k", 1024],
      ["1KiB", 1024],
      ["1KB", 1000],
      ["1kB", 1000],
      ["500M", 500 * 2 ** 20],
      ["500MB", 500e6],
      ["100GiB", 100 * 2 ** 30],
      [" 100 GiB ", 100 * 2 ** 30],
      ["10gib", 10 * 2 ** 30],
      ["1.5T", 1.5 * 2 ** 40],
      ["0.5K", 512],
      ["1.50 TB", 1.5e12],
      ["2PiB", 2 ** 51],
      ["0001", 1],
    ] as const
  ) expect([text, parseSize(text)]).toEqual([text, bytes]);
});

Deno.test("what is no size is refused with a hint", () => {
  for (
    const text of [
      ...["", " ", "0", "0GiB", "-1", "+1", "1e3", "0x10", "1,5G", ".5G", "5."],
      ...["10GG", "10GIBS", "10bytes", "G", "1 000", "1Gi", "1Ki", "1.0001K"],
      ...["9007199254740992", "99999P", "NaN", "Infinity", "½G", "1\n2"],
    ]
  ) {
    try {
      parseSize(text);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(VaultError);
      expect(thrown).toMatchObject({ kind: "usage" });
      expect((thrown as VaultError).hint).toBeDefined();
      continue;
    }
    throw new Error(`"${text}" was taken for a size`);
  }
});

Deno.test("a whole number of any unit is that many bytes, and one with a fraction exactly that or refused", () => {
  const units = [
    ["", 1n],
    ["K", 1n << 10n],
    ["MiB", 1n << 20n],
    ["MB", 1_000_000n],
    ["g", 1n << 30n],
    ["TB", 10n ** 12n],
  ] as const;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4000 }),
      fc.stringMatching(/^[0-9]{0,6}$/),
      fc.constantFrom(...units),
      (whole, fraction, [unit, bytes]) => {
        const text = `${whole}${fraction && "."}${fraction}${unit}`;
        const scale = 10n ** BigInt(fraction.length);
        const exact = (BigInt(whole) * scale + BigInt(fraction || "0")) * bytes;
        if (exact % scale === 0n && exact > 0n) {
          expect(parseSize(text)).toBe(Number(exact / scale));
        } else expect(() => parseSize(text)).toThrow(VaultError);
      },
    ),
  );
});

Deno.test("nothing but VaultError escapes from junk", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const bytes = parseSize(text);
      expect(Number.isSafeInteger(bytes) && bytes > 0).toBe(true);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(VaultError);
    }
  }));
});

Deno.test("sizes are shown in three digits or so", () => {
  for (
    const [bytes, text] of [
      [0, "0 B"],
      [1, "1 B"],
      [1023, "1023 B"],
      [1024, "1 KiB"],
      [1536, "1.5 KiB"],
      [100 * 2 ** 30, "100 GiB"],
      [2 ** 30 - 1, "1 GiB"],
      [2 ** 30 + 2 ** 25, "1.03 GiB"],
      [15.25 * 2 ** 40, "15.3 TiB"],
      [2 ** 52, "4 PiB"],
    ] as const
  ) expect(formatSize(bytes)).toBe(text);
  expect(formatRate(1536.4)).toBe("1.5 KiB/s");
});

Deno.test("what is shown reads back within a hundredth", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 52 }), (bytes) => {
    const text = formatSize(bytes);
    const [number = "", unit = ""] = text.split(" ");
    const shown = Number(number) *
      1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].indexOf(unit);
    expect(Math.abs(shown - bytes) / bytes).toBeLessThan(0.01);
    expect(Number(number)).toBeLessThan(1024);
  }));
});
