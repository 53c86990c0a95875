/**
 * Snapshots: made, listed, deleted and put back, of a volume that is served or that is not.
 *
 *     flush ──> everything stands still: flush, picture ──> everything goes on ──> the picture becomes stable ──> it is a snapshot
 *
 * The picture is a reflink where the file system can, and there is no more to do; else it is the beginning of a copy, which is made while the
 * volume is in use and kept from tearing by `PointInTime`. Restoring is the same, from the snapshot's file, and ends with a change of files
 * that only happens while nobody is logged in.
 *
 * A volume has one such work at a time. Those that copy outlive the call that began them. What is in a bucket has its snapshots there
 * (bucket_snapshots.ts).
 */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { SnapshotInfo, SnapshotWork } from "../control/operations.ts";
import { discard, openFile } from "../os/file.ts";
import { join } from "../os/paths.ts";
import { reflink } from "../os/reflink.ts";
import { PointInTime } from "../store/point_in_time.ts";
import { BucketSnapshots } from "./bucket_snapshots.ts";
import type { Catalog } from "./catalog.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { nameAt, snapshotInfo } from "./snapshot_info.ts";
import {
  expectNotErased,
  expectRoom,
  snapshotSubject,
  type Subject,
  volumeSubject,
} from "./snapshot_subject.ts";

export interface SnapshotOperationsOptions {
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Where the node runs. */
  readonly served: ServedVolumes | undefined;
  /** Runs a change of the node when no other is under way. The operations below are called in turn; what they leave to be done is not. */
  readonly inTurn: (change: () => Promise<void>) => Promise<void>;
  /** Told when a snapshot has taken the place of the volume's bytes. */
  readonly restored: (volume: string, snapshot: string) => void;
}

type Work = Pick<SnapshotWork, "volume" | "snapshot" | "kind">;

interface Task extends Work {
  readonly subject: Subject;
  /** The file that the picture becomes. */
  readonly to: string;
  /** The picture is on stable storage. */
  finish(): Promise<void>;
  /** It never will be. Must not throw. */
  abandon(): void;
}

interface Running {
  readonly task: Task;
  readonly copy: PointInTime;
  /** Whoever is in turn may end one that waits for its turn. */
  stop(why: VaultError): void;
  /** Resolves when it has ended, however it has. */
  readonly over: Promise<void>;
}

type Ended = { readonly work: SnapshotWork } | { readonly why: unknown };

export class SnapshotOperations {
  readonly #options: SnapshotOperationsOptions;
  readonly #running = new Map<string, Running>();
  /** By volume, how the last one ended. */
  readonly #ended = new Map<string, Ended>();
  readonly #buckets: BucketSnapshots;

  constructor(options: SnapshotOperationsOptions) {
    this.#options = options;
    this.#buckets = new BucketSnapshots(options);
  }

  /** Of one volume, or of all; of those in buckets only where they are open. */
  async list(volume?: string): Promise<SnapshotInfo[]> {
    const { catalog } = this.#options;
    const volumes = [...catalog.survey().keys()];
    // Those of a volume whose own document is damaged are there all the same.
    const named = volume !== undefined && !volumes.includes(volume)
      ? [catalog.get(volume).name]
      : volumes.filter((name) => volume === undefined || name === volume);
    const lists = [];
    for (const name of named) {
      const found = catalog.look(name);
      if (!("bucket" in found)) {
        const folder = catalog.snapshots(name);
        lists.push(
          folder.list().map((snapshot) =>
            snapshotInfo(name, snapshot, folder.dataPath(snapshot.name))
          ),
        );
      } else if (volume !== undefined || this.#buckets.isOpen(found)) {
        lists.push(await this.#buckets.list(found));
      }
    }
    return lists.flat();
  }

  /** Begins one. */
  create(volume: string, name?: string): Promise<SnapshotWork> {
    const { catalog, clock } = this.#options;
    const document = catalog.get(volume);
    this.#expectQuiet(volume);
    const nowMs = clock.now();
    const snapshot = name ?? nameAt(nowMs);
    if (document.bucket) return this.#buckets.create(document, snapshot);
    const folder = catalog.snapshots(volume);
    folder.expectFree(snapshot);
    const half = folder.begin(snapshot);
    const { sizeBytes, blockSizeBytes } = document;
    return this.#start({
      kind: "create",
      volume,
      snapshot,
      to: join(half, "data"),
      finish: () => {
        folder.finish(half, {
          version: 1,
          name: snapshot,
          createdAt: new Date(nowMs).toISOString(),
          sizeBytes,
          blockSizeBytes,
        });
        return Promise.resolve();
      },
      abandon: () => discard(half),
    }, () => volumeSubject(this.#options, document));
  }

  /** Begins to put it in the place of the volume's bytes. */
  restore(volume: string, name: string): Promise<SnapshotWork> {
    const { catalog, served, inTurn, restored } = this.#options;
    const document = catalog.get(volume);
    if (document.bucket) {
      this.#expectQuiet(volume);
      return this.#buckets.restore(document, name);
    }
    const folder = catalog.snapshots(volume);
    const snapshot = folder.get(name);
    this.#expectQuiet(volume);
    if (document.readOnly) {
      throw new VaultError(`Volume "${volume}" is read-only`, {
        kind: "refused",
      });
    }
    served?.expectUnused(volume);
    folder.abandonRestore();
    let abandoned = false;
    const commit = async () => {
      if (abandoned) return;
      expectNotErased(this.#options.catalog, volume);
      const change = () => {
        folder.commitRestore(snapshot.sizeBytes);
        folder.finishRestore();
        return catalog.get(volume);
      };
      if (served) await served.replaceBytes(volume, change);
      else change();
      restored(volume, name);
    };
    return this.#start({
      kind: "restore",
      volume,
      snapshot: name,
      to: folder.restoredPath,
      finish: () => this.#running.has(volume) ? inTurn(commit) : commit(),
      abandon: () => {
        abandoned = true;
        folder.abandonRestore();
      },
    }, () => snapshotSubject(folder.dataPath(name), snapshot));
  }

  /** One that is being made is made no more. */
  async delete(volume: string, name: string): Promise<void> {
    const { catalog } = this.#options;
    const document = catalog.get(volume);
    const running = this.#runs(volume);
    if (running?.snapshot === name) {
      if (running.kind === "restore") throw busy(running);
      return await this.stop(volume, "It was deleted while it was made");
    }
    if (document.bucket) return await this.#buckets.delete(document, name);
    catalog.snapshots(volume).delete(name);
  }

  /** How far the volume's work is, or how the last one has ended. @throws what has ended it */
  work(volume: string): SnapshotWork {
    const running = this.#running.get(volume);
    if (running) return workOf(running.task, running.copy);
    const inBucket = this.#buckets.work(volume);
    if (inBucket) return inBucket;
    const ended = this.#ended.get(volume);
    if (ended && "work" in ended) return ended.work;
    throw ended?.why ??
      new VaultError(`No snapshot of volume "${volume}" is under way`, {
        kind: "not-found",
      });
  }

  /** @throws {VaultError} `conflict` while one is copied */
  expectIdle(volume: string): void {
    const running = this.#runs(volume);
    if (running) throw busy(running);
  }

  /** Resolves when nothing is copied any more. */
  async stop(volume: string, why: string): Promise<void> {
    const running = this.#running.get(volume);
    running?.stop(new VaultError(why, { kind: "conflict" }));
    await running?.over;
    await this.#buckets.stop(volume, why);
  }

  /** The same for all volumes. */
  async stopAll(why: string): Promise<void> {
    const volumes = [...this.#running.keys()];
    await Promise.all([
      ...volumes.map((volume) => this.stop(volume, why)),
      this.#buckets.stopAll(why),
    ]);
  }

  #runs(volume: string): Work | undefined {
    return this.#running.get(volume)?.task ?? this.#buckets.running(volume);
  }

  #expectQuiet(volume: string): void {
    this.expectIdle(volume);
    expectNotErased(this.#options.catalog, volume);
  }

  async #start(
    what: Omit<Task, "subject">,
    open: () => Subject | Promise<Subject>,
  ): Promise<SnapshotWork> {
    let subject: Subject | undefined;
    try {
      subject = await open();
      const task = { ...what, subject };
      const { store } = subject;
      // Most of it before everybody has to wait.
      await store.flush();
      await store.drain?.();
      const copy = await subject.standStill(() => this.#picture(task));
      if (!copy) return await this.#reflinked(task);
      this.#goOn(task, copy);
      return workOf(task, copy.copy);
    } catch (thrown) {
      await subject?.release().catch(() => {});
      what.abandon();
      throw thrown;
    }
  }

  /** Undefined where the whole of it is there at once. */
  async #picture(task: Task) {
    const { subject, to } = task;
    const { store, path, sizeBytes } = subject;
    await store.flush();
    await store.drain?.();
    if (await reflink(path, to)) return undefined;
    expectRoom({ volume: task.volume, store, to });
    const file = openFile(to, { create: true });
    try {
      const { clock } = this.#options;
      const copy = new PointInTime({ store, into: file, sizeBytes, clock });
      return { copy, file };
    } catch (thrown) {
      file.close();
      throw thrown;
    }
  }

  async #reflinked(task: Task): Promise<SnapshotWork> {
    const { subject: { sizeBytes, release }, to, volume } = task;
    const file = openFile(to);
    try {
      // What lies behind the volume's end was given up.
      if (file.size() !== sizeBytes) file.truncate(sizeBytes);
      await file.sync();
    } finally {
      file.close();
    }
    await task.finish();
    await release();
    const work = workOf(task);
    this.#ended.set(volume, { work });
    return work;
  }

  #goOn(
    task: Task,
    { copy, file }: { copy: PointInTime; file: ReturnType<typeof openFile> },
  ): void {
    const stopped = Promise.withResolvers<never>();
    stopped.promise.catch(() => {});
    const copied = async () => {
      try {
        await copy.copy();
      } finally {
        file.close();
        await task.subject.release();
      }
      await Promise.race([task.finish(), stopped.promise]);
      return { work: { ...workOf(task, copy), done: true } };
    };
    const over = copied().catch((why: unknown) => {
      task.abandon();
      return { why };
    }).then((ended) => {
      this.#running.delete(task.volume);
      this.#ended.set(task.volume, ended);
    });
    const stop = (why: VaultError) => {
      copy.stop(why);
      stopped.reject(why);
    };
    this.#running.set(task.volume, { task, copy, stop, over });
  }
}

function busy({ kind, volume, snapshot }: Work): VaultError {
  const what = kind === "create" ? "being made" : "being restored";
  return new VaultError(
    `Snapshot "${snapshot}" of volume "${volume}" is ${what}`,
    { kind: "conflict", hint: "Wait until that is over." },
  );
}

function workOf(
  { kind, volume, snapshot, subject }: Task,
  copy?: PointInTime,
): SnapshotWork {
  const totalBytes = subject.sizeBytes;
  return {
    kind,
    volume,
    snapshot,
    by: copy ? "copy" : "reflink",
    copiedBytes: copy ? copy.copiedBytes : totalBytes,
    totalBytes,
    done: copy === undefined,
  };
}
