import { expect } from "expect";
import fc from "fast-check";
import { concat, equalBytes, toHex } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { VolumeKeys } from "./keys.ts";
import { SealError } from "./seal_error.ts";
import { CHUNK_BYTES, chunkExtent, ChunkOpener, seal } from "./sealed.ts";
import {
  decodeTable,
  encodeSegment,
  encodeTable,
  FIRST_READ_BYTES,
  identityOf,
  MAX_EXTENTS,
  MAX_SECTORS,
  openSegment,
  openSegmentHead,
  SECTOR_BYTES,
  type SegmentExtent,
} from "./segment.ts";
import { ByteReader } from "./varint.ts";

const keys = new VolumeKeys(primitives, primitives.random(32));
const volumeId = primitives.random(16);
const said = { volumeId, epoch: 1, timeMs: 1e12 };
const FIRST = new Uint8Array(32);

const anyExtent: fc.Arbitrary<SegmentExtent> = fc.record({
  kind: fc.constantFrom("data", "zero", "moved"),
  sector: fc.integer({ min: 0, max: MAX_SECTORS - 1 }),
  sectors: fc.integer({ min: 1, max: 40 }),
  segment: fc.nat(),
  from: fc.nat(),
}).map(({ kind, sector, sectors, segment, from }) => {
  const place = {
    sector: Math.min(sector, MAX_SECTORS - sectors),
    sectors,
  };
  return kind === "moved"
    ? { ...place, kind, from: { segment, sector: from } }
    : { ...place, kind };
});

function dataOf(extents: readonly SegmentExtent[]): Uint8Array[] {
  return extents.filter(({ kind }) => kind !== "zero").map(({ sectors }) =>
    primitives.random(sectors * SECTOR_BYTES)
  );
}

Deno.test("a segment gives back its extents, each with its data", () => {
  const anyExtents = fc.array(anyExtent, { maxLength: 30 });
  fc.assert(
    fc.property(anyExtents, fc.nat(), (extents, number) => {
      const pieces = dataOf(extents);
      const made = encodeSegment(keys, {
        ...said,
        ...{ number, extents, previous: FIRST, data: pieces },
      });
      const segment = openSegment(keys, {
        volumeId,
        number,
        bytes: made.bytes,
      });
      expect(equalBytes(segment.data, concat(pieces))).toBe(true);
      expect(segment.extents.map(({ at: _, ...extent }) => extent))
        .toEqual(extents);
      let piece = 0;
      for (const { at, sectors } of segment.extents) {
        if (at === undefined) continue;
        const from = at * SECTOR_BYTES;
        const data = segment.data.subarray(
          from,
          from + sectors * SECTOR_BYTES,
        );
        expect(equalBytes(data, pieces[piece++]!)).toBe(true);
      }
      expect(piece).toBe(pieces.length);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a chain of segments proves itself from its last digest back", () => {
  let previous = FIRST;
  const made = Array.from({ length: 5 }, (_, number) => {
    const extents = [{ kind: "data", sector: 8 * number, sectors: 8 }] as const;
    const data = dataOf(extents);
    const segment = encodeSegment(keys, {
      ...said,
      ...{ number, extents, previous, data },
    });
    previous = segment.head.digest as typeof previous;
    return segment.bytes;
  });
  const walk = (objects: readonly Uint8Array[]) => {
    let digest = FIRST;
    for (const [number, bytes] of objects.entries()) {
      const segment = openSegmentHead(keys, { volumeId, number, bytes });
      if ("needsBytes" in segment) throw new Error("too short");
      if (!equalBytes(segment.head.previous, digest)) return number;
      digest = segment.head.digest as typeof digest;
    }
    return equalBytes(digest, previous) ? "whole" : "another end";
  };
  expect(walk(made)).toBe("whole");
  // Rolled back by one, and with an older attempt in the place of one.
  expect(walk(made.slice(0, 4))).toBe("another end");
  const older = encodeSegment(keys, {
    ...said,
    ...{ number: 2, extents: [], previous: FIRST, data: [] },
  });
  expect(walk(made.with(2, older.bytes))).toBe(2);
  // An older object under a newer name does not even open.
  expect(() => walk(made.with(3, made[2]!))).toThrow(SealError);
});

Deno.test("a segment of 8 MiB in writes of 4 KiB: its head in one read, a chunk in another", () => {
  const extents = Array.from({ length: 2048 }, (_, i) => ({
    kind: "data" as const,
    sector: (i * 7919 % 2048) * 1_000_003,
    sectors: 8,
  }));
  const pieces = dataOf(extents);
  const { bytes, head } = encodeSegment(keys, {
    ...said,
    ...{ number: 77, extents, previous: FIRST, data: pieces },
  });
  const first = bytes.subarray(0, FIRST_READ_BYTES);
  const read = openSegmentHead(keys, { volumeId, number: 77, bytes: first });
  if ("needsBytes" in read) throw new Error(`needs ${read.needsBytes} bytes`);
  expect(toHex(read.head.digest)).toBe(toHex(head.digest));
  expect(bytes.length - 8 * 1024 * 1024).toBeLessThan(40_000);

  const wanted = read.extents[1500]!;
  const from = wanted.at! * SECTOR_BYTES;
  const index = Math.floor(from / CHUNK_BYTES);
  const { offset, length } = chunkExtent(read.head, index);
  const identity = identityOf({ volumeId, number: 77 });
  const opener = new ChunkOpener(keys, { identity, place: read.head });
  const chunk = opener.open(index, bytes.subarray(offset, offset + length));
  const at = from - index * CHUNK_BYTES;
  expect(toHex(chunk.subarray(at, at + 4096))).toBe(toHex(pieces[1500]!));
});

Deno.test("a segment of nothing but zeros has no data", () => {
  const extents = [{ kind: "zero", sector: 0, sectors: MAX_SECTORS }] as const;
  const { bytes } = encodeSegment(keys, {
    ...said,
    ...{ number: 0, extents, previous: FIRST, data: [] },
  });
  const segment = openSegment(keys, { volumeId, number: 0, bytes });
  expect(segment.extents).toEqual([{ ...extents[0], at: undefined }]);
  expect(segment.data.length).toBe(0);
});

Deno.test("extents that make no sense are not sealed", () => {
  const make =
    (extents: readonly SegmentExtent[], data: Uint8Array[] = []) => () =>
      encodeSegment(keys, {
        ...said,
        ...{ number: 0, extents, previous: FIRST, data },
      });
  const place = (sector: number, sectors: number) =>
    [{ kind: "zero", sector, sectors }] as const;
  expect(make(place(0, 0))).toThrow();
  expect(make(place(-1, 1))).toThrow();
  expect(make(place(MAX_SECTORS, 1))).toThrow();
  expect(make(place(0.5, 1))).toThrow();
  const one = [{ kind: "data", sector: 0, sectors: 1 }] as const;
  expect(make(one)).toThrow("extents of 1 sectors, and 0 bytes");
  expect(make(one, [new Uint8Array(513)])).toThrow();
  make(one, [new Uint8Array(512)])();
  const many = Array.from({ length: MAX_EXTENTS }, () => place(0, 1)[0]);
  make(many)();
  expect(make([...many, place(0, 1)[0]])).toThrow(RangeError);
});

Deno.test("a table of more or less than the data is refused, whatever sealed it", () => {
  const extents = [{ kind: "data", sector: 0, sectors: 2 }] as const;
  const identity = identityOf({ volumeId, number: 4 });
  for (const sectors of [1, 2, 3]) {
    const { bytes } = seal(keys, {
      ...{ identity, epoch: 0, timeMs: 0, previous: FIRST },
      table: encodeTable({ extents }),
      data: [new Uint8Array(sectors * SECTOR_BYTES)],
    });
    const open = () => openSegment(keys, { volumeId, number: 4, bytes });
    if (sectors === 2) open();
    else expect(open).toThrow("2 sectors in");
  }
});

const decode = (bytes: Uint8Array) => decodeTable(new ByteReader(bytes, "It"));

const DIGEST = Array.from({ length: 32 }, (_, n) => n);
const JOURNAL = DIGEST.slice(0, 16);

Deno.test("a segment of writes tells how much of the journal is in the row with it, and one of none does not", () => {
  const drained = { journal: Uint8Array.from(JOURNAL), last: 2 ** 50 };
  const extents: SegmentExtent[] = [{ kind: "zero", sector: 8, sectors: 8 }];
  const request = {
    ...{ ...said, number: 7, previous: FIRST, drained, extents, data: [] },
  };
  const { bytes } = encodeSegment(keys, request);
  const segment = openSegment(keys, { volumeId, number: 7, bytes });
  expect(segment.drained).toEqual(drained);
  expect(segment.extents).toEqual([{ ...extents[0], at: undefined }]);
  expect(() => encodeSegment(keys, { ...request, extents: [] })).toThrow();
  const journal = drained.journal.subarray(1);
  expect(() =>
    encodeSegment(keys, { ...request, drained: { journal, last: 1 } })
  )
    .toThrow(RangeError);
});

Deno.test("a segment gives back its note, and takes little more than its head", () => {
  for (const kind of ["kept", "released", "restored"] as const) {
    const note = { kind, snapshot: 2 ** 40, digest: Uint8Array.from(DIGEST) };
    const { bytes } = encodeSegment(keys, {
      ...said,
      ...{ number: 7, extents: [], previous: FIRST, data: [], note },
    });
    const segment = openSegment(keys, { volumeId, number: 7, bytes });
    expect(segment.note).toEqual(note);
    expect(segment.extents).toEqual([]);
    expect(bytes.length).toBe(144 + 1 + 1 + 6 + 32 + 16);
  }
});

Deno.test("a segment gives back the size that it tells", () => {
  for (const volumeBytes of [512, 2 ** 43, 2 ** 52]) {
    const note = { kind: "resized", volumeBytes } as const;
    const { bytes } = encodeSegment(keys, {
      ...said,
      ...{ number: 7, extents: [], previous: FIRST, data: [], note },
    });
    expect(openSegment(keys, { volumeId, number: 7, bytes }).note)
      .toEqual(note);
  }
});

Deno.test("tables that make no sense are refused, whatever sealed them", () => {
  for (
    const [table, why] of [
      [[], "ends too early"],
      [[1], "more than it holds"],
      [[1, 4, 1, 0], "there is no kind 4"],
      [[1, 0, 1, 0], "there is no kind 0"],
      [[1, 1, 0, 0], "an extent of 0 sectors"],
      [[1, 1, 1, 1], "1 sectors at -1"],
      [[1, 3, 1, 0], "ends too early"],
      [[1, 1, 1, 0, 0], "ends too early"],
      [[1, 1, 1, 0, ...JOURNAL], "ends too early"],
      [[1, 1, 1, 0, ...JOURNAL, 5, 0], "something follows"],
      [[0, 0], "there is no note 0"],
      [[0, 7, 9, ...DIGEST], "there is no note 7"],
      [[0, 6], "ends too early"],
      // 2^52 + 1 bytes.
      [
        [0, 6, 0x81, ...Array(6).fill(0x80), 8],
        "is more than 4503599627370496",
      ],
      [[0, 6, 1, 0], "something follows"],
      [[0, 4, 9, ...DIGEST], "ends too early"],
      [[0, 1, 9, ...DIGEST.slice(1)], "ends too early"],
      [[0, 1, 9, ...DIGEST, 0], "something follows"],
      [[1, 1, 1, 0, 1, 9, ...DIGEST], "something follows"],
    ] as const
  ) expect(() => decode(Uint8Array.from(table))).toThrow(why);
});

Deno.test("fuzz: whatever the table, extents or a SealError come of it, and extents go back to the same table", () => {
  let tables = 0;
  const anyTable = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    // Almost a table.
    fc.tuple(
      fc.array(anyExtent, { maxLength: 5 }),
      fc.nat(),
      fc.nat(255),
      fc.boolean(),
    ).map(
      ([extents, at, byte, tells]) => {
        const drained = tells && extents.length > 0
          ? { journal: Uint8Array.from(JOURNAL), last: at }
          : undefined;
        const table = encodeTable({ extents, drained }).slice();
        table[at % table.length] = byte;
        return table;
      },
    ),
  );
  fc.assert(
    fc.property(anyTable, (table) => {
      try {
        const read = decode(table);
        tables++;
        expect(toHex(encodeTable(read))).toBe(toHex(table));
      } catch (thrown) {
        if (!(thrown instanceof SealError)) throw thrown;
      }
    }),
    { numRuns: 5000 },
  );
  expect(tables).toBeGreaterThan(100);
});

Deno.test("fuzz: whatever the object, a SealError comes of it or the wish for more", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const request = { volumeId, number: 1, bytes };
      expect(() => openSegment(keys, request)).toThrow(SealError);
      try {
        expect(openSegmentHead(keys, request)).toEqual({ needsBytes: 144 });
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SealError);
      }
    }),
    { numRuns: 500 },
  );
});
