/**
 * A volume in a bucket as the harness of crashes has it (../../testing/crash_run.ts): a bucket that fails in every way in which one may, a
 * local disk that the crash has its part of, and, where that is wanted, objects that are lost and damaged between two lives.
 */

import { Dice } from "../../../../tests/fuzz/dice.ts";
import { fromUtf8, utf8 } from "../../../base/bytes.ts";
import type { Bucket } from "../../../bucket/bucket.ts";
import { BucketLayer } from "../../../bucket/bucket_layer.ts";
import { FaultBucket } from "../../../bucket/fault_bucket.ts";
import { MemoryBucket } from "../../../bucket/memory_bucket.ts";
import { RetryingBucket } from "../../../bucket/retrying_bucket.ts";
import {
  endurable,
  HurriedClock,
  seededRandom,
  troubled,
} from "../../../bucket/testing/faults.ts";
import { systemPrimitives as primitives } from "../../../os/primitives.ts";
import type { ObjectKind } from "../../../segments/keys.ts";
import { SealError } from "../../../segments/seal_error.ts";
import { SUPERBLOCK_NUMBER } from "../../../segments/superblock.ts";
import { ChunkCache } from "../../chunk_cache.ts";
import type { Store } from "../../store.ts";
import type { CrashSubject } from "../../testing/crash_run.ts";
import { openJournal, soon } from "../../testing/journaled.ts";
import { KILLED_WHOLE, LOST, PREFIX } from "../../testing/oracle.ts";
import type { Process } from "../../testing/power_supply.ts";
import type { SnapshotHand } from "../../testing/snapshot_trial.ts";
import {
  type BucketVolume,
  createBucketVolume,
  openBucketVolume,
  readSuperblock,
  takeBucketVolume,
} from "../bucket_volume.ts";
import { checkpointHead } from "../checkpoint_heads.ts";
import { KEPT_CHECKPOINTS } from "../last_checkpoints.ts";
import type { Cleaner } from "../cleaner.ts";
import { OtherHistory } from "../other_history.ts";
import type { Claim } from "../own_claims.ts";
import type { Pin } from "../segment_row.ts";
import type { TakenVolume } from "../taken_volume.ts";
import { keys, namesIn, openOn, put } from "./volumes.ts";
import type { VolumeSnapshots } from "../volume_snapshots.ts";

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

export interface Variant {
  readonly segmentBytes: number;
  readonly checkpointEvery: number;
  /** Nothing that is on the local disk outlives a crash. */
  readonly loses: boolean;
  /** Objects are lost and damaged between two lives, and the owner takes what is whole. */
  readonly damages?: true;
}

/** What happened to what is in the bucket. */
export class Seen {
  /** Segments that an earlier life has left, and that were deleted. */
  left = 0;
  /** Segments that were rewritten. */
  moves = 0;
  /** Objects that no life knew of, and that were deleted. */
  strays = 0;
  /** Volumes of which only a part was whole, and was taken. */
  cuts = 0;
  /** Others that were refused, and taken as they were. */
  rollbacks = 0;
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

export function bucketVolume(
  seed: number,
  { seen, ...variant }: Variant & {
    readonly seen: Seen;
    readonly snapshots: boolean;
  },
): CrashSubject {
  const memory = new MemoryBucket({ pageObjects: 5 });
  const share = seed % 3 === 0 ? 0 : 0.1;
  const bucket = new FaultBucket(memory, endurable(troubled(seed, share, 40)));
  const dice = Dice.forCase(seed, 1);
  let lives = 0;
  /** The last claim of a life that was open, and has seen what is before it; undefined where it was damaged since. */
  let seenTo: number | undefined;
  const volumes = new WeakMap<Store, BucketVolume>();
  return {
    open: async (process) => {
      const local = variant.loses ? `${lives++}/` : "";
      if (variant.damages && seenTo !== undefined && dice.once(2)) {
        await damage(memory, { dice, behind: seenTo });
        seenTo = undefined;
      }
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
      // With it, less than was there is noticed.
      const pin = pinIn(process, variant.damages ? "pin" : `${local}pin`);
      const open = async (taken?: TakenVolume) =>
        await openBucketVolume({
          ...{ bucket: reached, keys, clock: soon, taken },
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
          checkpointEvery: variant.checkpointEvery,
        });
      const accept = () =>
        takeBucketVolume({
          ...{ bucket: reached, keys, clock: soon },
          acceptance: {
            pin: pin.read(),
            about: ({ cut }) =>
              cut === undefined ? seen.rollbacks++ : seen.cuts++,
          },
          keepPin: (now) => pin.write(now),
        });
      let volume: BucketVolume | undefined;
      for (let taken: TakenVolume | undefined; !volume;) {
        try {
          volume = here.volume = await open(taken);
        } catch (thrown) {
          const isRefused = thrown instanceof SealError ||
            thrown instanceof OtherHistory;
          if (!variant.damages || !isRefused) throw thrown;
          taken = await accept();
          // As where the node was killed in between. What was broken may be there yet.
          if (dice.once(2)) taken = undefined;
        }
      }
      seenTo = volume.row.claimedAt;
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
    ...(variant.loses
      ? { afterCut: LOST, afterKill: LOST, afterClose: LOST }
      : { afterCut: PREFIX, afterKill: KILLED_WHOLE }),
  };
}

/**
 * Loses or damages some objects without which less of the volume is opened, or nothing: a segment `behind` a claim, the last checkpoint, the
 * last mark.
 */
async function damage(
  bucket: MemoryBucket,
  { dice, behind }: { readonly dice: Dice; readonly behind: number },
): Promise<void> {
  const { volumeId } = await readSuperblock(bucket, keys);
  const all = (await namesIn(bucket)).map((name) => ({
    name,
    ...keys.parseName(name)!,
  }));
  const heads = [];
  for (const { kind, number, name } of all) {
    if (kind !== "checkpoint") continue;
    const head = await checkpointHead({ bucket, keys, volumeId }, number)
      .catch((thrown) => {
        if (!(thrown instanceof SealError)) throw thrown;
      });
    // One was damaged before, and is there yet.
    if (!head) return;
    heads.push({ name, number, nextSegment: head.nextSegment });
  }
  heads.sort((a, b) => a.nextSegment - b.nextSegment || a.number - b.number);
  const last = heads.at(-1);
  if (!last || heads.length < KEPT_CHECKPOINTS) return;
  const segments = all.filter(({ kind, number }) =>
    kind === "segment" && number > behind && number >= last.nextSegment
  );
  const marks = all.filter(({ kind }) => kind === "mark")
    .sort((a, b) => a.number - b.number);
  const some = [
    ...(segments.length > 0 ? [segments[dice.next(segments.length)]!] : []),
    ...(dice.once(3) ? [last] : []),
    ...(dice.once(5) ? marks.slice(-1) : []),
  ];
  for (const { name } of some) {
    // What a life asked to be deleted may go late.
    const bytes = (await bucket.get(name))?.slice();
    await bucket.delete([name]);
    if (!bytes || dice.once(2)) continue;
    // In its head.
    bytes[dice.next(100)]! ^= 1 + dice.next(255);
    await bucket.create(name, bytes);
  }
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
  const [snapshots, checkpoints] = [count("snapshot"), count("checkpoint")];
  if (snapshots === 0 && checkpoints === KEPT_CHECKPOINTS) return;
  throw new Error(
    `${snapshots} snapshots and ${checkpoints} checkpoints are left in the end`,
  );
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
