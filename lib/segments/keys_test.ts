import { expect } from "expect";
import fc from "fast-check";
import { putU64, toHex, utf8 } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { MAX_NUMBER, ObjectKind, VolumeKeys } from "./keys.ts";

const keys = new VolumeKeys(primitives, primitives.random(32));
const others = new VolumeKeys(primitives, primitives.random(32));
const KINDS = Object.keys(ObjectKind) as ObjectKind[];
const anyKind = fc.constantFrom(...KINDS);
const anyNumber = fc.integer({ min: 0, max: MAX_NUMBER - 1 });

Deno.test("a name tells its key's holder what lies there, and others nothing", () => {
  fc.assert(fc.property(anyKind, anyNumber, (kind, number) => {
    const name = keys.nameOf(kind, number);
    const its = kind === "segment" ? "d" : kind === "mark" ? "k" : "m";
    expect(name).toMatch(/^[dkm]\/[0-9a-f]{32}$/);
    expect(name[0]).toBe(its);
    expect(keys.parseName(name)).toEqual({ kind, number });
    expect(others.parseName(name)).toBeUndefined();
    // Nor in the other folder, cut, or written otherwise.
    const [folder, digits] = name.split("/") as [string, string];
    const elsewhere = folder === "d" ? "m" : folder === "m" ? "k" : "d";
    for (
      const not of [
        `${elsewhere}/${digits}`,
        digits,
        name.slice(0, -1),
        `${name}0`,
        name.toUpperCase(),
        `${folder}/x${digits.slice(1)}`,
      ]
    ) expect(keys.parseName(not)).toBeUndefined();
  }));
});

Deno.test("no two objects share a name, and neighbours' names have nothing in common", () => {
  const names = new Set<string>();
  for (const kind of KINDS) {
    for (let number = 0; number < 500; number++) {
      names.add(keys.nameOf(kind, number).slice(2));
    }
  }
  expect(names.size).toBe(KINDS.length * 500);
  // Of digits at one place, each of the sixteen comes about as often.
  for (let place = 0; place < 32; place++) {
    const counts = new Map<string, number>();
    for (const name of names) {
      counts.set(name[place]!, (counts.get(name[place]!) ?? 0) + 1);
    }
    const mean = names.size / 16;
    expect(Math.min(...counts.values())).toBeGreaterThan(0.5 * mean);
    expect(Math.max(...counts.values())).toBeLessThan(1.6 * mean);
  }
});

Deno.test("a name that nobody made is nobody's", () => {
  for (let i = 0; i < 2000; i++) {
    const digits = toHex(primitives.random(16));
    expect(keys.parseName(`d/${digits}`)).toBeUndefined();
    expect(keys.parseName(`k/${digits}`)).toBeUndefined();
    expect(keys.parseName(`m/${digits}`)).toBeUndefined();
  }
});

Deno.test("a name of something that this format does not know is nobody's", () => {
  const key = primitives.random(32);
  const keys = new VolumeKeys(primitives, key);
  const info = utf8("vault/1 volume names");
  const names = primitives.permutation(
    primitives.hkdf(key, new Uint8Array(0), info, 32),
  );
  const named = (kind: number, zeros: number, number: number) => {
    const block = new Uint8Array(16);
    block[0] = kind;
    block[7] = zeros;
    putU64(block, 8, number);
    return `m/${toHex(names.forward(block))}`;
  };
  expect(keys.parseName(named(3, 0, 7))).toEqual({
    kind: "checkpoint",
    number: 7,
  });
  for (
    const name of [named(3, 1, 7), named(6, 0, 7), named(3, 0, MAX_NUMBER)]
  ) {
    expect(keys.parseName(name)).toBeUndefined();
  }
});

Deno.test("numbers have a limit", () => {
  for (const number of [-1, 0.5, NaN, MAX_NUMBER, Infinity]) {
    expect(() => keys.nameOf("segment", number)).toThrow(RangeError);
  }
});

Deno.test("a key is known by its check", () => {
  const key = primitives.random(32);
  const check = (key: Uint8Array) =>
    toHex(new VolumeKeys(primitives, key).check);
  expect(check(key)).toBe(check(key.slice()));
  expect(check(key)).not.toBe(toHex(keys.check));
  expect(check(key)).toHaveLength(32);
});
