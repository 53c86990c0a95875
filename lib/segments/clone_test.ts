/** What is written of clones and of their ancestors, at its limits and damaged. */
import { expect } from "expect";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { type Ancestor, MAX_ANCESTORS } from "./ancestor.ts";
import { type Clone, MAX_CLONE_NAME_BYTES, MAX_PREFIX_BYTES } from "./clone.ts";
import { VolumeKeys } from "./keys.ts";
import { decodeNote, encodeNote, type Note } from "./note.ts";
import { SealError } from "./seal_error.ts";
import { encodeSuperblock, openSuperblock } from "./superblock.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

const keys = new VolumeKeys(primitives, primitives.random(32));
const volumeId = primitives.random(16);
const superblock = keys.nameOf("superblock", 0);
const CLONE: Clone = { volumeId, name: "Versuch", prefix: "try/", superblock };

const ancestorsOf = (count: number, prefix = "p/"): Ancestor[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{ prefix, volumeId, keys: keys.ofSegments, base: 1 + 300 * n },
  }));

const made = (ancestors: readonly Ancestor[]) =>
  encodeSuperblock(keys, {
    ...{ volumeId, volumeBytes: 512, blockSizeBytes: 512, segmentBytes: 1 },
    ...{ epoch: 3, timeMs: 4, ancestors },
  });

Deno.test("a note of a clone says which, and every truncated one is refused", () => {
  const longest = {
    ...CLONE,
    name: "x".repeat(MAX_CLONE_NAME_BYTES),
    prefix: "p".repeat(MAX_PREFIX_BYTES),
  };
  for (const kind of ["cloned", "uncloned"] as const) {
    for (const clone of [CLONE, longest]) {
      const digest = primitives.random(32);
      const note: Note = { kind, snapshot: 7, digest, clone };
      const writer = new ByteWriter();
      encodeNote(writer, note);
      const bytes = writer.bytes.slice();
      const reader = new ByteReader(bytes, "It");
      expect(decodeNote(reader, 0)).toEqual(note);
      reader.end();
      for (let at = 0; at < bytes.length; at++) {
        const cut = new ByteReader(bytes.subarray(0, at), "It");
        expect(() => decodeNote(cut, 0)).toThrow(SealError);
      }
    }
  }
  const tooLong = { ...CLONE, name: "x".repeat(MAX_CLONE_NAME_BYTES + 1) };
  expect(() =>
    encodeNote(new ByteWriter(), {
      ...{ kind: "cloned", snapshot: 7, digest: new Uint8Array(32) },
      clone: tooLong,
    })
  ).toThrow(RangeError);
});

Deno.test("a superblock names as many ancestors as there may be, and no more", () => {
  const most = ancestorsOf(MAX_ANCESTORS, "p".repeat(MAX_PREFIX_BYTES));
  expect(openSuperblock(keys, made(most)).ancestors).toEqual(most);
  expect(() => made(ancestorsOf(MAX_ANCESTORS + 1))).toThrow(RangeError);
  const plain = encodeSuperblock(keys, {
    ...{ volumeId, volumeBytes: 512, blockSizeBytes: 512, segmentBytes: 1 },
    ...{ epoch: 0, timeMs: 4 },
  });
  expect(openSuperblock(keys, plain).ancestors).toBeUndefined();
});

Deno.test("ancestors that have no segments of their own, or none at all, are refused", () => {
  const [first, second] = ancestorsOf(2) as [Ancestor, Ancestor];
  const same = { ...second, base: first.base };
  for (
    const [ancestors, why] of [
      [[], "a clone of nothing"],
      [[first, same], "behind 1"],
      [[{ ...first, base: 0 }], "behind 0"],
      [[{ ...first, base: 2 ** 48 }], "behind 0"],
    ] as const
  ) {
    expect(() => openSuperblock(keys, made(ancestors))).toThrow(why);
  }
});
