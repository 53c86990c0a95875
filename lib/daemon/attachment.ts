/** `vault attach`: a volume of a node on this machine's loopback, put together from the rooms. */

import type { Clock } from "../base/clock.ts";
import { messageOf, VaultError } from "../base/errors.ts";
import { type Log, silent } from "../base/log.ts";
import type {
  AttachmentOperations,
  AttachmentStatus,
  Detachment,
} from "../control/operations.ts";
import { attachmentHandlers, serveControl } from "../control/server.ts";
import type { Mode } from "../lease/holder.ts";
import { systemClock } from "../os/clock.ts";
import { listenLocal } from "../os/local_socket.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { processId } from "../os/process.ts";
import { listenTcp } from "../os/tcp.ts";
import type { DeviceIdentity } from "../pki/identity.ts";
import {
  type AttachmentEnd,
  type AttachmentOptions,
  modeOf,
  type RunningAttachment,
  takeOverOf,
} from "./attachment_options.ts";
import { AuditLog, auditTo } from "./audit_log.ts";
import { handOver } from "./handover.ts";
import { type Fenced, HeldLease } from "./held_lease.ts";
import { chooseNode, shortNodeId } from "./joined.ts";
import { LinkKeeper } from "./link_keeper.ts";
import { expectLoopback } from "./loopback.ts";
import { PortalDoor } from "./portal_door.ts";
import { attachmentSocket } from "./sockets.ts";
import { StateFolder } from "./state_folder.ts";

/**
 * Dials the node, takes the volume's lease, and opens the portal: what `vault attach` does. A link that is lost is dialled again for as long
 * as the attachment lives, and the initiator logs in again. It ends by itself when another device has taken the volume over.
 *
 * @example
 * ```ts
 * import { joinNode, runAttachment, runNode } from "@vault/vault";
 *
 * const folder = await Deno.makeTempDir();
 * const anyPort = { hostname: "127.0.0.1", port: 0 };
 * const node = await runNode({ stateDir: `${folder}/vm`, listen: anyPort });
 * await node.operations.createVolume({ name: "photos", sizeBytes: 2 ** 30, blockSizeBytes: 512, readOnly: false });
 * const { code } = await node.operations.invite({ name: "laptop", expiresMs: 60_000, advertise: node.listen });
 * await joinNode({ stateDir: `${folder}/laptop`, code });
 *
 * const attachment = await runAttachment({ stateDir: `${folder}/laptop`, volume: "photos", portal: anyPort });
 * const { link } = await attachment.operations.status();
 * if (link.state !== "up") throw new Error(`${attachment.nodeAddress} is gone`);
 * // Initiators of this machine find the target `attachment.iqn` at `attachment.portal`.
 *
 * await attachment.stop();
 * await node.stop();
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws {VaultError} where the volume is attached already or another device holds it, the portal's address is taken or not loopback, the node cannot be reached
 * or refuses, or the operating system's initiator cannot log in
 */
export async function runAttachment(
  options: AttachmentOptions,
): Promise<RunningAttachment> {
  if (!options.unsafeNonLoopback) expectLoopback(options.portal);
  const mode = modeOf(options);
  const takeOver = takeOverOf(options);
  const folder = new StateFolder(options.stateDir);
  const identity = chooseNode(folder, options.node);
  const clock = options.clock ?? systemClock;
  const primitives = options.primitives ?? systemPrimitives;
  const log = options.log ?? silent;
  const control = await listenLocal({
    stateDir: folder.path,
    name: attachmentSocket(options.volume),
  });
  const undo: (() => unknown)[] = [() => control.close()];
  try {
    const place = folder.attachmentAudit(options.volume);
    const audit = new AuditLog({ place, clock, log });
    undo.push(() => audit.close());
    const aloud = auditTo(log);
    const listener = listenTcp(options.portal);
    undo.push(() => listener.close());
    const lease = new HeldLease({
      volume: options.volume,
      ...{ mode, takeOver, clock, primitives, log },
      snapshot: options.snapshot,
      progress: (text) => options.onTakeOver?.(text),
    });
    const keeper = new LinkKeeper({
      ...{ identity, folder, clock, primitives, log },
      began: (link) => lease.linkBegan(link),
      audit: (event) => {
        aloud(event);
        audit.tell({ ...event, volume: options.volume });
      },
      ...(options.onLink ? { onLink: options.onLink } : {}),
      ...(options.resumeWindowMs === undefined
        ? {}
        : { resumeWindowMs: options.resumeWindowMs }),
    });
    undo.push(() => keeper.stop());
    const link = await keeper.start();
    const { iqn } = await lease.take(link);
    undo.push(() => {
      lease.start();
      return lease.release();
    });
    const door = new PortalDoor({
      ...{ listener, keeper, clock, log },
      request: () => ({
        kind: "iscsi",
        volume: options.volume,
        attachment: lease.attachment,
        generation: lease.grant.generation,
        portal: listener.address,
      }),
    });
    const attachment = new Attachment({
      ...options,
      ...{ iqn, mode, log, clock, identity, door, keeper, lease, audit },
    });
    attachment.serve(
      serveControl({
        listener: control,
        handlers: attachmentHandlers(attachment.operations),
        log,
      }),
    );
    undo.push(() => attachment.stop());
    lease.start({
      wanted: (ask) => void attachment.wanted(ask),
      unwanted: () => attachment.unwanted(),
      fenced: (how) => void attachment.fenced(how),
    });
    await attachment.login();
    return attachment;
  } catch (thrown) {
    for (const step of undo.reverse()) await step();
    throw thrown;
  }
}

type Parts = AttachmentOptions & {
  readonly iqn: string;
  readonly mode: Mode;
  readonly log: Log;
  readonly clock: Clock;
  readonly identity: DeviceIdentity;
  readonly door: PortalDoor;
  readonly keeper: LinkKeeper;
  readonly lease: HeldLease;
  readonly audit: AuditLog;
};

class Attachment implements RunningAttachment {
  readonly operations: AttachmentOperations;
  readonly closed: Promise<AttachmentEnd>;
  device: string | undefined;
  readonly #parts: Parts;
  readonly #since: string;
  #control: ReturnType<typeof serveControl> | undefined;
  /** A hand-over that is under way. */
  #handing: { readonly by: string; readonly over: AbortController } | undefined;
  #taken: Fenced | undefined;
  #stopping: Promise<Detachment> | undefined;
  #ended: (end: AttachmentEnd) => void = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#since = new Date(parts.clock.now()).toISOString();
    this.closed = new Promise((resolve) => this.#ended = resolve);
    this.operations = {
      status: () => Promise.resolve(this.#status()),
      detach: () => this.#detach(),
    };
  }

  get iqn(): string {
    return this.#parts.iqn;
  }
  get chap(): boolean {
    return this.#parts.lease.grant.chap;
  }
  get portal(): string {
    return this.#parts.door.address;
  }
  get nodeAddress(): string {
    return this.#parts.identity.address;
  }

  serve(control: ReturnType<typeof serveControl>): void {
    this.#control = control;
    void this.#parts.door.open();
  }

  async login(): Promise<void> {
    const { osLogin, volume } = this.#parts;
    this.device = await osLogin?.login(this);
    if (!this.#stopping) return;
    await osLogin?.logout(this, { evenInUse: true });
    throw new VaultError(
      `Volume "${volume}" was taken while the initiator logged in`,
      { kind: "conflict" },
    );
  }

  async stop(): Promise<void> {
    await this.#detach();
  }

  /** Another device wants the volume. */
  async wanted(
    { by, boundMs }: { by: string; boundMs: number },
  ): Promise<void> {
    // Said again over another link, or while it ends.
    if (this.#handing || this.#stopping) return;
    const { volume, handover, osLogin, door, lease, clock } = this.#parts;
    const over = new AbortController();
    this.#handing = { by, over };
    const tell = (step: string) => {
      lease.progress(step);
      this.#say(`${by} takes "${volume}" over: ${step}.`);
    };
    this.#say(`${by} wants "${volume}" within ${Math.ceil(boundMs / 1000)} s.`);
    try {
      await handOver({
        ask: { by, boundMs, volume, device: this.device },
        handover,
        letGo: osLogin && this.device !== undefined
          ? (tell) => osLogin.letGo(this, tell)
          : undefined,
        logout: osLogin && this.device !== undefined
          ? () => osLogin.logout(this)
          : undefined,
        requestLogout: () => lease.requestLogout(),
        initiatorsGone: (signal) => door.empty(signal),
        ...{ tell, clock, signal: over.signal },
      });
    } catch (thrown) {
      this.#handing = undefined;
      if (!over.signal.aborted) tell(`it cannot: ${messageOf(thrown)}`);
      return;
    }
    this.device = undefined;
    if (this.#stopping) return;
    await (this.#stopping = this.#close({ kind: "handed-over", by }));
  }

  /** It does not want it any more. */
  unwanted(): void {
    const handing = this.#handing;
    if (!handing) return;
    this.#say(`${handing.by} does not want "${this.#parts.volume}" any more.`);
    handing.over.abort(new VaultError("Nobody wants the volume any more"));
  }

  /** The volume was taken: whatever is not written yet never will be. */
  async fenced(how: Fenced): Promise<void> {
    this.#taken = how;
    this.#handing?.over.abort(new VaultError("The volume was taken"));
    if (this.#stopping) return;
    const { volume, door, osLogin } = this.#parts;
    this.#say(`"${volume}" was taken: ${how.why}.`);
    const ending = Promise.withResolvers<Detachment>();
    this.#stopping = ending.promise;
    door.close("The volume was taken");
    try {
      if (this.device !== undefined) {
        this.#say(
          "Logging its initiator out, whether the disk is in use or not.",
        );
        await osLogin?.logout(this, { evenInUse: true });
      }
    } catch (thrown) {
      this.#say(`The initiator was not logged out: ${messageOf(thrown)}`);
    }
    this.device = undefined;
    ending.resolve(await this.#close({ kind: "fenced", ...how }));
  }

  #detach(): Promise<Detachment> {
    this.#stopping ??= this.#logoutAndClose().catch((thrown) => {
      // The disk is in use: all goes on as before, and it may be tried again. Unless the volume was taken meanwhile.
      this.#stopping = undefined;
      if (this.#taken) void this.fenced(this.#taken);
      throw thrown;
    });
    return this.#stopping;
  }

  async #logoutAndClose(): Promise<Detachment> {
    const { door, lease, osLogin } = this.#parts;
    if (this.device !== undefined) await osLogin?.logout(this);
    this.device = undefined;
    // Other initiators are not ours to log out: the node asks them to.
    await door.seeOff(() => lease.requestLogout());
    return await this.#close({ kind: "detached", released: false });
  }

  async #close(end: AttachmentEnd): Promise<Detachment> {
    const { door, lease, keeper, volume, audit } = this.#parts;
    this.#handing?.over.abort(new VaultError("The volume was detached"));
    door.close("The volume was detached");
    const released = await lease.release();
    await keeper.stop();
    if (end.kind !== "detached") {
      const by = end.by === undefined ? {} : { by: end.by };
      const kind = end.kind === "fenced" ? "fenced" : "handed over";
      audit.tell({ kind, volume, ...by });
    }
    audit.close();
    this.#control?.close();
    const told = end.kind === "detached" ? { ...end, released } : end;
    // Not before whoever asked for it over the control socket has the answer.
    void this.#control?.closed.then(() => this.#ended(told));
    return { released };
  }

  #say(sentence: string): void {
    this.#parts.onTakeOver?.(sentence);
  }

  #status(): AttachmentStatus {
    const { volume, identity, mode, keeper, lease, door } = this.#parts;
    const { generation, since, view } = lease.grant;
    const wantedBy = this.#handing?.by;
    return {
      volume,
      node: shortNodeId(identity.nodeId),
      nodeAddress: identity.address,
      portal: this.portal,
      iqn: this.iqn,
      readOnly: mode === "read",
      pid: processId(),
      since: this.#since,
      link: keeper.info(),
      lease: {
        ...{ mode, generation, since },
        ...(view === undefined ? {} : { view }),
        ...(wantedBy === undefined ? {} : { wantedBy }),
      },
      sessions: door.connections,
      ...(this.device === undefined ? {} : { device: this.device }),
    };
  }
}
