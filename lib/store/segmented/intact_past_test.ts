/**
 * Buckets in which objects are missing or damaged, object by object: where the volume is not opened for that, its owner may take it up to there.
 * It is a state that it has had, can be written to, and is found whole by `verify`.
 */
import { expect } from "expect";
import type { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { equalBytes } from "../../base/bytes.ts";
import { VaultError } from "../../base/errors.ts";
import { MediaError } from "../../base/media_error.ts";
import { SealError } from "../../segments/seal_error.ts";
import { noTime } from "../testing/journaled.ts";
import { whyRefused } from "./bucket_volume.ts";
import {
  bucketOf,
  livedVolume,
  type Objects,
  SECTORS,
} from "./testing/lived_volume.ts";
import {
  flipped,
  keys,
  type Machine,
  openOn,
  put,
  SECTOR_BYTES,
  takeOn,
} from "./testing/volumes.ts";
import { verifyVolume } from "./verify.ts";

const { today, states } = await livedVolume();
const JOURNAL = { id: new Uint8Array(16), appended: 0 };

const refusal = (bucket: MemoryBucket, { pin }: Machine) =>
  whyRefused({ bucket, keys, clock: noTime, pin: pin!, journal: JOURNAL });

interface Read {
  readonly bytes: Uint8Array;
  /** Sectors that cannot be read. */
  readonly lost: ReadonlySet<number>;
}

async function readOn(bucket: MemoryBucket, here: Machine): Promise<Read> {
  const volume = await openOn(here, bucket);
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  const lost = new Set<number>();
  const isRead = async (from: number, to: number): Promise<boolean> => {
    const [at, end] = [from * SECTOR_BYTES, to * SECTOR_BYTES];
    try {
      await volume.store.read(at, bytes.subarray(at, end));
      return true;
    } catch (thrown) {
      if (!(thrown instanceof MediaError)) throw thrown;
      return false;
    }
  };
  if (!await isRead(0, SECTORS)) {
    for (let sector = 0; sector < SECTORS; sector++) {
      if (!await isRead(sector, sector + 1)) lost.add(sector);
    }
  }
  await volume.store.close();
  return { bytes, lost };
}

/** The last of its states that it can be; -1: none. */
function stateOf({ bytes, lost }: Read): number {
  return states.findLastIndex((state) => {
    const right = state.slice();
    // What could not be read says nothing.
    for (const sector of lost) {
      const at = sector * SECTOR_BYTES;
      right.set(bytes.subarray(at, at + SECTOR_BYTES), at);
    }
    return equalBytes(right, bytes);
  });
}

const isSame = (a: Read, b: Read): boolean =>
  equalBytes(a.bytes, b.bytes) && a.lost.size === b.lost.size &&
  a.lost.isSubsetOf(b.lost);

const titleOf = (name: string) => {
  const { kind, number } = keys.parseName(name)!;
  return `${kind} ${number}`;
};

/** What can be done to an object: it is gone, its head is damaged, its end is. */
const HARMS: Readonly<
  Record<string, (bytes: Uint8Array) => Uint8Array | undefined>
> = {
  "gone": () => undefined,
  "head": (bytes) => flipped(bytes, 40),
  "end": (bytes) => flipped(bytes, bytes.length - 1),
};

function harmed(names: readonly string[], how: string): Objects {
  const objects = new Map(today.objects);
  for (const name of names) {
    const bytes = HARMS[how]!(objects.get(name)!);
    if (bytes) objects.set(name, bytes);
    else objects.delete(name);
  }
  return objects;
}

/** Checks all that is promised of one that was taken. Gives the state that it has. */
async function expectWhole(bucket: MemoryBucket, here: Machine) {
  const read = await readOn(bucket, here);
  const state = stateOf(read);
  expect(state).toBeGreaterThanOrEqual(0);
  // It goes on from there.
  const volume = await openOn(here, bucket, { checkpointEvery: 1 });
  await put(volume, { sector: 77, value: 1 });
  await put(volume, { sector: 77, value: 2 });
  await volume.row.settled();
  await volume.store.close();
  read.bytes.fill(2, 77 * SECTOR_BYTES, 78 * SECTOR_BYTES);
  const lost = new Set(read.lost);
  lost.delete(77);
  const now = { bytes: read.bytes, lost };
  expect(isSame(await readOn(bucket, here), now)).toBe(true);
  // So does who has nothing but the key.
  expect(isSame(await readOn(bucket, { pin: undefined }), now)).toBe(true);
  const { damages } = await verifyVolume({ bucket, keys, clock: noTime });
  expect(damages.filter(({ closes }) => closes)).toEqual([]);
  return { state, damages };
}

Deno.test("whatever one object is missing or damaged, what is whole can be taken", async () => {
  const refused: string[] = [];
  const reached = new Set<number>();
  for (const how of Object.keys(HARMS)) {
    for (const name of [...today.objects.keys()].sort()) {
      for (const remembers of [true, false]) {
        const bucket = await bucketOf(harmed([name], how));
        const here = { pin: remembers ? today.pin : undefined };
        const title = `${how} ${titleOf(name)}`;
        let why: VaultError | undefined;
        try {
          why = await refusal(bucket, { pin: today.pin });
          await takeOn(here, bucket);
        } catch (thrown) {
          if (!(thrown instanceof VaultError)) throw thrown;
          refused.push(title);
          continue;
        }
        const { state, damages } = await expectWhole(bucket, here);
        reached.add(state);
        // A mark that is damaged stays, and is told.
        const others = damages
          .filter(({ kind }) => kind !== "segment" && kind !== "mark");
        expect([title, others]).toEqual([title, []]);
        if (!why) expect([title, state]).toEqual([title, states.length - 1]);
      }
    }
  }
  // Without it nothing proves itself.
  expect(new Set(refused)).toEqual(
    new Set(["gone superblock 0", "head superblock 0", "end superblock 0"]),
  );
  // Some were lost a little of, and some nothing.
  expect(reached.size).toBeGreaterThan(2);
});

Deno.test("two of them neither give anything wrong, nor keep from what is whole, unless no checkpoint is left", async () => {
  const names = [...today.objects.keys()].sort()
    .filter((name) => keys.parseName(name)?.kind !== "superblock");
  let [taken, refused] = [0, 0];
  for (const [n, one] of names.entries()) {
    for (const other of names.slice(n + 1)) {
      const how = Object.keys(HARMS)[(taken + refused) % 3]!;
      const bucket = await bucketOf(harmed([one, other], how));
      const here = { pin: today.pin };
      try {
        await takeOn(here, bucket);
      } catch (thrown) {
        expect(String(thrown)).toContain("None of the volume's checkpoints");
        refused++;
        continue;
      }
      taken++;
      await expectWhole(bucket, here);
    }
  }
  expect(refused).toBeLessThanOrEqual(1);
  expect(taken).toBeGreaterThan(50);
});

Deno.test("with the last checkpoint goes nothing that the row behind the one before it tells", async () => {
  const checkpoints = [...today.objects.keys()]
    .filter((name) => keys.parseName(name)?.kind === "checkpoint")
    .sort((a, b) => keys.parseName(a)!.number - keys.parseName(b)!.number);
  const bucket = await bucketOf(harmed(checkpoints.slice(-1), "head"));
  const here = { pin: today.pin };
  expect(await refusal(bucket, here)).toBeInstanceOf(SealError);
  await takeOn(here, bucket);
  expect((await expectWhole(bucket, here)).state).toBe(states.length - 1);

  // Without any nobody knows what is where, and nothing is given up.
  for (const how of ["head", "end"]) {
    const none = await bucketOf(harmed(checkpoints, how));
    const names = [...(await none.list("")).objects];
    await expect(takeOn({ pin: today.pin }, none)).rejects.toThrow(
      "None of the volume's checkpoints can be read",
    );
    expect((await none.list("")).objects).toEqual(names);
  }
});

Deno.test("taking it is done again where it was cut off, at whatever write", async () => {
  const segments = [...today.objects.keys()]
    .filter((name) => keys.parseName(name)?.kind === "segment")
    .sort((a, b) => keys.parseName(a)!.number - keys.parseName(b)!.number);
  const name = segments.at(-2)!;
  let done = false;
  for (let writes = 0; !done; writes++) {
    const bucket = await bucketOf(harmed([name], "gone"));
    const here = { pin: today.pin };
    let left = writes;
    const dying = new Proxy(bucket, {
      get(target, key: keyof MemoryBucket) {
        const value = target[key];
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if ((key === "create" || key === "delete") && left-- === 0) {
            throw new Error("killed");
          }
          return Reflect.apply(value, target, args);
        };
      },
    });
    try {
      await takeOn(here, dying);
      done = true;
    } catch (thrown) {
      if ((thrown as Error).message !== "killed") throw thrown;
      if (await refusal(bucket, here)) await takeOn(here, bucket);
    }
    await expectWhole(bucket, here);
    expect(writes).toBeLessThan(20);
  }
});
