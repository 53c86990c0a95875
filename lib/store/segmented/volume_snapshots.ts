/**
 * Snapshots of a volume in a bucket: made, listed, looked at, released and put back. Each is a checkpoint that stays, so it costs a few small
 * objects and copies nothing (FORMAT.md section 7).
 *
 *     make:     all that was written is uploaded ──▶ checkpoint ──▶ its name ──▶ note: kept
 *     release:  note: released ──▶ its name goes ──▶ what nobody else needs
 *     restore:  all that was written is uploaded ──▶ note: restored, and with it the map is that of then
 *
 * What is made or released and fails with a {@linkcode BucketError} may have been done: which of the two, the next that is written finds out.
 */

import { unlessAborted } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import { BucketError } from "../../bucket/bucket.ts";
import { SealError } from "../../segments/seal_error.ts";
import {
  encodeSnapshot,
  openSnapshot,
  type Snapshot,
} from "../../segments/snapshot.ts";
import type { JournaledStore } from "../journaled_store.ts";
import type { Store } from "../store.ts";
import type { Elsewhere } from "./ancestry.ts";
import type { ChainOptions } from "./chain.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { SegmentReader } from "./segment_reader.ts";
import type { SegmentRow } from "./segment_row.ts";
import { SegmentView } from "./segment_view.ts";
import { VolumeClones } from "./volume_clones.ts";
import { VolumeMap } from "./volume_map.ts";

/** How often it is asked whether a restore was done. */
const SETTLE_MS = 1000;

/** A snapshot that counts. */
export interface NamedSnapshot extends Snapshot {
  /** No other of this volume ever has it. */
  readonly number: number;
}

export interface VolumeSnapshotsOptions extends ChainOptions {
  readonly store: Pick<JournaledStore, "drained" | "changeTarget">;
  readonly row: SegmentRow;
  readonly map: VolumeMap;
  readonly checkpoints: Checkpoints;
  readonly reader: SegmentReader;
  readonly clock: Clock;
  readonly elsewhere: Elsewhere | undefined;
}

export class VolumeSnapshots {
  /** Of the snapshots. */
  readonly clones: VolumeClones;
  readonly #options: VolumeSnapshotsOptions;
  /** Those that were read: they never change. */
  readonly #read = new Map<number, NamedSnapshot>();

  constructor(options: VolumeSnapshotsOptions) {
    this.#options = options;
    this.clones = new VolumeClones(options);
  }

  /** The oldest first. @throws {SealError} where the bucket does not give what the row says is there */
  async list(): Promise<readonly NamedSnapshot[]> {
    const { kept } = this.#options.checkpoints;
    const list = [];
    for (const number of kept.snapshots) {
      try {
        list.push(await this.#get(number));
      } catch (thrown) {
        // Not where it was released meanwhile.
        if (kept.counts(number)) throw thrown;
      }
    }
    return list.filter(({ number }) => kept.counts(number));
  }

  /**
   * Keeps the volume as it is at a moment between the call and its end: all that was written before the call is in it.
   *
   * @param signal gives up waiting for that to be uploaded
   * @throws {VaultError} `conflict` where there is one of that name
   */
  async create(name: string, signal?: AbortSignal): Promise<NamedSnapshot> {
    const { store, row, map, checkpoints, clock, ...chain } = this.#options;
    const { bucket, keys, volumeId } = chain;
    await unlessAborted(store.drained(), signal);
    return await row.alone(async (hand) => {
      signal?.throwIfAborted();
      await this.#expectFree(name);
      const { number, digest: checkpointDigest } = await hand.checkpoint();
      const snapshot: NamedSnapshot = {
        ...{ number, name, checkpointDigest, timeMs: clock.now() },
        ...{ volumeBytes: row.sizeBytes, liveBytes: map.liveBytes },
        epoch: row.end.epoch,
      };
      checkpoints.named(number);
      const answer = await bucket.create(
        keys.nameOf("snapshot", number),
        encodeSnapshot(keys, { volumeId, ...snapshot }),
      );
      if (answer !== "created") {
        throw new SealError(
          `There is another snapshot ${number} in the bucket`,
        );
      }
      const live = map.live();
      await hand.note(noteOf("kept", snapshot));
      checkpoints.kept.learn(number, live);
      this.#read.set(number, snapshot);
      return snapshot;
    });
  }

  /**
   * Lets it go; what nobody else needs goes with it, now or later.
   *
   * @throws {VaultError} `not-found` where there is none of that number, `conflict` where there is a clone of it
   */
  async release(number: number): Promise<void> {
    await this.#options.row.alone(async (hand) => {
      const snapshot = await this.expect(number);
      await this.clones.expectNone(snapshot, hand);
      await hand.note(noteOf("released", snapshot));
      this.#read.delete(number);
      await hand.checkpointSoon();
    });
  }

  /**
   * Makes the volume what it was. Nobody uses it meanwhile; where the bucket gives no answer, that is until it is known whether it was done.
   *
   * @param signal gives up finding that out: nobody may use the volume before it was opened again
   * @throws {BucketError} where it was not done
   * @throws {VaultError} `not-found` where there is none of that number
   */
  async restore(number: number, signal?: AbortSignal): Promise<void> {
    const { store, row, checkpoints: { kept } } = this.#options;
    await unlessAborted(store.drained(), signal);
    let begun = false;
    await store.changeTarget(async () => {
      begun = true;
      const before = kept.restored;
      try {
        await row.alone(async (hand) => {
          await hand.note(noteOf("restored", await this.expect(number)));
        });
      } catch (thrown) {
        if (!(thrown instanceof BucketError)) throw thrown;
        await this.#settle(signal);
        if (kept.restored === before) throw thrown;
      }
    }).catch((thrown) => {
      throw begun ? thrown : bucketErrorIn(thrown) ?? thrown;
    });
  }

  /** Resolves when it is known what is in the row. */
  async #settle(signal: AbortSignal | undefined): Promise<void> {
    const { row, clock } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await row.alone(() => Promise.resolve());
      } catch (thrown) {
        if (!(thrown instanceof BucketError)) throw thrown;
      }
      await clock.sleep(SETTLE_MS, signal);
    }
  }

  /** The volume as it was, until it is closed. @throws {VaultError} `not-found` where there is none of that number */
  async view(number: number): Promise<Store> {
    const { checkpoints, clock } = this.#options;
    const { checkpointDigest } = await this.expect(number);
    const checkpoint = await checkpoints.read(number, checkpointDigest);
    const map = await VolumeMap.of(checkpoint, clock);
    const view = this.#view(map, checkpoint.volumeBytes);
    if (checkpoints.kept.counts(number)) return view;
    await view.close();
    throw none(number);
  }

  /** The volume as it is at a moment between the call and its end, until it is closed. */
  async viewNow(signal?: AbortSignal): Promise<Store> {
    const { store, map, row, clock } = this.#options;
    await unlessAborted(store.drained(), signal);
    return await row.between(async () =>
      this.#view(await map.copy(clock), row.sizeBytes)
    );
  }

  #view(map: VolumeMap, sizeBytes: number): Store {
    const { checkpoints, reader } = this.#options;
    const release = checkpoints.kept.view(map.live());
    return new SegmentView({ map, reader, sizeBytes, release });
  }

  async #expectFree(name: string): Promise<void> {
    // One that was made although nobody heard of it has its name, too.
    const taken = (await this.list()).some((one) => one.name === name);
    if (!taken) return;
    throw new VaultError(`There is already a snapshot "${name}"`, {
      kind: "conflict",
    });
  }

  /** One that counts. @throws {VaultError} `not-found` where there is none of that number */
  async expect(number: number): Promise<NamedSnapshot> {
    if (this.#options.checkpoints.kept.counts(number)) {
      return await this.#get(number);
    }
    throw none(number);
  }

  async #get(number: number): Promise<NamedSnapshot> {
    const read = this.#read.get(number);
    if (read) return read;
    const { bucket, keys, volumeId } = this.#options;
    const bytes = await bucket.get(keys.nameOf("snapshot", number));
    if (!bytes) throw new SealError(`Snapshot ${number} is missing`);
    const opened = openSnapshot(keys, { volumeId, number, bytes });
    const snapshot = { number, ...opened };
    this.#read.set(number, snapshot);
    return snapshot;
  }
}

function noteOf(
  kind: "kept" | "released" | "restored",
  { number: snapshot, checkpointDigest: digest }: NamedSnapshot,
) {
  return { kind, snapshot, digest };
}

/** Why something was not uploaded, where that is the bucket's doing. */
function bucketErrorIn(thrown: unknown): BucketError | undefined {
  for (let at = thrown; at instanceof Error; at = at.cause) {
    if (at instanceof BucketError) return at;
  }
  return undefined;
}

function none(number: number): VaultError {
  return new VaultError(`There is no snapshot ${number}`, {
    kind: "not-found",
  });
}
