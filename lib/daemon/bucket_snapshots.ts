/**
 * Snapshots of volumes in buckets, which the bucket holds: nothing of them is on this machine.
 *
 *     create:  what was written is uploaded ──▶ it is a snapshot
 *     restore: what was written is uploaded ──▶ the document says what size it may have ──▶ nobody is logged in, and everything stands still:
 *              the volume is what it was ──▶ the document says what size it has
 *
 * A crash during a restore leaves the volume as it was before or as it is afterwards: which of the two, and how large it is then, the bucket
 * says when it is opened again.
 */

import { unlessAborted } from "../base/abort.ts";
import { VaultError } from "../base/errors.ts";
import { BucketError } from "../bucket/bucket.ts";
import type { SnapshotInfo, SnapshotWork } from "../control/operations.ts";
import type { NamedSnapshot } from "../store/segmented/volume_snapshots.ts";
import type { BucketDisk } from "./bucket_disk.ts";
import type { Catalog } from "./catalog.ts";
import { restoreOver, type VolumeDocument } from "./documents.ts";
import { expectName } from "./name.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { MAX_SNAPSHOTS } from "./snapshot_folder.ts";

export interface BucketSnapshotsOptions {
  readonly catalog: Catalog;
  readonly served: ServedVolumes | undefined;
  readonly inTurn: (change: () => Promise<void>) => Promise<void>;
  readonly restored: (volume: string, snapshot: string) => void;
}

interface Running {
  readonly work: () => SnapshotWork;
  readonly stopping: AbortController;
  readonly over: Promise<void>;
}

type Ended = { readonly work: SnapshotWork } | { readonly why: unknown };

export class BucketSnapshots {
  readonly #options: BucketSnapshotsOptions;
  readonly #running = new Map<string, Running>();
  readonly #ended = new Map<string, Ended>();

  constructor(options: BucketSnapshotsOptions) {
    this.#options = options;
  }

  /** @throws {VaultError} where the volume is not served */
  async list(document: VolumeDocument): Promise<SnapshotInfo[]> {
    const { name: volume, blockSizeBytes } = document;
    const { snapshots } = this.#disk(document);
    const list = await snapshots.list();
    const clones = Map.groupBy(
      snapshots.clones.list,
      ({ snapshot }) => snapshot,
    );
    return list.map((one) => ({
      ...{ volume, name: one.name, blockSizeBytes },
      createdAt: new Date(one.timeMs).toISOString(),
      sizeBytes: one.volumeBytes,
      allocatedBytes: one.liveBytes,
      ...(clones.has(one.number) && {
        clones: clones.get(one.number)!.map(({ clone }) => clone.name),
      }),
    }));
  }

  /** Whether its snapshots are known. */
  isOpen({ name }: VolumeDocument): boolean {
    return this.#options.served?.bucketDisk(name) !== undefined;
  }

  /** Begins one. */
  async create(document: VolumeDocument, name: string): Promise<SnapshotWork> {
    const disk = this.#disk(document);
    expectName("snapshot", name);
    const snapshots = await disk.snapshots.list();
    if (snapshots.some((one) => one.name === name)) {
      throw new VaultError(
        `There is already a snapshot "${name}" of volume "${document.name}"`,
        { kind: "conflict" },
      );
    }
    if (snapshots.length >= MAX_SNAPSHOTS) {
      throw new VaultError(`A volume has at most ${MAX_SNAPSHOTS} snapshots`, {
        kind: "conflict",
        hint: "Delete some first: vault snapshot delete.",
      });
    }
    return this.#begin(
      document,
      { kind: "create", name, disk },
      (signal) => disk.snapshots.create(name, signal).then(() => {}),
    );
  }

  /** Begins to make the volume what it was. */
  async restore(document: VolumeDocument, name: string): Promise<SnapshotWork> {
    const disk = this.#disk(document);
    const snapshot = await this.find(document, name);
    this.#options.served?.expectUnused(document.name);
    return this.#begin(
      document,
      { kind: "restore", name, disk },
      (signal) => this.#restore(document.name, { snapshot, disk, signal }),
    );
  }

  /** Lets it go. */
  async delete(document: VolumeDocument, name: string): Promise<void> {
    const { number } = await this.find(document, name);
    await this.#disk(document).snapshots.release(number);
  }

  /** @throws {VaultError} `not-found` where there is none of that name */
  async find(document: VolumeDocument, name: string): Promise<NamedSnapshot> {
    const snapshots = await this.#disk(document).snapshots.list();
    return namedOf(document.name, snapshots, name);
  }

  /** How far the volume's work is, or how the last one has ended; undefined where there was none. @throws what has ended it */
  work(volume: string): SnapshotWork | undefined {
    const running = this.#running.get(volume);
    if (running) return running.work();
    const ended = this.#ended.get(volume);
    if (ended && "why" in ended) throw ended.why;
    return ended?.work;
  }

  /** What is under way. */
  running(volume: string): SnapshotWork | undefined {
    return this.#running.get(volume)?.work();
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(volume: string, why: string): Promise<void> {
    const running = this.#running.get(volume);
    running?.stopping.abort(new VaultError(why, { kind: "conflict" }));
    await running?.over;
  }

  /** The same for all volumes. */
  async stopAll(why: string): Promise<void> {
    const volumes = [...this.#running.keys()];
    await Promise.all(volumes.map((volume) => this.stop(volume, why)));
  }

  #disk({ name }: VolumeDocument): BucketDisk {
    const { served } = this.#options;
    if (!served) {
      throw new VaultError(
        `The snapshots of volume "${name}" are in its bucket, which is asked only while the node runs`,
        { kind: "refused", hint: "Start it: vault serve" },
      );
    }
    // Where it is not open, that says why.
    served.unit(name);
    const disk = served.bucketDisk(name);
    if (disk) return disk;
    throw new VaultError(`Volume "${name}" is in no bucket`);
  }

  #begin(
    { name: volume }: VolumeDocument,
    { kind, name: snapshot, disk }: {
      readonly kind: SnapshotWork["kind"];
      readonly name: string;
      readonly disk: BucketDisk;
    },
    act: (signal: AbortSignal) => Promise<void>,
  ): SnapshotWork {
    const totalBytes = disk.store.undrainedBytes;
    const before = disk.uploadedBytes;
    // What is written meanwhile is uploaded, too.
    const work = (done = false): SnapshotWork => {
      const copiedBytes = Math.min(totalBytes, disk.uploadedBytes - before);
      const by = "upload";
      return {
        ...{ kind, volume, snapshot, by, totalBytes, done },
        copiedBytes: done ? totalBytes : copiedBytes,
      };
    };
    const stopping = new AbortController();
    const over = act(stopping.signal).then(
      () => ({ work: work(true) }),
      (why: unknown) => ({ why }),
    ).then((ended) => {
      this.#running.delete(volume);
      this.#ended.set(volume, ended);
    });
    this.#running.set(volume, { work, stopping, over });
    return work();
  }

  async #restore(
    volume: string,
    { snapshot, disk, signal }: {
      readonly snapshot: NamedSnapshot;
      readonly disk: BucketDisk;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { served, restored } = this.#options;
    const { number, volumeBytes } = snapshot;
    await unlessAborted(disk.store.drained(), signal);
    await this.#change(volume, signal, (document) => {
      served?.expectUnused(volume);
      return { ...document, restoring: volumeBytes };
    });
    const over = () =>
      this.#change(
        volume,
        signal,
        (document) => restoreOver(document, disk.store.sizeBytes),
      );
    let begun = false;
    try {
      await this.#underNobody(volume, volumeBytes, async () => {
        begun = true;
        await disk.snapshots.restore(number, signal);
      });
    } catch (thrown) {
      if (!begun || thrown instanceof BucketError) await over();
      // Nobody knows what it holds.
      else disk.store.refuse(thrown);
      throw thrown;
    }
    restored(volume, snapshot.name);
    await over();
  }

  /** Runs `change` of the volume's bytes, and of its size to `sizeBytes`, while nobody is logged in. Who logs in meanwhile waits. */
  async #underNobody(
    volume: string,
    sizeBytes: number,
    change: () => Promise<void>,
  ): Promise<void> {
    const { served } = this.#options;
    const unit = served?.unit(volume);
    await unit?.standStill(async () => {
      served?.expectUnused(volume);
      const before = unit.sizeBytes;
      // So that nobody asks for what is not there afterwards.
      if (sizeBytes < before) unit.resized(sizeBytes);
      try {
        await change();
      } catch (thrown) {
        if (sizeBytes < before) unit.resized(before);
        throw thrown;
      }
      if (sizeBytes > before) unit.resized(sizeBytes);
    });
  }

  #change(
    volume: string,
    signal: AbortSignal,
    change: (document: VolumeDocument) => VolumeDocument,
  ): Promise<void> {
    const { catalog, inTurn } = this.#options;
    const changed = inTurn(() => {
      signal.throwIfAborted();
      catalog.update(change(catalog.get(volume)));
      return Promise.resolve();
    });
    // Whoever is in turn may wait for the end of this.
    return unlessAborted(changed, signal);
  }
}

/** @throws {VaultError} `not-found` where there is none of that name */
export function namedOf(
  volume: string,
  snapshots: readonly NamedSnapshot[],
  name: string,
): NamedSnapshot {
  const found = snapshots.find((one) => one.name === name);
  if (found) return found;
  throw new VaultError(`There is no snapshot "${name}" of volume "${volume}"`, {
    kind: "not-found",
    hint: `vault snapshot list ${volume} shows those that there are.`,
  });
}
