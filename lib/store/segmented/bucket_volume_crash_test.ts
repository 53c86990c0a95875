/**
 * Power cuts and kills under a volume in a bucket, with a bucket that fails in every way in which one may: after any of them the volume is what
 * some prefix of its operations makes, each whole, and no older than the last flush that was answered; and where all that is on the local disk
 * is lost, some older one. CRASH_SEEDS=20000 tries so many lives in place of some hundreds, CRASH_SEED=n one of them again.
 */
import { expect } from "expect";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import type { Bucket } from "../../bucket/bucket.ts";
import { BucketLayer } from "../../bucket/bucket_layer.ts";
import { FaultBucket } from "../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../bucket/memory_bucket.ts";
import { RetryingBucket } from "../../bucket/retrying_bucket.ts";
import {
  endurable,
  HurriedClock,
  seededRandom,
  troubled,
} from "../../bucket/testing/faults.ts";
import { systemPrimitives as primitives } from "../../os/primitives.ts";
import type { ObjectKind } from "../../segments/keys.ts";
import { SUPERBLOCK_NUMBER } from "../../segments/superblock.ts";
import { ChunkCache } from "../chunk_cache.ts";
import type { Store } from "../store.ts";
import { crashRuns, type CrashSubject } from "../testing/crash_run.ts";
import { openJournal, soon } from "../testing/journaled.ts";
import { KILLED_WHOLE, LOST, PREFIX } from "../testing/oracle.ts";
import type { Process } from "../testing/power_supply.ts";
import type { SnapshotHand } from "../testing/snapshot_trial.ts";
import {
  type BucketVolume,
  createBucketVolume,
  openBucketVolume,
} from "./bucket_volume.ts";
import { KEPT_CHECKPOINTS } from "./last_checkpoints.ts";
import type { Cleaner } from "./cleaner.ts";
import type { Claim } from "./own_claims.ts";
import type { Pin } from "./segment_row.ts";
import { keys, namesIn, openOn, put } from "./testing/volumes.ts";
import type { VolumeSnapshots } from "./volume_snapshots.ts";

const SEEDS = 100;
const BLOCK_BYTES = 512;
const SIZE_BYTES = 64 * BLOCK_BYTES;

/** The bucket as one process reaches it. A process that is dead asks nothing more, and hears of nothing. */
class Reached extends BucketLayer {
  readonly #expectAlive: () => void;
  readonly #deleted: (names: readonly string[]) => void;

  constructor(
    inner: Bucket,
    told: {
      readonly expectAlive: () => void;
      readonly deleted: (names: readonly string[]) => void;
    },
  ) {
    super(inner);
    this.#expectAlive = told.expectAlive;
    this.#deleted = told.deleted;
  }
  override delete(names: readonly string[]): Promise<void> {
    this.#deleted(names);
    return super.delete(names);
  }
  protected async ask<T>(act: () => Promise<T>): Promise<T> {
    this.#expectAlive();
    const answer = await act();
    this.#expectAlive();
    return answer;
  }
}

interface Variant {
  readonly segmentBytes: number;
  readonly checkpointEvery: number;
  /** Nothing that is on the local disk outlives a crash. */
  readonly loses: boolean;
}

/** What happened to what is in the bucket. */
class Seen {
  /** Segments that an earlier life has left, and that were deleted. */
  left = 0;
  /** Segments that were rewritten. */
  moves = 0;
  /** Objects that no life knew of, and that were deleted. */
  strays = 0;
  readonly troubles = new Set<string | undefined>();
  /** Of one volume's lives: each holds all that the life had. */
  readonly #cleaners: Cleaner[] = [];

  cleans(cleaner: Cleaner): void {
    this.#cleaners.push(cleaner);
  }

  /** Of one volume, whose last life this was. */
  over(): void {
    for (const { moved, strays, trouble } of this.#cleaners.splice(0)) {
      this.moves += moved.segments;
      this.strays += strays.deleted;
      this.troubles.add(trouble);
    }
  }

  deleted(names: readonly string[], by: BucketVolume | undefined): void {
    const claimedAt = by?.row.claimedAt ?? 0;
    for (const name of names) {
      const parsed = keys.parseName(name);
      if (parsed?.kind === "segment" && parsed.number < claimedAt) this.left++;
    }
  }
}

function bucketVolume(
  seed: number,
  { seen, ...variant }: Variant & {
    readonly seen: Seen;
    readonly snapshots: boolean;
  },
): CrashSubject {
  const memory = new MemoryBucket({ pageObjects: 5 });
  const share = seed % 3 === 0 ? 0 : 0.1;
  const bucket = new FaultBucket(memory, endurable(troubled(seed, share, 40)));
  let lives = 0;
  const volumes = new WeakMap<Store, BucketVolume>();
  return {
    open: async (process) => {
      const local = variant.loses ? `${lives++}/` : "";
      const alive = process.folder("alive");
      const here: { volume?: BucketVolume } = {};
      const reached = new RetryingBucket(
        new Reached(bucket, {
          expectAlive: () => void alive.list(),
          deleted: (names) => seen.deleted(names, here.volume),
        }),
        { clock: new HurriedClock(), primitives: seededRandom(seed) },
      );
      const superblock = keys.nameOf("superblock", SUPERBLOCK_NUMBER);
      if (!await reached.get(superblock)) {
        await createBucketVolume({
          bucket: reached,
          ...{ keys, primitives, clock: soon },
          sizeBytes: SIZE_BYTES,
          blockSizeBytes: BLOCK_BYTES,
          segmentBytes: variant.segmentBytes,
        });
      }
      const pin = pinIn(process, `${local}pin`);
      const volume = here.volume = await openBucketVolume({
        bucket: reached,
        keys,
        journal: await openJournal(process.folder(`${local}journal`), {
          fileBytes: 48 * BLOCK_BYTES,
          maxFiles: 3,
        }),
        cache: seed % 2 === 0 ? undefined : (volumeId) =>
          new ChunkCache({
            data: process.open(`${local}cache`),
            index: process.open(`${local}index`),
            limitBytes: 3 * 65536,
            volumeId,
            hash: (...parts) => primitives.hash("sha256", ...parts),
          }),
        pin: pin.read(),
        keepPin: (now) => pin.write(now),
        clock: soon,
        checkpointEvery: variant.checkpointEvery,
      });
      seen.cleans(volume.cleaner!);
      volumes.set(volume.store, volume);
      return volume.store;
    },
    ...(variant.snapshots && {
      snapshotsOf: (store) => handOf(volumes.get(store)!.snapshots),
    }),
    atEnd: async () => {
      await bucket.settle();
      seen.over();
      await expectCleared(memory);
    },
    sizeBytes: SIZE_BYTES,
    afterCut: variant.loses ? LOST : PREFIX,
    afterKill: variant.loses ? LOST : KILLED_WHOLE,
    ...(variant.loses && { afterClose: LOST }),
  };
}

function handOf(snapshots: VolumeSnapshots): SnapshotHand {
  return {
    list: async () => (await snapshots.list()).map(({ number }) => number),
    create: async () => (await snapshots.create(`of-${made++}`)).number,
    release: (number) => snapshots.release(number),
    restore: (number) => snapshots.restore(number),
    view: (number) =>
      number === undefined ? snapshots.viewNow() : snapshots.view(number),
  };
}

let made = 0;

/** Another machine finds the volume, and lets go of all snapshots: nothing of them is left. */
async function expectCleared(bucket: Bucket): Promise<void> {
  const volume = await openOn({ pin: undefined }, bucket);
  for (const { number } of await volume.snapshots.list()) {
    await volume.snapshots.release(number);
  }
  for (let n = 0; n < 2; n++) {
    await put(volume, { sector: n, value: 1 });
    await volume.row.checkpoint();
  }
  await volume.cleaner!.settled();
  await volume.row.settled();
  const kinds = (await namesIn(bucket))
    .map((name) => keys.parseName(name)?.kind);
  const count = (kind: ObjectKind) =>
    kinds.filter((other) => other === kind).length;
  expect(count("snapshot")).toBe(0);
  expect(count("checkpoint")).toBe(KEPT_CHECKPOINTS);
}

type Packed = readonly [number: number, epoch: number, digest: string];

/** In one sector, which is never torn: there is room for eight claims. */
function pinIn(process: Process, name: string) {
  const file = process.open(name, BLOCK_BYTES);
  const unpacked = ([number, epoch, digest]: Packed) => ({
    ...{ number, epoch },
    digest: Uint8Array.from(atob(digest), (char) => char.charCodeAt(0)),
  });
  const packed = (number: number, { epoch, digest }: Omit<Claim, "number">) => [
    ...[number, epoch, btoa(String.fromCharCode(...digest))],
  ];
  return {
    read(): Pin | undefined {
      const sector = new Uint8Array(BLOCK_BYTES);
      file.read(0, sector);
      const text = fromUtf8(sector)!.replaceAll("\0", "");
      if (text === "") return undefined;
      const [end, claims] = JSON.parse(text) as [Packed, Packed[] | null];
      const { number: next, ...rest } = unpacked(end);
      return { next, ...rest, ...(claims && { claims: claims.map(unpacked) }) };
    },
    write(pin: Pin): void {
      const sector = new Uint8Array(BLOCK_BYTES);
      sector.set(utf8(JSON.stringify([
        packed(pin.next, pin),
        pin.claims?.map((claim) => packed(claim.number, claim)) ?? null,
      ])));
      file.write(0, sector);
      file.syncNow();
    },
  };
}

const VARIANTS: readonly (Variant & {
  readonly name: string;
  /** So many objects that no life knew of are found in so many seeds; where segments are large there are few of either. */
  readonly strays: number;
})[] = [
  {
    name: "small segments",
    segmentBytes: 2048,
    checkpointEvery: 3,
    loses: false,
    strays: 1 / 20,
  },
  {
    name: "large segments",
    segmentBytes: 65536,
    checkpointEvery: 20,
    loses: false,
    strays: 0,
  },
  {
    name: "the local disk lost each time",
    segmentBytes: 2048,
    checkpointEvery: 4,
    loses: true,
    strays: 1 / 50,
  },
];

const TITLE =
  "a volume in a bucket is a prefix of its operations after any crash";

for (const { name, ...variant } of VARIANTS) {
  const run = async (snapshots: boolean) => {
    const seen = new Seen();
    const runs = await crashRuns(
      SEEDS,
      (seed) => bucketVolume(seed, { ...variant, snapshots, seen }),
    );
    if (!runs) return undefined;
    const { seeds, tally } = runs;
    // It has not gone blind.
    expect(tally.cuts).toBeGreaterThan(seeds);
    expect(tally.kills).toBeGreaterThan(seeds / 2);
    // What they met was the crash, and nothing that is wrong in the bucket.
    expect(seen.troubles)
      .toEqual(new Set([undefined, "Could not clean up: There was a crash"]));
    return { seeds, tally, seen };
  };

  Deno.test(`${TITLE}: ${name}`, async () => {
    const done = await run(false);
    if (!done) return;
    const { seeds, tally, seen: { moves, strays, left } } = done;
    expect(tally.operations).toBeGreaterThan(10 * seeds);
    expect(moves).toBeGreaterThan(seeds);
    expect(left).toBeGreaterThan(seeds / 2);
    expect(strays).toBeGreaterThanOrEqual(variant.strays * seeds);
  });

  Deno.test(`${TITLE}, and so are its snapshots: ${name}`, async () => {
    const done = await run(true);
    if (!done) return;
    const { seeds, tally, seen: { moves, left } } = done;
    expect(tally.operations).toBeGreaterThan(5 * seeds);
    expect(tally.snapshots).toBeGreaterThan(seeds / 2);
    expect(tally.restores).toBeGreaterThan(seeds / 10);
    expect(tally.releases).toBeGreaterThan(seeds / 10);
    expect(moves).toBeGreaterThan(seeds / 4);
    expect(left).toBeGreaterThan(seeds / 2);
  });
}
