/** What can be asked of a node, answered from what it keeps and, where it runs, from what it serves. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type {
  ChapSecret,
  DeviceInfo,
  Invitation,
  InvitationInfo,
  LinkInfo,
  NodeOperations,
  NodeStatus,
  Revocation,
  SessionInfo,
  SnapshotInfo,
  SnapshotWork,
  VolumeInfo,
  VolumeSpec,
} from "../control/operations.ts";
import { invite } from "../pki/invite.ts";
import type { InvitationRecord } from "../pki/invitations.ts";
import type { DeviceRecord } from "../pki/registry.ts";
import { checkSize } from "./catalog.ts";
import { chapPolicy, checkChapPolicy } from "./chap_policy.ts";
import type { VolumeDocument } from "./documents.ts";
import type { NodeState } from "./node_state.ts";
import { Revocations } from "./revocations.ts";
import { SnapshotOperations } from "./snapshot_operations.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { VERSION } from "./version.ts";
import { faultsOf, notServed, type Survey } from "./volume_faults.ts";
import { damagedVolumeInfo, volumeInfo } from "./volume_info.ts";

/** What a running node adds. */
export interface Live {
  readonly volumes: ServedVolumes;
  readonly pid: number;
  readonly since: string;
  readonly listen: string;
  readonly forward?: string;
  readonly macFailures: number;
  links(): readonly LinkInfo[];
  sessions(): readonly SessionInfo[];
}

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
  readonly #revocations: Revocations;
  readonly #snapshots: SnapshotOperations;
  readonly #options: NodeOperationsOptions;
  /** Changes come one after the other: each reads a document and replaces it. */
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(options: NodeOperationsOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#live = options.live;
    this.#revocations = new Revocations(options.state);
    this.#snapshots = new SnapshotOperations({
      catalog: options.state.catalog,
      clock: options.clock,
      served: options.live?.volumes,
      inTurn: (change) => this.#inTurn(change),
    });
  }

  status(): Promise<NodeStatus> {
    const live = this.#live;
    return Promise.resolve({
      running: live !== undefined,
      version: VERSION,
      node: this.#state.identity.nodeId,
      volumes: this.#volumes(),
      links: live?.links() ?? [],
      sessions: live?.sessions() ?? [],
      ...(live
        ? {
          pid: live.pid,
          since: live.since,
          listen: live.listen,
          macFailures: live.macFailures,
          ...(live.forward === undefined ? {} : { forward: live.forward }),
        }
        : {}),
    });
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
    return this.#inTurn(async () => {
      const document = await this.#state.catalog.create(spec);
      try {
        this.#live?.volumes.open(document);
      } catch (thrown) {
        this.#state.catalog.delete(spec.name);
        throw thrown;
      }
      return this.#info(document);
    });
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
      return this.#info(after);
    });
  }

  deleteVolume(name: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#state.catalog.expectDeletable(name);
      await this.#snapshots.stop(name, `Volume "${name}" was deleted`);
      if (this.#live) await this.#live.volumes.discard(name);
      this.#state.catalog.delete(name);
      // It may have been in another's way.
      this.#live?.volumes.openAll();
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
    return this.#changeChap(volume, (before) => {
      const others = before.users.filter(({ user }) => user !== chap.user);
      return { ...before, users: [...others, { ...chap }] };
    });
  }

  removeChap(volume: string, user: string): Promise<void> {
    return this.#changeChap(volume, (before) => {
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
      ({ mutual: _, ...before }) =>
        chap ? { ...before, mutual: { ...chap } } : before,
    );
  }

  devices(): Promise<readonly DeviceInfo[]> {
    return Promise.resolve(
      this.#state.registry.devices.map((device) => this.#device(device)),
    );
  }

  invitations(): Promise<readonly InvitationInfo[]> {
    const open = this.#state.invitations.open(this.#options.clock.now());
    return Promise.resolve(open.map(invitationInfo));
  }

  invite(
    ask: { name: string; expiresMs: number; advertise?: string },
  ): Promise<Invitation> {
    return this.#inTurn(async () => {
      const { registry, invitations, authority } = this.#state;
      if (registry.find(ask.name)) {
        throw new VaultError(`There is already a device "${ask.name}"`, {
          kind: "conflict",
          hint: `Choose another name, or first: vault revoke ${ask.name}`,
        });
      }
      const address = ask.advertise ?? this.#address();
      const { code, invitation } = await invite({
        invitations,
        name: ask.name,
        address,
        caPem: authority.certificatePem,
        expiresMs: ask.expiresMs,
        nowMs: this.#options.clock.now(),
      });
      this.#state.persist();
      return { code, name: ask.name, expiresAt: invitation.expiresAt, address };
    });
  }

  /** Waits for no other change: one that takes its time, or is made to, must not keep a device in. It touches nothing that they do. */
  revoke(name: string): Promise<Revocation> {
    return new Promise((resolve) => {
      const now = this.#options.clock.now();
      const { device, invitation } = this.#revocations.revoke(name, now);
      resolve({
        ...(device ? { device: this.#device(device) } : {}),
        ...(invitation ? { invitation: invitationInfo(invitation) } : {}),
      });
    });
  }

  /** All, those that are damaged, too. */
  #volumes(): VolumeInfo[] {
    const { catalog, identity } = this.#state;
    const { nodeId } = identity;
    const survey = catalog.survey();
    const healthOf = this.#healthOf(survey);
    return [...survey].map(([name, found]) => {
      const known = { catalog, nodeId, health: healthOf(name) };
      return found instanceof VaultError
        ? damagedVolumeInfo(name, known)
        : volumeInfo(found, known);
    });
  }

  #healthOf(survey: Survey): (name: string) => string {
    const { volumes } = this.#live ?? {};
    if (volumes) return (name) => volumes.health(name);
    const { catalog } = this.#state;
    const faults = faultsOf(survey, (volume) => catalog.expectServable(volume));
    return (name) => faults.has(name) ? notServed(faults.get(name)) : "ok";
  }

  #info(document: VolumeDocument): VolumeInfo {
    const { catalog, identity } = this.#state;
    return volumeInfo(document, {
      catalog,
      nodeId: identity.nodeId,
      health: this.#live?.volumes.health(document.name) ?? "ok",
    });
  }

  #changeChap(
    volume: string,
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
    });
  }

  #device(device: DeviceRecord): DeviceInfo {
    const { name, fingerprint, enrolledAt, expiresAt, revokedAt } = device;
    const links = this.#live?.links().filter((link) => link.device === name);
    return {
      name,
      fingerprint,
      enrolledAt,
      expiresAt,
      ...(revokedAt === undefined ? {} : { revokedAt }),
      ...(links ? { links: revokedAt ? 0 : links.length } : {}),
    };
  }

  #address(): string {
    const listen = this.#live?.listen ?? this.#state.listen;
    const address = listen && this.#options.guessAddress(listen);
    if (address) return address;
    throw new VaultError(
      "Cannot tell under which address this node is reached",
      {
        kind: "usage",
        hint: "Say it: vault invite NAME --advertise HOST:PORT",
      },
    );
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

function invitationInfo(invitation: InvitationRecord): InvitationInfo {
  const { name, createdAt, expiresAt, attempts } = invitation;
  return { name, invitedAt: createdAt, expiresAt, failedAttempts: attempts };
}
