/** The asking end of a control socket: the operations of a daemon as if they were here. */

import * as v from "valibot";
import type { Clock } from "../base/clock.ts";
import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost, PeerError, VaultError } from "../base/errors.ts";
import { encodeLine, LineReader } from "./lines.ts";
import type {
  AttachmentOperations,
  AttachmentStatus,
  BucketChange,
  ChapSecret,
  CloneSpec,
  Detachment,
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
} from "./operations.ts";
import {
  ATTACHMENT_METHODS,
  MAX_RESPONSE_BYTES,
  NODE_METHODS,
  Response,
} from "./schema.ts";

/** How long an answer may take: logging an initiator out with a full cache is the slowest thing asked. */
const DEFAULT_TIMEOUT_MS = 120_000;

export interface ControlOptions {
  readonly connection: Duplex;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

interface Method {
  readonly params: v.GenericSchema<unknown, readonly unknown[]>;
  readonly result: v.GenericSchema;
}

/** One connection; requests take turns. */
class Caller {
  readonly #options: ControlOptions;
  readonly #lines = new LineReader(MAX_RESPONSE_BYTES);
  readonly #responses: unknown[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #nextId = 1;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  call<M extends Method>(
    name: string,
    method: M,
    ...params: v.InferInput<M["params"]> extends
      infer P extends readonly unknown[] ? P : never
  ): Promise<v.InferOutput<M["result"]>> {
    const turn = this.#last.then(() => this.#ask(name, method, params));
    this.#last = turn.catch(() => {});
    return turn;
  }

  close(): void {
    this.#options.connection.abort(new ConnectionLost("Closed"));
  }

  async #ask<M extends Method>(
    name: string,
    method: M,
    params: readonly unknown[],
  ): Promise<v.InferOutput<M["result"]>> {
    const { connection, clock, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const stop = clock.after(timeoutMs, () => {
      connection.abort(
        new VaultError(
          `The running vault did not answer within ${timeoutMs / 1000} s`,
          { hint: "See its log; restart it if it hangs.", kind: "unreachable" },
        ),
      );
    });
    const id = this.#nextId++;
    try {
      await connection.write(encodeLine({ id, method: name, params }));
      return this.#take(method, id, await this.#response());
    } catch (thrown) {
      if (thrown instanceof ConnectionLost) {
        throw new VaultError("The running vault ended before it answered", {
          hint: "See its log.",
          kind: "unreachable",
          cause: thrown,
        });
      }
      throw thrown;
    } finally {
      stop();
    }
  }

  async #response(): Promise<unknown> {
    while (this.#responses.length === 0) {
      const bytes = await this.#options.connection.read();
      if (!bytes) throw new ConnectionLost("The daemon closed the connection");
      this.#responses.push(...this.#lines.receive(bytes));
    }
    return this.#responses.shift();
  }

  #take<M extends Method>(
    method: M,
    id: number,
    value: unknown,
  ): v.InferOutput<M["result"]> {
    const response = v.safeParse(Response, value);
    if (!response.success) {
      throw new PeerError(
        `The running vault answered with something else than an answer: ${
          v.summarize(response.issues)
        }`,
      );
    }
    if ("error" in response.output) {
      const { message, ...options } = response.output.error;
      throw new VaultError(message, options);
    }
    if (response.output.id !== id) {
      throw new PeerError("The running vault answered another question");
    }
    const result = v.safeParse(method.result, response.output.result);
    if (!result.success) {
      throw new VaultError(
        `The running vault's answer makes no sense here: ${
          v.summarize(result.issues)
        }`,
        { hint: "It is another version than this program: restart it." },
      );
    }
    return result.output;
  }
}

/** A running node, over its control socket. */
export class NodeClient implements NodeOperations {
  readonly #caller: Caller;

  constructor(options: ControlOptions) {
    this.#caller = new Caller(options);
  }

  status(): Promise<NodeStatus> {
    return this.#caller.call("status", NODE_METHODS.status);
  }

  listVolumes(): Promise<readonly VolumeInfo[]> {
    return this.#caller.call("listVolumes", NODE_METHODS.listVolumes);
  }

  showVolume(name: string): Promise<VolumeInfo> {
    return this.#caller.call("showVolume", NODE_METHODS.showVolume, name);
  }

  createVolume(spec: VolumeSpec, bucket?: NewBucket): Promise<VolumeInfo> {
    const method = NODE_METHODS.createVolume;
    return this.#caller.call("createVolume", method, spec, bucket ?? null);
  }

  cloneVolume(spec: CloneSpec, bucket: NewBucket): Promise<VolumeInfo> {
    const { source, snapshot, name } = spec;
    const method = NODE_METHODS.cloneVolume;
    return this.#caller
      .call("cloneVolume", method, source, snapshot, name, bucket);
  }

  recoverVolume(
    name: string,
    bucket: NewBucket,
    acceptsLess = false,
  ): Promise<Recovery> {
    const method = NODE_METHODS.recoverVolume;
    return this.#caller
      .call("recoverVolume", method, name, bucket, acceptsLess);
  }

  acceptRollback(name: string): Promise<Rollback> {
    const method = NODE_METHODS.acceptRollback;
    return this.#caller.call("acceptRollback", method, name);
  }

  resizeVolume(name: string, sizeBytes: number): Promise<VolumeInfo> {
    const method = NODE_METHODS.resizeVolume;
    return this.#caller.call("resizeVolume", method, name, sizeBytes);
  }

  changeBucket(name: string, change: BucketChange): Promise<VolumeInfo> {
    const method = NODE_METHODS.changeBucket;
    return this.#caller.call("changeBucket", method, name, change);
  }

  async deleteVolume(name: string, withBucket = false): Promise<void> {
    const method = NODE_METHODS.deleteVolume;
    await this.#caller.call("deleteVolume", method, name, withBucket);
  }

  releaseVolume(name: string): Promise<readonly HolderInfo[]> {
    return this.#caller.call("releaseVolume", NODE_METHODS.releaseVolume, name);
  }

  stageVolume(spec: VolumeSpec): Promise<string> {
    return this.#caller.call("stageVolume", NODE_METHODS.stageVolume, spec);
  }

  adoptVolume(spec: VolumeSpec): Promise<VolumeInfo> {
    return this.#caller.call("adoptVolume", NODE_METHODS.adoptVolume, spec);
  }

  listSnapshots(volume?: string): Promise<readonly SnapshotInfo[]> {
    const method = NODE_METHODS.listSnapshots;
    return this.#caller.call("listSnapshots", method, volume ?? null);
  }

  createSnapshot(volume: string, name?: string): Promise<SnapshotWork> {
    const method = NODE_METHODS.createSnapshot;
    return this.#caller.call("createSnapshot", method, volume, name ?? null);
  }

  async deleteSnapshot(volume: string, name: string): Promise<void> {
    const method = NODE_METHODS.deleteSnapshot;
    await this.#caller.call("deleteSnapshot", method, volume, name);
  }

  restoreSnapshot(volume: string, name: string): Promise<SnapshotWork> {
    const method = NODE_METHODS.restoreSnapshot;
    return this.#caller.call("restoreSnapshot", method, volume, name);
  }

  snapshotWork(volume: string): Promise<SnapshotWork> {
    const method = NODE_METHODS.snapshotWork;
    return this.#caller.call("snapshotWork", method, volume);
  }

  verifyVolume(volume: string): Promise<VerifyWork> {
    const method = NODE_METHODS.verifyVolume;
    return this.#caller.call("verifyVolume", method, volume);
  }

  verifyWork(volume: string): Promise<VerifyWork> {
    return this.#caller.call("verifyWork", NODE_METHODS.verifyWork, volume);
  }

  async setChap(volume: string, chap: ChapSecret): Promise<void> {
    await this.#caller.call("setChap", NODE_METHODS.setChap, volume, chap);
  }

  async removeChap(volume: string, user: string): Promise<void> {
    await this.#caller.call(
      "removeChap",
      NODE_METHODS.removeChap,
      volume,
      user,
    );
  }

  async setMutualChap(
    volume: string,
    chap: ChapSecret | undefined,
  ): Promise<void> {
    const method = NODE_METHODS.setMutualChap;
    await this.#caller.call("setMutualChap", method, volume, chap ?? null);
  }

  devices(): Promise<readonly DeviceInfo[]> {
    return this.#caller.call("devices", NODE_METHODS.devices);
  }

  invitations(): Promise<readonly InvitationInfo[]> {
    return this.#caller.call("invitations", NODE_METHODS.invitations);
  }

  invite(
    ask: { name: string; expiresMs: number; advertise?: string },
  ): Promise<Invitation> {
    return this.#caller.call("invite", NODE_METHODS.invite, ask);
  }

  revoke(name: string): Promise<Revocation> {
    return this.#caller.call("revoke", NODE_METHODS.revoke, name);
  }

  close(): void {
    this.#caller.close();
  }
}

/** A running attachment, over its control socket. */
export class AttachmentClient implements AttachmentOperations {
  readonly #caller: Caller;

  constructor(options: ControlOptions) {
    this.#caller = new Caller(options);
  }

  status(): Promise<AttachmentStatus> {
    return this.#caller.call("status", ATTACHMENT_METHODS.status);
  }

  detach(): Promise<Detachment> {
    return this.#caller.call("detach", ATTACHMENT_METHODS.detach);
  }

  close(): void {
    this.#caller.close();
  }
}
