import { expect } from "expect";
import { concat, utf8 } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { VolumeKeys } from "./keys.ts";
import { SealError } from "./seal_error.ts";
import { seal } from "./sealed.ts";
import { encodeMark, openMark } from "./mark.ts";
import { encodeSnapshot, openSnapshot } from "./snapshot.ts";
import { encodeSuperblock, openSuperblock } from "./superblock.ts";

const keys = new VolumeKeys(primitives, primitives.random(32));
const others = new VolumeKeys(primitives, primitives.random(32));
const volumeId = primitives.random(16);

const SUPERBLOCK = {
  volumeId,
  volumeBytes: 2 ** 52,
  blockSizeBytes: 4096,
  segmentBytes: 8 * 1024 * 1024,
};
const SNAPSHOT = {
  ...{ name: "vor dem Umzug – 1", epoch: 4, timeMs: 1e12 },
  checkpointDigest: primitives.random(32),
  volumeBytes: 2 ** 40,
  liveBytes: 3 * 2 ** 20,
};

const contains = (bytes: Uint8Array, part: Uint8Array) =>
  Array.from(bytes.keys()).some((at) =>
    part.every((byte, i) => bytes[at + i] === byte)
  );

Deno.test("a superblock says what the volume is, to its key's holder", () => {
  const bytes = encodeSuperblock(keys, { ...SUPERBLOCK, epoch: 0, timeMs: 5 });
  expect(openSuperblock(keys, bytes))
    .toEqual({ ...SUPERBLOCK, epoch: 0, timeMs: 5 });
  expect(() => openSuperblock(others, bytes)).toThrow(SealError);
  expect(contains(bytes, volumeId)).toBe(false);
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.with(at, bytes[at]! ^ 0x80);
    expect(() => openSuperblock(keys, changed)).toThrow(SealError);
    expect(() => openSuperblock(keys, bytes.subarray(0, at))).toThrow(
      SealError,
    );
  }
});

Deno.test("a superblock with the check of another key is refused, whatever sealed it", () => {
  const numbers = Uint8Array.of(1, 1, 1);
  const open = (check: Uint8Array) => {
    const { bytes } = seal(keys, {
      identity: {
        ...{ kind: "superblock", number: 0 },
        volumeId: new Uint8Array(16),
      },
      ...{ epoch: 0, timeMs: 0, previous: new Uint8Array(32), data: [] },
      table: concat([volumeId, check, numbers]),
    });
    return openSuperblock(keys, bytes);
  };
  expect(open(keys.check).blockSizeBytes).toBe(1);
  expect(() => open(others.check)).toThrow("it is of another key");
});

Deno.test("a snapshot names a checkpoint, to its key's holder", () => {
  const bytes = encodeSnapshot(keys, { ...SNAPSHOT, volumeId, number: 3 });
  const open = (bytes: Uint8Array, number = 3, opening = keys) =>
    openSnapshot(opening, { volumeId, number, bytes });
  expect(open(bytes)).toEqual(SNAPSHOT);
  expect(contains(bytes, utf8("Umzug"))).toBe(false);
  expect(() => open(bytes, 4)).toThrow(SealError);
  expect(() => open(bytes, 3, others)).toThrow(SealError);
  for (let at = 0; at < bytes.length; at++) {
    expect(() => open(bytes.with(at, bytes[at]! ^ 1))).toThrow(SealError);
    expect(() => open(bytes.subarray(0, at))).toThrow(SealError);
  }
});

Deno.test("a snapshot's name has 1 to 255 bytes", () => {
  const make = (name: string) => () =>
    encodeSnapshot(keys, { ...SNAPSHOT, name, volumeId, number: 3 });
  make("x".repeat(255))();
  for (const name of ["", "x".repeat(256), "ü".repeat(128)]) {
    expect(make(name)).toThrow(RangeError);
  }
});

Deno.test("a mark says how far a checkpoint goes, to its key's holder", () => {
  const mark = {
    ...{ checkpoint: 70_000, nextSegment: 2 ** 40, epoch: 4, timeMs: 1e12 },
    previous: primitives.random(32),
  };
  const bytes = encodeMark(keys, { ...mark, volumeId, number: 12 });
  expect(openMark(keys, { volumeId, number: 12, bytes })).toEqual(mark);
  for (const number of [11, 13]) {
    expect(() => openMark(keys, { volumeId, number, bytes }))
      .toThrow(SealError);
  }
  expect(() => openMark(others, { volumeId, number: 12, bytes }))
    .toThrow(SealError);
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.with(at, bytes[at]! ^ 1);
    expect(() => openMark(keys, { volumeId, number: 12, bytes: changed }))
      .toThrow(SealError);
    expect(() =>
      openMark(keys, { volumeId, number: 12, bytes: bytes.subarray(0, at) })
    ).toThrow(SealError);
  }
});
