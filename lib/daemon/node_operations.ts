/** What can be asked of a node, answered from what it keeps and, where it runs, from what it serves. */

import type { AuditKind } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Primitives } from "../base/primitives.ts";
import type {
  BucketChange,
  ChapSecret,
  CloneSpec,
  DeviceInfo,
  HolderInfo,
  Invitation,
  InvitationInfo,
  NewBucket,
  NodeOperations,
  NodeStatus,
  Recovery,
  Revocation,
  Rollback,
  SnapshotInfo,
  SnapshotWork,
  VerifyWork,
  VolumeInfo,
  VolumeSpec,
} from "../control/operations.ts";
import { cloneInBucket } from "./bucket_cloning.ts";
import { changeBucket } from "./bucket_change.ts";
import { createInBucket, recoverVolume } from "./bucket_operations.ts";
import { BucketVerifying } from "./bucket_verifying.ts";
import {
  type ChapChange,
  mutualSet,
  userRemoved,
  userSet,
  withChap,
} from "./chap_change.ts";
import { DeviceOperations, type InvitationAsk } from "./device_operations.ts";
import type { VolumeDocument } from "./documents.ts";
import type { NodeState } from "./node_state.ts";
import { type Live, nodeStatus } from "./node_status.ts";
import { acceptRollback } from "./rollback.ts";
import { SnapshotOperations } from "./snapshot_operations.ts";
import { deleteVolume } from "./volume_deletion.ts";
import { type Made, makeInFile, makeOfImage } from "./volume_making.ts";
import { resizeVolume } from "./volume_resizing.ts";
import { volumeInfo, volumeInfos } from "./volume_info.ts";
import { releaseVolume, withoutDevice } from "./volume_holders.ts";

export interface NodeOperationsOptions {
  readonly state: NodeState;
  readonly clock: Clock;
  readonly primitives: Primitives;
  /** HOST:PORT that devices can most likely reach, where the node listens on every address. */
  readonly guessAddress: (listen: string) => string | undefined;
  readonly live?: Live;
}

/** Operations that come to an end. */
export interface EndingOperations extends NodeOperations {
  /** Nothing can be changed any more; resolves when no change is under way. */
  end(): Promise<void>;
}

export function nodeOperations(
  options: NodeOperationsOptions,
): EndingOperations {
  return new Operations(options);
}

class Operations implements EndingOperations {
  readonly #state: NodeState;
  readonly #live: Live | undefined;
  readonly #devices: DeviceOperations;
  readonly #snapshots: SnapshotOperations;
  readonly #verifying: BucketVerifying;
  readonly #options: NodeOperationsOptions;
  /** Changes come one after the other: each reads a document and replaces it. */
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(options: NodeOperationsOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#live = options.live;
    this.#devices = new DeviceOperations(options);
    this.#verifying = new BucketVerifying(options);
    this.#snapshots = new SnapshotOperations({
      catalog: options.state.catalog,
      clock: options.clock,
      served: options.live?.volumes,
      inTurn: (change) => this.#inTurn(change),
      restored: (volume, snapshot) =>
        this.#tell("volume restored", volume, `from snapshot "${snapshot}"`),
    });
  }

  status(): Promise<NodeStatus> {
    const node = this.#state.identity.nodeId;
    const volumes = this.#volumes();
    return Promise.resolve(nodeStatus({ node, volumes, live: this.#live }));
  }

  listVolumes(): Promise<readonly VolumeInfo[]> {
    return new Promise((resolve) => resolve(this.#volumes()));
  }

  showVolume(name: string): Promise<VolumeInfo> {
    return new Promise((resolve) => {
      const volume = this.#volumes().find((volume) => volume.name === name);
      // Where there is none it says so.
      resolve(volume ?? this.#info(this.#state.catalog.get(name)));
    });
  }

  createVolume(spec: VolumeSpec, bucket?: NewBucket): Promise<VolumeInfo> {
    return this.#inTurn(async () =>
      this.#made(
        bucket
          ? await createInBucket(this.#options, { spec, bucket })
          : await makeInFile(this.#options, spec),
      )
    );
  }

  cloneVolume(spec: CloneSpec, bucket: NewBucket): Promise<VolumeInfo> {
    return this.#inTurn(async () =>
      this.#made(await cloneInBucket(this.#options, spec, bucket))
    );
  }

  recoverVolume(
    name: string,
    bucket: NewBucket,
    acceptsLess = false,
  ): Promise<Recovery> {
    return this.#inTurn(() =>
      recoverVolume(this.#options, {
        ...{ name, bucket, acceptsLess },
        tell: (kind, how) => this.#tell(kind, name, how),
      })
    );
  }

  acceptRollback(name: string): Promise<Rollback> {
    return this.#inTurn(() =>
      acceptRollback(this.#options, {
        name,
        stop: (why) => this.#stopWorkOf(name, why),
        tell: (how) => this.#tell("rollback accepted", name, how),
      })
    );
  }

  stageVolume(spec: VolumeSpec): Promise<string> {
    return this.#inTurn(() => this.#state.imports.stage(spec));
  }

  adoptVolume(spec: VolumeSpec): Promise<VolumeInfo> {
    return this.#inTurn(async () =>
      this.#made(await makeOfImage(this.#options, spec))
    );
  }

  #made({ document, how }: Made): VolumeInfo {
    this.#tell("volume created", document.name, how);
    return this.#info(document);
  }

  resizeVolume(name: string, sizeBytes: number): Promise<VolumeInfo> {
    return this.#inTurn(async () => {
      const { document, how } = await resizeVolume(this.#options, {
        ...{ name, sizeBytes },
        expectIdle: () => this.#snapshots.expectIdle(name),
      });
      this.#tell("volume resized", name, how);
      return this.#info(document);
    });
  }

  changeBucket(name: string, change: BucketChange): Promise<VolumeInfo> {
    return this.#inTurn(() => {
      const { document, how } = changeBucket(this.#options, { name, change });
      this.#tell("volume changed", name, how);
      return this.#info(document);
    });
  }

  deleteVolume(name: string, withBucket = false): Promise<void> {
    return this.#inTurn(async () => {
      await deleteVolume(name, {
        ...{ withBucket, world: this.#options },
        stop: (why) => this.#stopWorkOf(name, why),
      });
      this.#tell("volume deleted", name);
      // It may have been in another's way.
      await this.#live?.volumes.openAll();
    });
  }

  /** What is being made of it. */
  async #stopWorkOf(name: string, why: string): Promise<void> {
    await this.#snapshots.stop(name, why);
    await this.#verifying.stop(name, why);
  }

  /** Waits for no other change: whoever holds the volume may be what one of them waits for. */
  releaseVolume(name: string): Promise<readonly HolderInfo[]> {
    return releaseVolume(name, {
      catalog: this.#state.catalog,
      leases: this.#live?.leases,
      nowMs: this.#options.clock.now(),
    });
  }

  listSnapshots(volume?: string): Promise<readonly SnapshotInfo[]> {
    return this.#snapshots.list(volume);
  }

  createSnapshot(volume: string, name?: string): Promise<SnapshotWork> {
    return this.#inTurn(() => this.#snapshots.create(volume, name));
  }

  deleteSnapshot(volume: string, name: string): Promise<void> {
    return this.#inTurn(() => this.#snapshots.delete(volume, name));
  }

  restoreSnapshot(volume: string, name: string): Promise<SnapshotWork> {
    return this.#inTurn(() => this.#snapshots.restore(volume, name));
  }

  snapshotWork(volume: string): Promise<SnapshotWork> {
    return new Promise((resolve) => resolve(this.#snapshots.work(volume)));
  }

  /** Waits for no other change, and none waits for it. */
  verifyVolume(volume: string): Promise<VerifyWork> {
    return new Promise((resolve) => {
      this.#expectRunning();
      resolve(this.#verifying.begin(volume));
    });
  }

  verifyWork(volume: string): Promise<VerifyWork> {
    return new Promise((resolve) => resolve(this.#verifying.work(volume)));
  }

  setChap(volume: string, chap: ChapSecret): Promise<void> {
    return this.#changeChap(volume, userSet(chap));
  }

  removeChap(volume: string, user: string): Promise<void> {
    return this.#changeChap(volume, userRemoved(volume, user));
  }

  setMutualChap(volume: string, chap: ChapSecret | undefined): Promise<void> {
    return this.#changeChap(volume, mutualSet(chap));
  }

  devices(): Promise<readonly DeviceInfo[]> {
    return Promise.resolve(this.#devices.list());
  }

  invitations(): Promise<readonly InvitationInfo[]> {
    return Promise.resolve(this.#devices.invitations());
  }

  invite(ask: InvitationAsk): Promise<Invitation> {
    return this.#inTurn(() => this.#devices.invite(ask));
  }

  /** Waits for no other change: one that takes its time, or is made to, must not keep a device in. It touches nothing that they do. */
  revoke(name: string): Promise<Revocation> {
    return new Promise((resolve) => {
      const revoked = this.#devices.revoke(name);
      if (!this.#live) this.#takeLeasesOf(name);
      resolve(revoked);
    });
  }

  /** What cannot be read or written now is seen to when the node is started: it is revoked all the same. */
  #takeLeasesOf(device: string): void {
    const { catalog } = this.#state;
    const nowMs = this.#options.clock.now();
    try {
      withoutDevice(device, { catalog, nowMs });
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown;
    }
  }

  /** All, those that are damaged, too. */
  #volumes(): VolumeInfo[] {
    const { catalog, identity } = this.#state;
    return volumeInfos({
      catalog,
      nodeId: identity.nodeId,
      ...(this.#live && { live: this.#live }),
    });
  }

  #info(document: VolumeDocument): VolumeInfo {
    const { catalog, identity } = this.#state;
    return volumeInfo(document, {
      catalog,
      nodeId: identity.nodeId,
      health: this.#live?.volumes.health(document.name) ?? "ok",
      leases: this.#live?.leases,
      volumes: this.#live?.volumes,
    });
  }

  #changeChap(volume: string, { what, of }: ChapChange): Promise<void> {
    return this.#inTurn(() => {
      const after = withChap(this.#state.catalog.get(volume), of);
      this.#state.catalog.update(after);
      this.#live?.volumes.setChap(after);
      this.#tell("chap changed", volume, what);
    });
  }

  #tell(kind: AuditKind, volume: string, reason?: string): void {
    const why = reason === undefined ? {} : { reason };
    this.#state.audit.tell({ kind, volume, ...why });
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#turn;
    await this.#snapshots.stopAll("The node has ended");
    await this.#verifying.stopAll("The node has ended");
  }

  /** @throws {VaultError} `conflict` where it is ending */
  #expectRunning(): void {
    if (!this.#ended) return;
    throw new VaultError("This node is stopping, and changes no more", {
      kind: "conflict",
      hint: "Try again when it has ended.",
    });
  }

  async #inTurn<T>(change: () => T | Promise<T>): Promise<T> {
    this.#expectRunning();
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return await done;
  }
}
