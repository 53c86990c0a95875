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

Deno.test("HMAC-SHA-256 gives test case 2 of RFC 4231, in parts", () => {
  const tag =
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const [key, text] = [utf8("Jefe"), utf8("what do ya want for nothing?")];
  expect(toHex(primitives.hmac(key, text.subarray(0, 9), text.subarray(9))))
    .toBe(tag);
});

Deno.test("a Mac gives what RFC 8439 section 2.8 makes of associated data alone", () => {
  // The twin first: the key stream of section 2.3.2 and the tag of section 2.5.2.
  const counting = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(toHex(chacha20Block(counting, hex("000000090000004a00000000"), 1)))
    .toMatch(/^10f1e7e4d13b5915500fdd1fa32071c4/);
  const key = hex(
    "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
  );
  expect(toHex(poly1305(key, utf8("Cryptographic Forum Research Group"))))
    .toBe("a8061dc1305136c6c22b8baf0c0127a9");

  const mac = primitives.mac(counting);
  expect(mac.tagBytes).toBe(16);
  for (const length of [0, 1, 15, 16, 17, 48, 1000, 65_537]) {
    const nonce = primitives.random(12);
    const bytes = primitives.random(length);
    const oneTimeKey = chacha20Block(counting, nonce, 0).subarray(0, 32);
    const padded = new Uint8Array(Math.ceil(length / 16) * 16 + 16);
    padded.set(bytes);
    new DataView(padded.buffer).setUint32(padded.length - 16, length, true);
    expect(toHex(mac.tag(nonce, bytes))).toBe(
      toHex(poly1305(oneTimeKey, padded)),
    );
  }
});

/** ChaCha20's block function, section 2.3, slowly. */
function chacha20Block(
  key: Uint8Array,
  nonce: Uint8Array,
  counter: number,
): Uint8Array {
  const words = (bytes: Uint8Array) => {
    const view = new DataView(bytes.slice().buffer);
    return Array.from(
      { length: bytes.length / 4 },
      (_, i) => view.getUint32(4 * i, true),
    );
  };
  const start = [
    ...words(utf8("expand 32-byte k")),
    ...words(key),
    counter,
    ...words(nonce),
  ];
  const state = [...start];
  const mix = (a: number, b: number, d: number, bits: number) => {
    state[a] = (state[a]! + state[b]!) >>> 0;
    const x = state[d]! ^ state[a]!;
    state[d] = ((x << bits) | (x >>> (32 - bits))) >>> 0;
  };
  const quarter = (a: number, b: number, c: number, d: number) => {
    mix(a, b, d, 16);
    mix(c, d, b, 12);
    mix(a, b, d, 8);
    mix(c, d, b, 7);
  };
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) {
      quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
  }
  const block = new DataView(new ArrayBuffer(64));
  state.forEach((word, i) =>
    block.setUint32(4 * i, (word + start[i]!) >>> 0, true)
  );
  return new Uint8Array(block.buffer);
}

/** Poly1305, section 2.5, slowly. */
function poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
  const number = (bytes: Uint8Array) =>
    bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = (sum + number(block) + (1n << BigInt(8 * block.length))) * r %
      ((1n << 130n) - 5n);
  }
  const tag = (sum + number(key.subarray(16))) & ((1n << 128n) - 1n);
  return Uint8Array.from(
    { length: 16 },
    (_, i) => Number((tag >> BigInt(8 * i)) & 0xffn),
  );
}

Deno.test("the AEAD gives the example of RFC 8439 section 2.8.2", () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
  const nonce = hex("070000004041424344454647");
  const associated = hex("50515253c0c1c2c3c4c5c6c7");
  const plain = utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const sealed = new Uint8Array(plain.length + 16);
  const aead = primitives.aead(key);
  aead.seal(nonce, associated, plain, sealed);
  expect(toHex(sealed)).toBe(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
      "3ff4def08e4b7a9de576d26586cec64b6116" +
      "1ae10b594f09e26a7e902ecbd0600691",
  );
  expect(toHex(aead.open(nonce, associated, sealed)!)).toBe(toHex(plain));
});

Deno.test("the AEAD opens what was sealed and nothing else, at every length", () => {
  for (const length of [0, 1, 63, 64, 65, 4096, 65_536, 65_537]) {
    const [key, nonce] = [primitives.random(32), primitives.random(12)];
    const [associated, plain] = [
      primitives.random(36),
      primitives.random(length),
    ];
    const aead = primitives.aead(key);
    const sealed = new Uint8Array(length + 16);
    aead.seal(nonce, associated, plain, sealed);
    expect(toHex(aead.open(nonce, associated, sealed)!)).toBe(toHex(plain));
    const flip = (bytes: Uint8Array, at: number) =>
      bytes.map((byte, i) => i === at ? byte ^ 1 : byte);
    for (const at of [0, length >> 1, length, length + 15]) {
      expect(aead.open(nonce, associated, flip(sealed, at))).toBeUndefined();
    }
    expect(aead.open(flip(nonce, 11), associated, sealed)).toBeUndefined();
    expect(aead.open(nonce, flip(associated, 35), sealed)).toBeUndefined();
    expect(aead.open(nonce, associated, sealed.subarray(1))).toBeUndefined();
    expect(aead.open(nonce, associated, sealed.subarray(0, length + 15)))
      .toBeUndefined();
    expect(primitives.aead(flip(key, 0)).open(nonce, associated, sealed))
      .toBeUndefined();
  }
  const empty = primitives.aead(primitives.random(32));
  expect(empty.open(new Uint8Array(12), new Uint8Array(0), new Uint8Array(15)))
    .toBeUndefined();
});

Deno.test("the permutation gives the example of FIPS 197 appendix C.3, and its way back", () => {
  const counting = Uint8Array.from({ length: 32 }, (_, i) => i);
  const { forward, backward } = primitives.permutation(counting);
  const block = hex("00112233445566778899aabbccddeeff");
  expect(toHex(forward(block))).toBe("8ea2b7ca516745bfeafc49904b496089");
  expect(toHex(backward(forward(block)))).toBe(toHex(block));
  for (const length of [0, 15, 17, 32]) {
    expect(() => forward(new Uint8Array(length))).toThrow(RangeError);
  }
});

Deno.test("the permutation gives the same in every turn, for each block by itself", async () => {
  const { forward, backward } = primitives.permutation(new Uint8Array(32));
  const blocks = Array.from({ length: 40 }, (_, i) => {
    return new Uint8Array(16).fill(i % 20);
  });
  const first = blocks.map(forward);
  expect(first.slice(0, 20)).toEqual(first.slice(20));
  for (let turn = 0; turn < 3; turn++) {
    await Promise.resolve();
    expect(blocks.map(forward)).toEqual(first);
    expect(first.map(backward)).toEqual(blocks);
  }
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
