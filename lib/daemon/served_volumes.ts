/** The volumes of a running node: each one's store open, its disk offered as a target or behind that of another. */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { invariant, messageOf, VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { TakenVolume } from "../store/segmented/taken_volume.ts";
import type { Store } from "../store/store.ts";
import type { Resize, Target } from "../target/target.ts";
import type { Targets } from "../target/targets.ts";
import type { Volume } from "../target/volume.ts";
import type { BucketDisk } from "./bucket_disk.ts";
import { BucketOpening } from "./bucket_opening.ts";
import { boundedLog } from "./bounded_log.ts";
import type { Catalog } from "./catalog.ts";
import { chapPolicy } from "./chap_policy.ts";
import { addDiskTarget, type DiskOptions, diskVolume } from "./disk_target.ts";
import { restoreOver, type VolumeDocument } from "./documents.ts";
import { closeAll, letGo, openStores } from "./file_stores.ts";
import { targetName } from "./target_name.ts";
import {
  type Faults,
  faultsOf,
  inUse,
  notServed,
  outOfService,
  type Survey,
  told,
  withoutService,
} from "./volume_faults.ts";

export interface ServedVolumesOptions {
  readonly primitives: Primitives;
  readonly audit: Audit;
  readonly catalog: Catalog;
  readonly targets: Targets;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Served {
  readonly target: Target;
  readonly lun: number;
  readonly store: Store;
  /** Of one in a bucket. */
  readonly disk?: BucketDisk;
}

export class ServedVolumes {
  readonly #options: ServedVolumesOptions;
  readonly #served = new Map<string, Served>();
  /** Those in buckets that are not open yet, or cannot be. */
  readonly #openings = new Map<string, BucketOpening>();
  /** Of those that could not be served from the beginning. */
  #faults: Faults | undefined;

  constructor(options: ServedVolumesOptions) {
    this.#options = options;
  }

  /**
   * Opens all volumes and offers them. What cannot be served is told, and stands in nobody's way. Later it tries again those that it could
   * not serve, for what was in their way may be gone.
   */
  async openAll(): Promise<void> {
    const { catalog, log } = this.#options;
    const before = this.#faults;
    const survey = catalog.survey();
    const stores = await openStores(catalog, this.#wanted(survey, before));
    this.#faults = faultsOf(survey, (document) => {
      const { name } = document;
      if (this.#served.has(name)) return;
      if (document.bucket) throw this.#beginToOpen(document).fault;
      if (before && !before.has(name)) throw outOfService();
      const found = stores.get(name);
      invariant(found, "A volume that nobody has opened");
      if ("fault" in found) throw found.fault;
      this.#serve(document, found.store);
      stores.delete(name);
    });
    // Something else was in their way.
    await closeAll(stores);
    for (const [name, fault] of this.#faults) {
      // One in a bucket tells it itself.
      if (before?.has(name) || this.#openings.has(name)) continue;
      const { message, hint } = withoutService(name, fault);
      log.error(message, hint === undefined ? {} : { hint });
    }
  }

  /** Opens the volume and offers it. @throws {VaultError} where its data cannot be opened, or its target is not there */
  async open(document: VolumeDocument): Promise<void> {
    const { catalog } = this.#options;
    catalog.expectServable(document);
    if (document.behind) this.#get(document.behind.target);
    const store = await catalog.openStore(document);
    try {
      this.#serve(document, store);
    } catch (thrown) {
      // Nothing was written to it.
      await store.close().catch(() => {});
      throw thrown;
    }
  }

  /** Opens a volume in a bucket, maybe just `taken`, and offers it. @throws {VaultError} where it is not reached, or not what was written */
  async openBucket(
    document: VolumeDocument,
    taken?: TakenVolume,
  ): Promise<void> {
    await this.#beginToOpen(document, taken).first;
  }

  /** A volume in a bucket; undefined where it is not open. */
  bucketDisk(name: string): BucketDisk | undefined {
    return this.#served.get(name)?.disk;
  }

  /** @throws {VaultError} where what is on this machine does not do */
  #beginToOpen(document: VolumeDocument, taken?: TakenVolume): BucketOpening {
    const { catalog, audit } = this.#options;
    const { name, bucket } = document;
    const before = this.#openings.get(name);
    if (before) return before;
    invariant(bucket, "A volume in no bucket");
    catalog.expectServable(document);
    const opening = new BucketOpening({
      ...this.#options,
      ...{ document: { ...document, bucket }, taken },
      folder: catalog.bucketFolder(name),
      opened: (disk) => {
        if (document.restoring !== undefined) {
          const { sizeBytes } = disk.store;
          catalog.update(restoreOver(catalog.get(name), sizeBytes));
        }
        // They may have been changed meanwhile.
        disk.keepTo(catalog.get(name).bucket ?? bucket);
        this.#serve(document, disk.store, disk);
        this.#openings.delete(name);
        disk.watch((reason) => {
          audit({ kind: "volume lost", volume: name, reason });
          this.#options.log.error(`Volume "${name}" is lost: ${reason}`);
        });
      },
    });
    this.#openings.set(name, opening);
    return opening;
  }

  #faultOf(name: string): unknown {
    return this.#openings.get(name)?.fault ?? this.#faults?.get(name);
  }

  #serve(document: VolumeDocument, store: Store, disk?: BucketDisk): void {
    const { catalog, nodeId, clock, log } = this.#options;
    const { name, serial, naa, blockSizeBytes, readOnly, behind } = document;
    const target = this.#offer(document, {
      store,
      iqn: targetName(nodeId, behind?.target ?? name),
      product: "VOLUME",
      serial,
      naa,
      blockSizeBytes,
      readOnly,
      removable: document.removable ?? false,
      reservations: catalog.reservations(name),
      erasure: catalog.erasure(name),
      clock,
      // Initiators bring about what it says, as often as they try to write to a full disk, say.
      log: boundedLog(log, clock),
    });
    const lun = behind?.lun ?? 0;
    this.#served.set(name, { target, lun, store, ...(disk && { disk }) });
  }

  #offer(document: VolumeDocument, disk: DiskOptions): Target {
    const { name, behind, chap } = document;
    if (!behind) {
      const { targets } = this.#options;
      return addDiskTarget(targets, { ...disk, name, chap: chapPolicy(chap) });
    }
    const { target } = this.#get(behind.target);
    target.addUnit(behind.lun, diskVolume(disk));
    return target;
  }

  /** Whether it has a target of its own, and initiators find it. */
  isServed(name: string): boolean {
    return this.#served.get(name)?.lun === 0;
  }

  /** The target of a volume. @throws {VaultError} where there is none of that name, or it is behind another's */
  target(name: string): Target {
    const { target, lun } = this.#get(name);
    if (lun === 0) return target;
    throw new VaultError(
      `Volume "${name}" is LUN ${lun} of the target of "${target.name}"`,
      {
        kind: "usage",
        hint: `A target is attached as a whole: vault attach ${target.name}`,
      },
    );
  }

  /** The logical unit that it is. @throws {VaultError} where it is not served */
  unit(name: string): Volume {
    const { target, lun } = this.#get(name);
    const unit = target.units.get(lun);
    invariant(unit, `Volume "${name}" is served and is no unit`);
    return unit;
  }

  /** @throws {VaultError} `conflict` while a session is logged in to the volume's target */
  expectUnused(name: string): void {
    const { sessions } = this.#get(name).target;
    if (sessions.size === 0) return;
    throw inUse(name, sessions.size);
  }

  /**
   * Lets `change` put another file, and maybe another size, in the place of the volume's, while nothing reaches it. A volume whose change has
   * failed is served no more: nobody may write to a file that is out of its place.
   *
   * @throws {VaultError} `conflict` while somebody is logged in, before anything has happened; and what `change` throws
   */
  async replaceBytes(
    name: string,
    change: () => VolumeDocument,
  ): Promise<void> {
    const { catalog, log } = this.#options;
    const unit = this.unit(name);
    this.expectUnused(name);
    try {
      // Who logs in meanwhile has read nothing yet.
      await unit.replaceStore(async (before) => {
        // Bytes that nobody wants any more.
        await before.close().catch((thrown) => log.warn(messageOf(thrown)));
        return await catalog.openStore(change());
      });
      this.#served.set(name, { ...this.#get(name), store: unit.store });
    } catch (thrown) {
      await this.#withdraw(name);
      throw new VaultError(messageOf(thrown), {
        hint:
          `Volume "${name}" is not served until \`vault serve\` is started again, which finishes what has begun.`,
        cause: thrown,
      });
    }
  }

  /** Whether the volume still takes writes, for people. */
  health(name: string): string {
    const served = this.#served.get(name);
    if (!served) {
      const fault = this.#faultOf(name);
      // Without one it is being deleted, or could not be.
      return fault ? notServed(fault) : "not served";
    }
    return told(served.store.health, () => this.unit(name).noRoomSinceMs);
  }

  /** Logged-in initiators learn it from a unit attention. */
  async resize(name: string, to: Resize): Promise<void> {
    const { target, lun } = this.#get(name);
    await target.resize(lun, to);
  }

  /** Counts for logins from now on. */
  setChap(document: VolumeDocument): void {
    const served = this.#served.get(document.name);
    // One that is not served asks for it when it is.
    if (served) served.target.chap = chapPolicy(document.chap);
  }

  /**
   * Takes it from its target, or ends its target's sessions where it is LUN 0 there, and lets go of its data, which nobody wants any
   * more: a volume that failed can be discarded, too. Nothing else is behind its target.
   */
  async discard(name: string): Promise<void> {
    await this.#openings.get(name)?.stop();
    this.#openings.delete(name);
    const served = await this.#withdraw(name);
    if (!served) return;
    try {
      await (served.disk ?? served.store).close();
    } catch (thrown) {
      this.#tell(name, thrown);
    }
  }

  /** Nobody reaches it any more. Undefined where it is not served. */
  async #withdraw(name: string): Promise<Served | undefined> {
    const served = this.#served.get(name);
    if (!served) return undefined;
    this.#served.delete(name);
    const { target, lun } = served;
    try {
      if (lun === 0) await this.#options.targets.remove(target.iqn);
      else await target.removeUnit(lun);
    } catch (thrown) {
      this.#tell(name, thrown);
    }
    return served;
  }

  #tell(name: string, thrown: unknown): void {
    const { log } = this.#options;
    log.warn(`While discarding "${name}": ${messageOf(thrown)}`);
  }

  /** Lets go of all data, flushed. Every session must have ended. @throws the first error, after all are closed */
  async close(): Promise<void> {
    for (const opening of this.#openings.values()) await opening.stop();
    const stores = [...this.#served.values()]
      .map(({ store, disk }) =>
        disk ? disk.close() : letGo(store, this.#options)
      );
    this.#served.clear();
    for (const result of await Promise.allSettled(stores)) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  /** Those in files that are not served and may be. */
  *#wanted(
    survey: Survey,
    before: Faults | undefined,
  ): Generator<VolumeDocument> {
    for (const found of survey.values()) {
      if (found instanceof VaultError || found.bucket) continue;
      if (this.#served.has(found.name)) continue;
      if (!before || before.has(found.name)) yield found;
    }
  }

  #get(name: string): Served {
    const served = this.#served.get(name);
    if (served) return served;
    const fault = this.#faultOf(name);
    if (fault) throw withoutService(name, fault);
    throw new VaultError(`There is no volume "${name}"`, { kind: "not-found" });
  }
}
