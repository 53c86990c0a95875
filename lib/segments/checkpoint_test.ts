import { expect } from "expect";
import fc from "fast-check";
import { toHex } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import {
  type CheckpointRequest,
  decodeBody,
  encodeCheckpoint,
  encodingCheckpoint,
  type MapExtent,
  openCheckpoint,
  openCheckpointHead,
  type SegmentRecord,
} from "./checkpoint.ts";
import { VolumeKeys } from "./keys.ts";
import { SealError } from "./seal_error.ts";
import { CHUNK_BYTES, openWhole } from "./sealed.ts";

const keys = new VolumeKeys(primitives, primitives.random(32));
const volumeId = primitives.random(16);
const SEGMENT_SECTORS = 16_384;
const VOLUME_BYTES = 2 ** 40;

function record(number: number): SegmentRecord {
  return {
    number,
    digest: primitives.random(32),
    salt: primitives.random(32),
    dataStart: 2000 + number,
    dataBytes: SEGMENT_SECTORS * 512,
    liveBytes: 4096 * (number % 100),
  };
}

/** A map with extents in order. */
const anyRequest: fc.Arbitrary<CheckpointRequest> = fc.record({
  numbers: fc.uniqueArray(fc.nat(500), { minLength: 1, maxLength: 20 }),
  extents: fc.array(
    fc.record({
      gap: fc.nat(10_000),
      sectors: fc.integer({ min: 1, max: 100 }),
      segment: fc.nat(),
      at: fc.nat(SEGMENT_SECTORS - 100),
    }),
    { maxLength: 100, size: "medium" },
  ),
  snapshots: fc.uniqueArray(fc.nat(100), { maxLength: 5 }),
  later: fc.nat(5),
  drained: fc.option(fc.maxSafeNat(), { nil: undefined }),
}).map(({ numbers, extents, snapshots, later, drained }) => {
  const inOrder = numbers.toSorted((a, b) => a - b);
  let end = 0;
  return {
    ...{ volumeId, number: 3, epoch: 2, timeMs: 1e12 },
    previous: primitives.random(32),
    volumeBytes: VOLUME_BYTES,
    nextSegment: inOrder.at(-1)! + 1 + later,
    ...(drained !== undefined && {
      drained: { journal: primitives.random(16), last: drained },
    }),
    segments: inOrder.map(record),
    snapshots: snapshots.toSorted((a, b) => a - b),
    extents: extents.map(({ gap, sectors, segment, at }) => {
      const sector = end + gap;
      end = sector + sectors;
      return {
        ...{ sector, sectors, at },
        segment: inOrder[segment % inOrder.length]!,
      };
    }),
  };
});

const [sample] = fc.sample(
  anyRequest.filter(({ extents }) => [...extents].length > 4),
  1,
) as [CheckpointRequest];

Deno.test("a checkpoint gives the map back", () => {
  fc.assert(
    fc.property(anyRequest, (request) => {
      const { bytes, head } = encodeCheckpoint(keys, request);
      const read = openCheckpoint(keys, { volumeId, number: 3, bytes });
      expect(read.volumeBytes).toBe(request.volumeBytes);
      expect(read.nextSegment).toBe(request.nextSegment);
      expect(read.drained).toEqual(request.drained);
      expect(read.segments).toEqual(request.segments);
      expect(read.snapshots).toEqual(request.snapshots);
      expect([...read.extents]).toEqual(request.extents);
      expect(toHex(read.head.previous)).toBe(toHex(request.previous));
      expect(toHex(read.head.digest)).toBe(toHex(head.digest));
    }),
    { numRuns: 100 },
  );
});

Deno.test("its head says what there is without the map", () => {
  const { bytes, head } = encodeCheckpoint(keys, sample);
  const read = openCheckpointHead(keys, {
    ...{ volumeId, number: 3 },
    bytes: bytes.subarray(0, head.dataStart),
  });
  expect(read).toMatchObject({
    volumeBytes: VOLUME_BYTES,
    nextSegment: sample.nextSegment,
    counts: {
      segments: sample.segments.length,
      snapshots: sample.snapshots.length,
      extents: [...sample.extents].length,
    },
  });
  expect(
    openCheckpointHead(keys, { volumeId, number: 3, bytes: bytes.slice(0, 9) }),
  )
    .toEqual({ needsBytes: 144 });
});

Deno.test("an extent of a map that was written in order takes few bytes", () => {
  const count = 100_000;
  function* extents(): Generator<MapExtent> {
    for (let i = 0; i < count; i++) {
      const [segment, at] = [i >> 11, (i & 2047) * 8];
      yield { sector: i * 8, sectors: 8, segment, at };
    }
  }
  const { bytes } = encodeCheckpoint(keys, {
    ...sample,
    extents: { [Symbol.iterator]: extents },
    segments: Array.from({ length: 50 }, (_, i) => record(i)),
    nextSegment: 50,
  });
  expect(bytes.length / count).toBeLessThan(5);
  const { extents: read } = openCheckpoint(keys, {
    volumeId,
    number: 3,
    bytes,
  });
  expect(Array.from(read).at(-1)).toEqual(Array.from(extents()).at(-1));
});

Deno.test("a long checkpoint is made in steps of little more than a chunk", () => {
  const extents = Array.from({ length: 100_000 }, (_, i) => ({
    ...{ sector: i * 999, sectors: 8 },
    ...{ segment: i * 7919 % 50, at: i % 100 * 8 },
  }));
  const segments = Array.from({ length: 50 }, (_, i) => record(i));
  const request = { ...sample, extents, segments, nextSegment: 50 };
  const making = encodingCheckpoint(keys, request);
  let count = 0;
  let step = making.next();
  for (; !step.done; step = making.next()) count++;
  const { bytes, head } = step.value;
  expect(count).toBeGreaterThanOrEqual(2 * head.dataBytes / CHUNK_BYTES);
  expect(count).toBeGreaterThan(10);
  const read = openCheckpoint(keys, { volumeId, number: 3, bytes });
  expect([...read.extents]).toEqual(extents);
  // Told another map the second time, it makes nothing of it.
  let walks = 0;
  const restless = {
    [Symbol.iterator]: () => extents.slice(walks++)[Symbol.iterator](),
  };
  expect(() => encodeCheckpoint(keys, { ...request, extents: restless }))
    .toThrow("less data than was said");
});

Deno.test("a map that makes no sense is refused while it is walked", () => {
  const [known] = sample.segments as [SegmentRecord];
  const segment = known.number;
  const good = { sector: 0, sectors: 10, segment, at: 0 };
  const walk = (...extents: MapExtent[]) => () => {
    const { bytes } = encodeCheckpoint(keys, { ...sample, extents });
    return [...openCheckpoint(keys, { volumeId, number: 3, bytes }).extents];
  };
  expect(walk(good, { ...good, sector: 10 })()).toHaveLength(2);
  const last = { ...good, at: SEGMENT_SECTORS - 10 };
  expect(walk(last)()).toEqual([last]);
  for (
    const bad of [
      { ...good, sectors: 0 },
      { ...good, segment: 999 },
      { ...good, at: SEGMENT_SECTORS - 9 },
      { ...good, at: -1 },
      { ...good, sector: VOLUME_BYTES / 512 - 9 },
    ]
  ) expect(walk(bad)).toThrow(SealError);
  // Not in order: not even sealed.
  expect(walk(good, { ...good, sector: 9 })).toThrow(RangeError);
});

Deno.test("segments of a later time are refused", () => {
  const { bytes } = encodeCheckpoint(keys, {
    ...sample,
    nextSegment: sample.segments.at(-1)!.number,
  });
  expect(() => openCheckpoint(keys, { volumeId, number: 3, bytes }))
    .toThrow("from after its time");
});

Deno.test("fuzz: whatever the data, a map or a SealError comes of it", () => {
  const { bytes } = encodeCheckpoint(keys, sample);
  const identity = { kind: "checkpoint", volumeId, number: 3 } as const;
  const { data } = openWhole(keys, { identity, bytes });
  const { volumeBytes, nextSegment, segments, snapshots } = sample;
  const summary = {
    ...{ volumeBytes, nextSegment },
    counts: {
      segments: segments.length,
      snapshots: snapshots.length,
      extents: [...sample.extents].length,
      clones: 0,
    },
  };
  let [read, refused] = [0, 0];
  const attempt = (data: Uint8Array, counts = summary.counts) => {
    try {
      const body = decodeBody(data, { ...summary, counts }, { identity });
      for (const extent of body.extents) {
        expect(extent.sector + extent.sectors).toBeLessThanOrEqual(2 ** 31);
      }
      read++;
    } catch (thrown) {
      if (!(thrown instanceof SealError)) throw thrown;
      refused++;
    }
  };
  attempt(data);
  expect(read).toBe(1);
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), fc.nat(), (at, byte, cut) => {
      attempt(data.with(at % data.length, byte));
      attempt(data.subarray(0, cut % data.length));
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.maxSafeNat(), fc.nat(3), fc.maxSafeNat(), fc.maxSafeNat()),
      (data, [segments, snapshots, extents, clones]) => {
        attempt(data, { segments: segments % 3, snapshots, extents, clones });
        const some = { extents: extents % 9, clones: clones % 3 };
        attempt(data, { segments, snapshots, ...some });
      },
    ),
    { numRuns: 1000 },
  );
  // Each cut was refused.
  expect(refused).toBeGreaterThanOrEqual(1000);
});
