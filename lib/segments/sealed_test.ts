/** Whatever a provider does to an object is seen: every bit, every length, every exchange. */
import { expect } from "expect";
import fc from "fast-check";
import { concat, toHex } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { type ObjectIdentity, ObjectKind, VolumeKeys } from "./keys.ts";
import { LIMITS } from "./preamble.ts";
import { SealError } from "./seal_error.ts";
import {
  CHUNK_BYTES,
  chunkCount,
  chunkExtent,
  ChunkOpener,
  DataReader,
  openHead,
  openWhole,
  PREAMBLE_END,
  seal,
  SEALED_CHUNK_BYTES,
} from "./sealed.ts";

const key = primitives.random(32);
const keys = new VolumeKeys(primitives, key);
const volumeId = primitives.random(16);
const IDENTITY: ObjectIdentity = { kind: "segment", volumeId, number: 9 };

/** An object with data of that length. */
function sealed(dataBytes: number, identity = IDENTITY, sealing = keys) {
  const data = primitives.random(dataBytes);
  const table = primitives.random(50);
  const said = { epoch: 3, timeMs: 1e12, previous: primitives.random(32) };
  const made = seal(sealing, { identity, table, data: [data], ...said });
  return { ...made, data, table, ...said };
}

function expectRefusal(
  bytes: Uint8Array,
  identity: ObjectIdentity = IDENTITY,
  opening = keys,
): void {
  expect(() => openWhole(opening, { identity, bytes })).toThrow(SealError);
}

const flipped = (bytes: Uint8Array, bit: number) =>
  bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)));

Deno.test("an object gives back what was sealed, at every length", () => {
  for (
    const length of [0, 1, 512, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1]
      .concat(3 * CHUNK_BYTES + 512)
  ) {
    const made = sealed(length);
    const bytes = made.bytes;
    const { head, data } = openWhole(keys, { identity: IDENTITY, bytes });
    expect(toHex(data)).toBe(toHex(made.data));
    expect(toHex(head.table)).toBe(toHex(made.table));
    expect(toHex(head.previous)).toBe(toHex(made.previous));
    expect([head.epoch, head.timeMs]).toEqual([3, 1e12]);
    expect(toHex(head.digest)).toBe(toHex(made.head.digest));
    expect(head.objectBytes).toBe(bytes.length);
    expect(made.head.dataStart).toBe(head.dataStart);
  }
});

Deno.test("pieces cut anyhow are the same data", () => {
  const anyCuts = fc.array(fc.nat(2 * CHUNK_BYTES), { maxLength: 6 });
  fc.assert(
    fc.property(anyCuts, (lengths) => {
      const pieces = lengths.map((length) => primitives.random(length));
      const whole = concat(pieces);
      const { bytes } = seal(keys, {
        identity: IDENTITY,
        table: new Uint8Array(0),
        data: pieces,
        ...{ epoch: 0, timeMs: 0, previous: new Uint8Array(32) },
      });
      const { data } = openWhole(keys, { identity: IDENTITY, bytes });
      expect(primitives.equal(data, whole)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

Deno.test("one chunk is read and proved alone, by what the head says of it", () => {
  const made = sealed(3 * CHUNK_BYTES + 512);
  const { salt, dataStart, dataBytes } = made.head;
  const place = { salt, dataStart, dataBytes };
  const opener = new ChunkOpener(keys, { identity: IDENTITY, place });
  expect(chunkCount(dataBytes)).toBe(4);
  const part = (index: number) => {
    const { offset, length } = chunkExtent(place, index);
    return made.bytes.subarray(offset, offset + length);
  };
  for (let i = 0; i < 4; i++) {
    expect(toHex(opener.open(i, part(i)))).toBe(
      toHex(made.data.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
    );
    for (const bit of [0, 777, 8 * part(i).length - 1]) {
      expect(() => opener.open(i, flipped(part(i), bit))).toThrow(SealError);
    }
    expect(() => opener.open(i, part(i).subarray(1))).toThrow(SealError);
    expect(() => opener.open(i, part(i).subarray(0, -1))).toThrow(SealError);
    // In the place of another.
    if (i > 0) expect(() => opener.open(i, part(0))).toThrow(SealError);
  }
  expect(() => chunkExtent(place, 4)).toThrow();
  const shorter = { ...place, dataBytes: 2 * CHUNK_BYTES };
  const other = new ChunkOpener(keys, { identity: IDENTITY, place: shorter });
  expect(() => other.open(0, part(0))).toThrow(SealError);
});

Deno.test("data is taken in parts of whole chunks, and no other", () => {
  const { bytes, head, data } = sealed(3 * CHUNK_BYTES + 512);
  const part = (from: number, to: number) =>
    bytes.subarray(
      head.dataStart + from * SEALED_CHUNK_BYTES,
      head.dataStart + to * SEALED_CHUNK_BYTES,
    );
  const taken = (...parts: readonly Uint8Array[]) => () => {
    const reader = new DataReader(keys, head);
    for (const part of parts) reader.take(part);
    return reader.end();
  };
  expect(toHex(taken(part(0, 2), part(2, 4))())).toBe(toHex(data));
  expect(toHex(taken(part(0, 4), part(0, 0))())).toBe(toHex(data));
  for (
    const parts of [
      [part(0, 3)],
      [part(0, 4), part(3, 4)],
      [part(0, 4), new Uint8Array(1)],
      [part(0, 2), part(3, 4)],
      [part(1, 2), part(0, 1), part(2, 4)],
      [part(0, 1.5), part(1.5, 4)],
    ]
  ) expect(taken(...parts)).toThrow(SealError);
});

Deno.test("every flipped bit is refused", () => {
  const small = sealed(100).bytes;
  for (let bit = 0; bit < 8 * small.length; bit++) {
    expectRefusal(flipped(small, bit));
  }
  const large = sealed(2 * CHUNK_BYTES + 100).bytes;
  for (let i = 0; i < 100; i++) {
    expectRefusal(flipped(large, Math.floor(Math.random() * 8 * large.length)));
  }
});

Deno.test("every truncation and everything added is refused", () => {
  const { bytes } = sealed(100);
  for (let length = 0; length < bytes.length; length++) {
    expectRefusal(bytes.subarray(0, length));
  }
  expectRefusal(concat([bytes, Uint8Array.of(0)]));
  const chunks = sealed(2 * CHUNK_BYTES);
  const last = chunkExtent(chunks.head, 1);
  expectRefusal(chunks.bytes.subarray(0, last.offset));
  expectRefusal(concat([chunks.bytes, chunks.bytes.subarray(last.offset)]));
});

Deno.test("chunks that change places, or come from another object, are refused", () => {
  const [made, other] = [sealed(3 * CHUNK_BYTES), sealed(3 * CHUNK_BYTES)];
  const from = (bytes: Uint8Array, index: number) => {
    const { offset, length } = chunkExtent(made.head, index);
    return bytes.slice(offset, offset + length);
  };
  const put = (index: number, chunk: Uint8Array) => {
    const bytes = made.bytes.slice();
    bytes.set(chunk, chunkExtent(made.head, index).offset);
    return bytes;
  };
  openWhole(keys, { identity: IDENTITY, bytes: put(1, from(made.bytes, 1)) });
  expectRefusal(put(1, from(made.bytes, 0)));
  expectRefusal(put(0, from(made.bytes, 2)));
  // Another attempt at the same number: the same place, another salt.
  expectRefusal(put(1, from(other.bytes, 1)));
  const { dataStart } = made.head;
  expect(other.head.dataStart).toBe(dataStart);
  expectRefusal(
    concat([
      other.bytes.subarray(0, dataStart),
      made.bytes.subarray(dataStart),
    ]),
  );
  // The head of one and the salt of another.
  expectRefusal(
    concat([made.bytes.subarray(0, 32), other.bytes.subarray(32)]),
  );
});

Deno.test("an object in the place of another is refused: of another number, kind, volume or key", () => {
  const { bytes } = sealed(100);
  openWhole(keys, { identity: IDENTITY, bytes });
  expectRefusal(bytes, { ...IDENTITY, number: 8 });
  expectRefusal(bytes, { ...IDENTITY, number: 10 });
  expectRefusal(bytes, { ...IDENTITY, volumeId: primitives.random(16) });
  for (const kind of Object.keys(ObjectKind) as ObjectKind[]) {
    if (kind !== "segment") expectRefusal(bytes, { ...IDENTITY, kind });
  }
  const others = new VolumeKeys(primitives, primitives.random(32));
  expectRefusal(bytes, IDENTITY, others);
  // Kinds that share a key of the volume, too.
  const snapshot: ObjectIdentity = { kind: "snapshot", volumeId, number: 0 };
  const small = seal(keys, {
    identity: snapshot,
    table: new Uint8Array(5),
    data: [],
    ...{ epoch: 0, timeMs: 0, previous: new Uint8Array(32) },
  });
  openWhole(keys, { identity: snapshot, bytes: small.bytes });
  expectRefusal(small.bytes, { ...snapshot, kind: "superblock" });
});

Deno.test("two attempts at one object share no key, no byte and no digest", () => {
  const request = {
    identity: IDENTITY,
    table: new Uint8Array(100),
    data: [new Uint8Array(1000)],
    ...{ epoch: 0, timeMs: 0, previous: new Uint8Array(32) },
  };
  const [a, b] = [seal(keys, request), seal(keys, request)];
  expect(toHex(a.head.digest)).not.toBe(toHex(b.head.digest));
  const equal = a.bytes.filter((byte, i) => byte === b.bytes[i]).length;
  // One in 256 is chance.
  expect(equal).toBeLessThan(a.bytes.length / 16);
});

Deno.test("chunks with the same text have nothing in common", () => {
  const { bytes, head } = seal(keys, {
    identity: IDENTITY,
    table: new Uint8Array(0),
    data: [new Uint8Array(2 * CHUNK_BYTES)],
    ...{ epoch: 0, timeMs: 0, previous: new Uint8Array(32) },
  });
  const [a, b] = [0, 1].map((index) => {
    const { offset, length } = chunkExtent(head, index);
    return bytes.subarray(offset, offset + length);
  }) as [Uint8Array, Uint8Array];
  // One in 256 is chance.
  expect(a.filter((byte, i) => byte === b[i]).length)
    .toBeLessThan(CHUNK_BYTES / 128);
});

Deno.test("a chunk that is proved and not in the table is refused", () => {
  // Two attempts with one salt: what a writer that is wrong could do.
  const wrong = new VolumeKeys({
    ...primitives,
    random: (length) => new Uint8Array(length),
  }, key);
  const [made, other] = [
    sealed(100, IDENTITY, wrong),
    sealed(100, IDENTITY, wrong),
  ];
  const { dataStart } = made.head;
  const mixed = concat([
    made.bytes.subarray(0, dataStart),
    other.bytes.subarray(dataStart),
  ]);
  expect(() => openWhole(keys, { identity: IDENTITY, bytes: mixed }))
    .toThrow("chunk 0 is not that of the table");
});

Deno.test("a head is read in two steps at most, and tells how long it is", () => {
  const made = sealed(5 * CHUNK_BYTES);
  const { dataStart } = made.head;
  const read = (length: number) =>
    openHead(keys, {
      identity: IDENTITY,
      bytes: made.bytes.subarray(0, length),
    });
  expect(read(0)).toEqual({ needsBytes: PREAMBLE_END });
  expect(read(PREAMBLE_END - 1)).toEqual({ needsBytes: PREAMBLE_END });
  expect(read(PREAMBLE_END)).toEqual({ needsBytes: dataStart });
  expect(read(dataStart - 1)).toEqual({ needsBytes: dataStart });
  for (const length of [dataStart, dataStart + 1, made.bytes.length]) {
    expect(read(length)).toMatchObject({ dataStart, epoch: 3 });
  }
});

Deno.test("the digest covers the data through its tags", () => {
  const made = sealed(2 * CHUNK_BYTES);
  const { head } = made;
  for (const index of [0, 1]) {
    const { offset, length } = chunkExtent(head, index);
    const tag = made.bytes.subarray(offset + length - 16, offset + length);
    expect(toHex(head.tags.subarray(16 * index, 16 * index + 16)))
      .toBe(toHex(tag));
  }
  expect(toHex(head.digest)).toBe(
    toHex(
      primitives.hash("sha256", made.bytes.subarray(0, head.dataStart)),
    ),
  );
});

Deno.test("each kind has its limits", () => {
  for (const kind of ["superblock", "segment"] as const) {
    const { tableBytes, dataBytes } = LIMITS[kind];
    const make = (table: number, data: number) => () =>
      seal(keys, {
        identity: { ...IDENTITY, kind },
        table: new Uint8Array(table),
        data: [new Uint8Array(data)],
        ...{ epoch: 0, timeMs: 0, previous: new Uint8Array(32) },
      });
    const { bytes } = make(tableBytes, dataBytes)();
    openWhole(keys, { identity: { ...IDENTITY, kind }, bytes });
    expect(make(tableBytes + 1, dataBytes)).toThrow(RangeError);
    expect(make(tableBytes, dataBytes + 1)).toThrow(RangeError);
  }
});

Deno.test("a key holder that lies about lengths makes nobody allocate them", () => {
  // The cipher of the object, by hand: what a writer that is wrong could seal.
  const salt = primitives.random(32);
  const bytes = new Uint8Array(1000);
  bytes.set(salt);
  const { preamble, associated } = forgedPreamble(2 ** 45);
  keys.aead(IDENTITY, salt).seal(
    new Uint8Array(12),
    associated,
    preamble,
    bytes.subarray(32, PREAMBLE_END),
  );
  expect(() => openHead(keys, { identity: IDENTITY, bytes }))
    .toThrow("longer than it may be");
});

/** FORMAT.md section 3, written down a second time. */
function forgedPreamble(dataBytes: number) {
  const preamble = new Uint8Array(96);
  const view = new DataView(preamble.buffer);
  view.setUint16(0, 1);
  preamble[2] = 1;
  preamble.set(volumeId, 8);
  view.setBigUint64(24, 9n);
  view.setBigUint64(80, BigInt(dataBytes));
  const associated = new Uint8Array(36);
  const also = new DataView(associated.buffer);
  associated[0] = 1;
  also.setUint16(2, 1);
  associated.set(volumeId, 4);
  also.setBigUint64(20, 9n);
  return { preamble, associated };
}
