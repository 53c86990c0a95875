/**
 * A bucket that does to a volume whatever a provider can, object by object: flips a bit of every part, cuts, lengthens, deletes, exchanges,
 * and gives back what was there yesterday, or another volume's. Each time `verify` says so; and whoever opens the volume and reads it is told
 * so, or reads what is right.
 */
import { expect } from "expect";
import { VaultError } from "../../base/errors.ts";
import { MediaError } from "../../base/media_error.ts";
import { systemPrimitives as primitives } from "../../os/primitives.ts";
import { VolumeKeys } from "../../segments/keys.ts";
import {
  chunkCount,
  chunkExtent,
  openHead,
  PREAMBLE_END,
} from "../../segments/sealed.ts";
import { encodeSegment, openSegment } from "../../segments/segment.ts";
import { openSuperblock } from "../../segments/superblock.ts";
import { noTime } from "../testing/journaled.ts";
import type { BucketVolume } from "./bucket_volume.ts";
import type { Pin } from "./segment_row.ts";
import {
  bucketOf,
  livedVolume,
  type Objects,
  SECTORS,
} from "./testing/lived_volume.ts";
import { keys, openOn, SECTOR_BYTES } from "./testing/volumes.ts";
import { type Verification, verifyVolume } from "./verify.ts";

const { yesterday, today, states } = await livedVolume();
const other = await livedVolume();
const strangeKeys = new VolumeKeys(primitives, new Uint8Array(32).fill(8));
const strange = await livedVolume(strangeKeys);
const names = [...today.objects.keys()].sort();
const volumeId = openSuperblock(
  keys,
  today.objects.get(keys.nameOf("superblock", 0))!,
).volumeId;

/** Heads are looked at byte by byte up to here, and longer ones at their edges. */
const SMALL_BYTES = 4096;
/** So are chunks, but in steps: HOSTILE_STEP=1 leaves out none. */
const STEP = Number(Deno.env.get("HOSTILE_STEP") ?? 32);

/** What nobody can notice, and why that is right. */
const UNNOTICED: Readonly<Record<string, string>> = {
  "delete mark 3":
    "nobody remembers how many there were; the checkpoint and the row behind it tell the same",
  "delete checkpoint 2": "nobody needs it while the last is there",
};

function titleOf(name: string): string {
  const { kind, number } = keys.parseName(name)!;
  return `${kind} ${number}`;
}

function verify(objects: Objects, pin?: Pin): Promise<Verification> {
  return bucketOf(objects).then((bucket) =>
    verifyVolume({ bucket, keys, clock: noTime, ...(pin && { pin }) })
  );
}

/** What is read, where it could be opened; and which of its sectors could not be read. */
interface Read {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lost: readonly number[];
}

/** Opens the volume and reads all of it. Nothing is thrown but what a person can understand. */
async function readAll(objects: Objects, pin?: Pin): Promise<Read | undefined> {
  let volume: BucketVolume;
  try {
    volume = await openOn({ pin }, await bucketOf(objects));
  } catch (thrown) {
    if (!(thrown instanceof VaultError)) throw thrown;
    return undefined;
  }
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  if (await isRead(volume, { sector: 0, into: bytes })) {
    return { bytes, lost: [] };
  }
  const lost: number[] = [];
  for (let sector = 0; sector < SECTORS; sector++) {
    const at = sector * SECTOR_BYTES;
    const into = bytes.subarray(at, at + SECTOR_BYTES);
    if (!await isRead(volume, { sector, into })) lost.push(sector);
  }
  return { bytes, lost };
}

async function isRead(
  { store }: BucketVolume,
  { sector, into }: { readonly sector: number; readonly into: Uint8Array },
): Promise<boolean> {
  try {
    await store.read(sector * SECTOR_BYTES, into);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof MediaError)) throw thrown;
    return false;
  }
}

function isRight({ bytes, lost }: Read, state: Uint8Array): boolean {
  // What could not be read says nothing.
  for (const sector of lost) {
    const at = sector * SECTOR_BYTES;
    bytes.set(state.subarray(at, at + SECTOR_BYTES), at);
  }
  const words = new Uint32Array(bytes.buffer);
  const right = new Uint32Array(state.slice().buffer);
  return words.every((word, n) => word === right[n]);
}

/** What cannot be read lies where `verify` says that it does. */
function isTold(read: Read | undefined, { damages }: Verification): boolean {
  const all = damages.some(({ extents }) => extents === "all");
  if (all || !read) return all;
  const extents = damages.flatMap(({ extents }) =>
    extents === "all" ? [] : extents
  );
  return read.lost.every((sector) => {
    const at = sector * SECTOR_BYTES;
    return extents.some(({ offset, length }) =>
      at >= offset && at < offset + length
    );
  });
}

const changed = (...changes: readonly (readonly [string, Uint8Array])[]) =>
  new Map([...today.objects, ...changes]);

function without(name: string): Objects {
  const objects = new Map(today.objects);
  objects.delete(name);
  return objects;
}

/** `named`: the objects that have to be named. */
async function expectNoticed(
  what: string,
  objects: Objects,
  named: readonly string[],
): Promise<void> {
  const found = await verify(objects, today.pin);
  const read = await readAll(objects, today.pin);
  if (read && !isRight(read, states.at(-1)!)) {
    throw new Error(`${what}: read what is wrong`);
  }
  const sound = found.damages.length === 0 && found.unclaimed.length === 0;
  if (UNNOTICED[what] !== undefined) {
    expect([what, sound, read?.lost]).toEqual([what, true, []]);
    return;
  }
  const missing = named.filter((name) =>
    !found.damages.some((damage) => damage.name === name)
  );
  if (sound || missing.length > 0) {
    const told = JSON.stringify(found.damages);
    throw new Error(`${what}: ${missing.map(titleOf)} are not named: ${told}`);
  }
  if (!isTold(read, found)) {
    throw new Error(`${what}: more is hit than is told`);
  }
}

/** Where a bit is flipped. */
function placesIn(name: string, bytes: Uint8Array): Set<number> {
  const { kind, number } = keys.parseName(name)!;
  const id = kind === "superblock" ? new Uint8Array(16) : volumeId;
  const identity = { kind, number, volumeId: id };
  const head = openHead(keys, { identity, bytes });
  if ("needsBytes" in head) throw new Error("It has no head");
  const edges = [0, 32, 34, 128, PREAMBLE_END, PREAMBLE_END + 16];
  for (let chunk = 0; chunk < chunkCount(head.dataBytes); chunk++) {
    const { offset, length } = chunkExtent(head, chunk);
    const end = offset + length;
    edges.push(offset - 16, offset, Math.floor(offset + length / 2), end - 16);
    const step = bytes.length > SMALL_BYTES ? length : STEP;
    for (let at = offset; at < end; at += step) edges.push(at);
  }
  const places = [...edges, bytes.length].flatMap((at) => [at - 1, at]);
  if (head.dataStart <= SMALL_BYTES) {
    for (let at = 0; at < head.dataStart; at++) places.push(at);
  }
  return new Set(places.filter((at) => at >= 0 && at < bytes.length));
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << at % 8;
  return copy;
}

Deno.test("the volume is sound, and has all kinds of objects and extents", async () => {
  const found = await verify(today.objects, today.pin);
  expect(found).toMatchObject({ damages: [], unclaimed: [] });
  expect(found.segments + found.others).toBe(names.length);
  expect(isRight((await readAll(today.objects))!, states.at(-1)!)).toBe(true);
  const kinds = new Set<string>();
  for (const name of names) {
    const { kind, number } = keys.parseName(name)!;
    kinds.add(kind);
    if (kind !== "segment") continue;
    const bytes = today.objects.get(name)!;
    const { extents } = openSegment(keys, { volumeId, number, bytes });
    if (extents.length === 0) kinds.add("claim");
    for (const { kind } of extents) kinds.add(kind);
  }
  expect([...kinds].sort()).toEqual([
    ...["checkpoint", "claim", "data", "mark", "moved", "segment"],
    ...["superblock", "zero"],
  ]);
});

for (const name of names) {
  const title = titleOf(name);
  const bytes = today.objects.get(name)!;

  Deno.test(`a bit of ${title} that is flipped`, async () => {
    for (const at of placesIn(name, bytes)) {
      const objects = changed([name, flipped(bytes, at)]);
      await expectNoticed(`flip ${at} of ${title}`, objects, [name]);
    }
  });

  Deno.test(`${title} cut, lengthened, or gone`, async () => {
    for (
      const length of [
        ...[0, 1, 31, 32, PREAMBLE_END - 1, PREAMBLE_END],
        ...[Math.floor(bytes.length / 2), bytes.length - 16, bytes.length - 1],
      ].filter((length) => length < bytes.length)
    ) {
      const objects = changed([name, bytes.slice(0, length)]);
      await expectNoticed(`cut ${title} to ${length}`, objects, [name]);
    }
    for (const more of [1, 16, bytes.length]) {
      const longer = new Uint8Array(bytes.length + more);
      longer.set(bytes);
      const objects = changed([name, longer]);
      await expectNoticed(`lengthen ${title}`, objects, [name]);
    }
    await expectNoticed(`delete ${title}`, without(name), deletedNames(name));
  });

  Deno.test(`${title} exchanged with each other object, or for another volume's`, async () => {
    for (const second of names.filter((one) => one > name)) {
      const objects = changed(
        [name, today.objects.get(second)!],
        [second, bytes],
      );
      // Without the superblock nobody knows the volume's id, and so nothing else of it.
      const superblock = keys.nameOf("superblock", 0);
      const both = [name, second];
      const named = both.includes(superblock) ? [superblock] : both;
      await expectNoticed(`exchange ${title}`, objects, named);
    }
    const stranger = other.today.objects.get(name)!;
    await expectNoticed(
      ...[`another volume's ${title}`, changed([name, stranger])] as const,
      // All of it is another volume's then, but for that.
      title === "superblock 0" ? [] : [name],
    );
    const { kind, number } = keys.parseName(name)!;
    const another = strange.today.objects
      .get(strangeKeys.nameOf(kind, number))!;
    const objects = changed([name, another]);
    await expectNoticed(`another key's ${title}`, objects, [name]);
  });
}

/** A claim that is gone is known by its epoch, where nothing else needs it. */
function deletedNames(name: string): string[] {
  return titleOf(name) === "segment 1" ? [] : [name];
}

Deno.test("another attempt at a segment, by whoever has the key, in the place of the one that counts", async () => {
  for (const name of names) {
    const { kind, number } = keys.parseName(name)!;
    if (kind !== "segment") continue;
    const bytes = today.objects.get(name)!;
    const { head, extents, data } = openSegment(keys, {
      ...{ volumeId, number, bytes },
    });
    const { epoch, timeMs, previous } = head;
    const again = encodeSegment(keys, {
      ...{ volumeId, number, epoch, timeMs, previous, extents },
      data: [data.map((byte) => byte ^ 1)],
    });
    const objects = changed([name, again.bytes]);
    const found = await verify(objects, today.pin);
    const read = await readAll(objects, today.pin);
    const what = `another ${titleOf(name)}`;
    expect([what, read === undefined || isRight(read, states.at(-1)!)])
      .toEqual([what, true]);
    expect([what, found.damages.length]).not.toEqual([what, 0]);
    expect([what, isTold(read, found)]).toEqual([what, true]);
  }
});

Deno.test("yesterday's bucket, another volume's bucket, an empty one", async () => {
  await expectNoticed("yesterday's", yesterday.objects, []);
  expect(await readAll(yesterday.objects, today.pin)).toBeUndefined();
  await expectNoticed("another volume's", other.today.objects, []);
  expect(await readAll(other.today.objects, today.pin)).toBeUndefined();
  await expect(verify(new Map(), today.pin)).rejects.toThrow("no volume");
  expect(await readAll(new Map(), today.pin)).toBeUndefined();
  const superblock = keys.nameOf("superblock", 0);
  const alone = new Map([[superblock, today.objects.get(superblock)!]]);
  await expectNoticed("a superblock alone", alone, []);
});

Deno.test("what was deleted since yesterday and is given back changes nothing", async () => {
  const gone = [...yesterday.objects].filter(([name]) =>
    !today.objects.has(name)
  );
  expect(gone.length).toBeGreaterThan(0);
  for (const one of gone) {
    // It is what it was, and goes less far than what is there.
    const objects = changed(one);
    const found = await verify(objects, today.pin);
    expect(found).toMatchObject({ damages: [], unclaimed: [] });
    const read = await readAll(objects, today.pin);
    expect(read && isRight(read, states.at(-1)!)).toBe(true);
  }
});

Deno.test("whoever has the key alone reads a state that the volume was in, or none", async () => {
  for (
    const [what, objects] of [
      ["yesterday's", yesterday.objects] as const,
      ...names.map((name) => [`without ${titleOf(name)}`, without(name)]),
    ] as readonly (readonly [string, Objects])[]
  ) {
    const read = await readAll(objects);
    const fits = !read || states.some((state) => isRight(read, state));
    expect([what, fits]).toEqual([what, true]);
  }
});
