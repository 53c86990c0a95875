import { expect } from "expect";
import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { systemPrimitives as primitives } from "./primitives.ts";

const hex = (text: string) => fromHex(text)!;

Deno.test("the hashes give the digests of FIPS 180-4, FIPS 202 and RFC 1321", () => {
  const abc = [utf8("a"), utf8("bc")];
  expect(toHex(primitives.hash("md5", ...abc))).toBe(
    "900150983cd24fb0d6963f7d28e17f72",
  );
  expect(toHex(primitives.hash("sha1", ...abc))).toBe(
    "a9993e364706816aba3e25717850c26c9cd0d89d",
  );
  expect(toHex(primitives.hash("sha256", ...abc))).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  expect(toHex(primitives.hash("sha3-256", ...abc))).toBe(
    "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
  );
});

Deno.test("HMAC-SHA-256 gives test case 2 of RFC 4231, in parts and as a Mac", () => {
  const tag =
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const [key, text] = [utf8("Jefe"), utf8("what do ya want for nothing?")];
  expect(toHex(primitives.hmac(key, text.subarray(0, 9), text.subarray(9))))
    .toBe(tag);
  const mac = primitives.mac(key);
  mac.tag(utf8("another message first"));
  expect(toHex(mac.tag(text))).toBe(tag);
  expect(mac.tagBytes).toBe(32);
});

Deno.test("HKDF-SHA-256 gives test case 1 of RFC 5869", () => {
  const okm = primitives.hkdf(
    new Uint8Array(22).fill(0x0b),
    hex("000102030405060708090a0b0c"),
    hex("f0f1f2f3f4f5f6f7f8f9"),
    42,
  );
  expect(toHex(okm)).toBe(
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
});

Deno.test("two agreement keys agree, and a point of small order is refused", () => {
  const [a, b] = [primitives.agreementKey(), primitives.agreementKey()];
  expect(a.agree(b.publicKey)).toEqual(b.agree(a.publicKey));
  expect(a.agree(b.publicKey)).not.toEqual(
    a.agree(primitives.agreementKey().publicKey),
  );
  expect(() => a.agree(new Uint8Array(32))).toThrow(PeerError);
  expect(() => a.agree(new Uint8Array(31))).toThrow(PeerError);
});

Deno.test("equal tells equal from unequal, whatever the lengths", () => {
  expect(primitives.equal(hex("0102"), hex("0102"))).toBe(true);
  expect(primitives.equal(hex("0102"), hex("0103"))).toBe(false);
  expect(primitives.equal(hex("0102"), hex("010200"))).toBe(false);
});
