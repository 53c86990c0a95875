/** What can be asked of a node, answered from what it keeps and, where it runs, from what it serves. */

import type { AuditKind } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type {
  ChapSecret,
  DeviceInfo,
  HolderInfo,
  Invitation,
  InvitationInfo,
  NodeOperations,
  NodeStatus,
  Revocation,
  SnapshotInfo,
  SnapshotWork,
  VolumeInfo,
  VolumeSpec,
} from "../control/operations.ts";
import { chapPolicy, checkChapPolicy } from "./chap_policy.ts";
import { DeviceOperations, type InvitationAsk } from "./device_operations.ts";
import type { VolumeDocument } from "./documents.ts";
import type { NodeState } from "./node_state.ts";
import { type Live, nodeStatus } from "./node_status.ts";
import { SnapshotOperations } from "./snapshot_operations.ts";
import { checkSize } from "./volume_size.ts";
import { volumeInfo, volumeInfos } from "./volume_info.ts";
import { releaseVolume, withoutDevice } from "./volume_holders.ts";

export interface NodeOperationsOptions {
  readonly state: NodeState;
  readonly clock: Clock;
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
  readonly #options: NodeOperationsOptions;
  /** Changes come one after the other: each reads a document and replaces it. */
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(options: NodeOperationsOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#live = options.live;
    this.#devices = new DeviceOperations(options);
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

  createVolume(spec: VolumeSpec): Promise<VolumeInfo> {
    return this.#inTurn(() => this.#make(spec));
  }

  stageVolume(spec: VolumeSpec): Promise<string> {
    return this.#inTurn(() => this.#state.imports.stage(spec));
  }

  adoptVolume(spec: VolumeSpec): Promise<VolumeInfo> {
    const { imports } = this.#state;
    return this.#inTurn(async () => {
      const made = await this.#make(spec, imports.finished(spec));
      imports.remove(spec.name);
      return made;
    });
  }

  async #make(spec: VolumeSpec, data?: string): Promise<VolumeInfo> {
    const document = await this.#state.catalog.create(spec, data);
    try {
      this.#live?.volumes.open(document);
    } catch (thrown) {
      this.#state.catalog.delete(spec.name);
      throw thrown;
    }
    const { sizeBytes } = spec;
    const how = data === undefined ? "" : ", of an image";
    this.#tell("volume created", spec.name, `${sizeBytes} bytes${how}`);
    return this.#info(document);
  }

  resizeVolume(name: string, sizeBytes: number): Promise<VolumeInfo> {
    return this.#inTurn(async () => {
      const before = this.#state.catalog.get(name);
      checkSize(sizeBytes, before.blockSizeBytes);
      this.#snapshots.expectIdle(name);
      if (before.readOnly) {
        throw new VaultError(`Volume "${name}" is read-only`, {
          kind: "refused",
        });
      }
      const { catalog } = this.#state;
      const after = { ...before, sizeBytes };
      const record = () => catalog.update(after);
      if (this.#live) {
        await this.#live.volumes.resize(name, { sizeBytes, record });
      } else await catalog.resize(before, sizeBytes);
      const was = before.sizeBytes;
      this.#tell("volume resized", name, `from ${was} to ${sizeBytes} bytes`);
      return this.#info(after);
    });
  }

  deleteVolume(name: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#state.catalog.expectDeletable(name);
      await this.#snapshots.stop(name, `Volume "${name}" was deleted`);
      // Nobody can ask for it any more when those that hold it are told.
      await this.#live?.volumes.discard(name);
      await this.#live?.leases.forget(name);
      this.#state.catalog.delete(name);
      this.#tell("volume deleted", name);
      // It may have been in another's way.
      this.#live?.volumes.openAll();
    });
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
    return new Promise((resolve) => resolve(this.#snapshots.list(volume)));
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

  setChap(volume: string, chap: ChapSecret): Promise<void> {
    return this.#changeChap(volume, `user "${chap.user}" set`, (before) => {
      const others = before.users.filter(({ user }) => user !== chap.user);
      return { ...before, users: [...others, { ...chap }] };
    });
  }

  removeChap(volume: string, user: string): Promise<void> {
    return this.#changeChap(volume, `user "${user}" removed`, (before) => {
      const users = before.users.filter((other) => other.user !== user);
      if (users.length < before.users.length) return { ...before, users };
      throw new VaultError(
        `Volume "${volume}" has no CHAP user "${user}"`,
        { kind: "not-found" },
      );
    });
  }

  setMutualChap(volume: string, chap: ChapSecret | undefined): Promise<void> {
    return this.#changeChap(
      volume,
      chap ? `mutual, as "${chap.user}"` : "mutual no more",
      ({ mutual: _, ...before }) =>
        chap ? { ...before, mutual: { ...chap } } : before,
    );
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
    });
  }

  #changeChap(
    volume: string,
    what: string,
    change: (before: VolumeDocument["chap"]) => VolumeDocument["chap"],
  ): Promise<void> {
    return this.#inTurn(() => {
      const before = this.#state.catalog.get(volume);
      const { behind } = before;
      if (behind) {
        throw new VaultError(
          `Volume "${volume}" is behind the target of "${behind.target}", and it is the target that asks for CHAP`,
          {
            kind: "usage",
            hint: `Say it of "${behind.target}": it counts for both.`,
          },
        );
      }
      const after = { ...before, chap: change(before.chap) };
      checkChapPolicy(chapPolicy(after.chap));
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
  }

  #inTurn<T>(change: () => T | Promise<T>): Promise<T> {
    if (this.#ended) {
      return Promise.reject(
        new VaultError("This node is stopping, and changes no more", {
          kind: "conflict",
          hint: "Try again when it has ended.",
        }),
      );
    }
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return done;
  }
}
