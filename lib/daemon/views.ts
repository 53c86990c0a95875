/**
 * Volumes to look at while somebody else writes to them: pictures of one moment, each a target of its own for as long as somebody looks.
 *
 *     everything behind the target stands still: reflinks ──> opened, and their names removed ──> offered, read-only ──close──> gone
 *
 * Of a volume in a bucket a picture is what the bucket held at one moment (bucket_pictures.ts).
 *
 * A picture has names of its own, for the initiator (target, serial number, NAA designator): what it shows is not what the volume is, and a
 * system that has both must not take them for two paths to one disk. It lives in open files without a name, so a crash leaves nothing, or a
 * file that the catalog clears up.
 */

import { toHex } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import { openFile, remove } from "../os/file.ts";
import { reflink } from "../os/reflink.ts";
import { stackStore } from "../store/stack.ts";
import type { Store } from "../store/store.ts";
import type { Target } from "../target/target.ts";
import type { Targets } from "../target/targets.ts";
import {
  bucketPicture,
  bucketPictureOfNow,
  type Picture,
} from "./bucket_pictures.ts";
import type { Catalog } from "./catalog.ts";
import { NAA_LOCALLY_ASSIGNED } from "./new_document.ts";
import { diskVolume } from "./disk_target.ts";
import type { VolumeDocument } from "./documents.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { expectNotErased, snapshotSubject } from "./snapshot_subject.ts";
import { expectFile } from "./volume_data.ts";

/** The most that a node shows at once. */
export const MAX_VIEWS = 64;

/** Random bytes in a view's names. */
const NAME_BYTES = 8;

export interface ViewsOptions {
  readonly catalog: Catalog;
  readonly volumes: ServedVolumes;
  readonly targets: Targets;
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
}

/** A picture that somebody looks at. */
export interface View {
  readonly target: Target;
  /** The moment that it shows: milliseconds since the epoch. */
  readonly atMs: number;
  /** Ends its sessions, and gives its room back. */
  close(): Promise<void>;
}

export class Views {
  readonly #options: ViewsOptions;
  #count = 0;

  constructor(options: ViewsOptions) {
    this.#options = options;
  }

  /**
   * The target of `volume` with all behind it, as it is now.
   *
   * @throws {VaultError} `refused` where the file system cannot share bytes between files: a copy would take as long as it takes
   */
  ofNow(volume: string): Promise<View> {
    const { catalog, volumes, clock } = this.#options;
    return this.#open(volume, async (behind) => {
      for (const { name } of behind) expectNotErased(catalog, name);
      const [first] = behind;
      if (first?.bucket && behind.length === 1) {
        const picture = await bucketPictureOfNow(first, this.#options);
        return { pictures: [picture], atMs: clock.now() };
      }
      for (const one of behind) expectFile(one);
      // Most of it before everybody has to wait.
      for (const { name } of behind) await settled(volumes.unit(name).store);
      let work = () => this.#takeAll(behind);
      for (const { name } of behind) {
        const inner = work;
        work = () => volumes.unit(name).standStill(inner);
      }
      return { pictures: await work(), atMs: clock.now() };
    });
  }

  /** The same as its snapshot of that name was. @throws {VaultError} `not-found` where a volume behind the target has none */
  ofSnapshot(volume: string, snapshot: string): Promise<View> {
    const { catalog } = this.#options;
    return this.#open(volume, async (behind) => {
      let atMs = 0;
      const pictures: Picture[] = [];
      try {
        for (const volume of behind) {
          if (volume.bucket) {
            const node = this.#options;
            const picture = await bucketPicture(volume, snapshot, node);
            pictures.push(picture);
            atMs = Math.max(atMs, picture.atMs);
            continue;
          }
          const folder = catalog.snapshots(volume.name);
          const document = folder.get(snapshot);
          const path = folder.dataPath(snapshot);
          const { store, release } = snapshotSubject(path, document);
          const { blockSizeBytes, createdAt } = document;
          pictures.push({ volume, store, blockSizeBytes, release });
          atMs = Math.max(atMs, Date.parse(createdAt));
        }
      } catch (thrown) {
        releaseAll(pictures);
        throw thrown;
      }
      return { pictures, atMs };
    });
  }

  async #open(
    volume: string,
    take: (
      behind: readonly VolumeDocument[],
    ) => Promise<{ pictures: Picture[]; atMs: number }>,
  ): Promise<View> {
    if (this.#count >= MAX_VIEWS) {
      throw new VaultError(`A node shows at most ${MAX_VIEWS} views at once`, {
        kind: "conflict",
      });
    }
    this.#count++;
    try {
      const source = this.#options.volumes.target(volume);
      const { pictures, atMs } = await take(this.#behind(source));
      const target = this.#offer(source, pictures);
      return { target, atMs, close: () => this.#close(target, pictures) };
    } catch (thrown) {
      this.#count--;
      throw thrown;
    }
  }

  /** Those of a target that are served, in the order of their LUNs. */
  #behind(target: Target): VolumeDocument[] {
    return this.#options.catalog.list()
      .filter(({ name, behind }) =>
        (behind?.target ?? name) === target.name &&
        target.units.has(behind?.lun ?? 0)
      )
      .sort((a, b) => (a.behind?.lun ?? 0) - (b.behind?.lun ?? 0));
  }

  async #takeAll(behind: readonly VolumeDocument[]): Promise<Picture[]> {
    const pictures: Picture[] = [];
    try {
      for (const volume of behind) pictures.push(await this.#take(volume));
      return pictures;
    } catch (thrown) {
      releaseAll(pictures);
      throw thrown;
    }
  }

  async #take(volume: VolumeDocument): Promise<Picture> {
    const { catalog, volumes } = this.#options;
    const { name, sizeBytes, blockSizeBytes } = volume;
    await settled(volumes.unit(name).store);
    const path = catalog.viewPath(name);
    if (!await reflink(catalog.dataPath(name), path)) {
      throw new VaultError(
        `The node cannot show volume "${name}" as it is at one moment: its file system cannot share bytes between files`,
        {
          kind: "refused",
          hint:
            `Or make a snapshot on the node, and look at that: vault snapshot create ${name} NAME, and attach with --snapshot NAME.`,
        },
      );
    }
    const file = openFile(path);
    try {
      remove(path);
      // What lies behind the volume's end was given up.
      if (file.size() !== sizeBytes) file.truncate(sizeBytes);
      const store = stackStore({
        bottom: { kind: "file", file },
        readOnly: true,
      });
      return { volume, store, blockSizeBytes, release: () => file.close() };
    } catch (thrown) {
      file.close();
      throw thrown;
    }
  }

  #offer(source: Target, pictures: readonly Picture[]): Target {
    const { targets, primitives, clock, log } = this.#options;
    const id = toHex(primitives.random(NAME_BYTES));
    const iqn = `${source.iqn}.view-${id}`;
    const units = new Map(pictures.map(({ volume, store, blockSizeBytes }) => {
      const lun = volume.behind?.lun ?? 0;
      const unit = diskVolume({
        store,
        iqn,
        product: "VIEW",
        serial: toHex(primitives.random(NAME_BYTES)),
        naa: NAA_LOCALLY_ASSIGNED +
          toHex(primitives.random(NAME_BYTES)).slice(1),
        blockSizeBytes,
        readOnly: true,
        clock,
        log,
      });
      return [lun, unit] as const;
    }));
    const name = `${source.name} (view)`;
    return targets.add({ iqn, name, units, pictureOf: source });
  }

  async #close(target: Target, pictures: readonly Picture[]): Promise<void> {
    try {
      await this.#options.targets.remove(target.iqn);
    } finally {
      this.#count--;
      releaseAll(pictures);
    }
  }
}

function releaseAll(pictures: readonly Picture[]): void {
  for (const picture of pictures) void picture.release();
}

/** All that was written is in the volume's file, on stable storage, until somebody writes again. */
async function settled(store: Store): Promise<void> {
  await store.flush();
  await store.drain?.();
}
