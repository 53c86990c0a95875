/** `vault attach`: a volume of a node on this machine's loopback, put together from the rooms. */

import * as v from "valibot";
import type { Clock } from "../base/clock.ts";
import { ConnectionLost, messageOf, VaultError } from "../base/errors.ts";
import { type Log, silent } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type {
  AttachmentOperations,
  AttachmentStatus,
} from "../control/operations.ts";
import { attachmentHandlers, serveControl } from "../control/server.ts";
import { systemClock } from "../os/clock.ts";
import { listenLocal } from "../os/local_socket.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { processId } from "../os/process.ts";
import { type Address, listenTcp, type TcpDuplex } from "../os/tcp.ts";
import type { DeviceIdentity } from "../pki/identity.ts";
import { relay } from "../portal/relay.ts";
import type { Link } from "../../tunnel/link.ts";
import { AuditLog, auditTo } from "./audit_log.ts";
import { chooseNode, shortNodeId } from "./joined.ts";
import { LinkKeeper } from "./link_keeper.ts";
import { expectLoopback } from "./loopback.ts";
import { Description } from "./requests.ts";
import { attachmentSocket } from "./sockets.ts";
import { StateFolder } from "./state_folder.ts";

/** The most initiator connections of one attachment. */
export const MAX_PORTAL_CONNECTIONS = 64;
/** How long a new connection of an initiator waits for a link that is down. */
const LINK_WAIT_MS = 10_000;

/** The operating system's own initiator, where the attachment is to log it in. */
export interface OsLogin {
  /** The disk, `/dev/sdb` say. @throws {VaultError} */
  login(target: { iqn: string; portal: string }): Promise<string>;
  /** Flushes and logs out. @throws {VaultError} where the disk is in use */
  logout(target: { iqn: string; portal: string }): Promise<void>;
}

/** What to attach, and where. */
export interface AttachmentOptions {
  /** The folder that holds the device's keys, which {@linkcode joinNode} filled. */
  readonly stateDir: string;
  /** The volume's name at the node. */
  readonly volume: string;
  /** Which joined node, where there are several: its address, host, or the beginning of its id. */
  readonly node?: string;
  /** Where initiators of this machine connect. Port 0 takes a free one. */
  readonly portal: Address;
  /** Lets `portal` be an address that others can reach. iSCSI is not protected there. */
  readonly unsafeNonLoopback?: boolean;
  /** Nothing can be changed through this attachment. */
  readonly readOnly?: boolean;
  /** Logs the operating system's initiator in, and out again before the attachment ends. */
  readonly osLogin?: OsLogin;
  /** How long the link may be without a connection with no initiator noticing; 120 s unless given, 0 for not at all. The node has its own. */
  readonly resumeWindowMs?: number;
  /** Told when the link goes away and comes back. */
  readonly onLink?: (
    event: { readonly up: boolean; readonly why: string },
  ) => void;
  /** Where it says what happens; nowhere unless given. */
  readonly log?: Log;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** The runtime's unless given. */
  readonly primitives?: Primitives;
}

/** A volume that is attached. */
export interface RunningAttachment {
  /** What can be asked of it. The same is answered on its control socket, to `vault` commands. */
  readonly operations: AttachmentOperations;
  /** The target that initiators log in to. */
  readonly iqn: string;
  /** HOST:PORT where initiators connect. */
  readonly portal: string;
  /** Whether the target asks initiators for CHAP. */
  readonly chap: boolean;
  /** HOST:PORT where the node is dialled. */
  readonly nodeAddress: string;
  /** The disk, where the operating system's initiator was logged in. */
  readonly device: string | undefined;
  /** Logs the operating system's initiator out, ends the link, and ends. @throws {VaultError} where the disk is in use: nothing ended */
  stop(): Promise<void>;
  /** Resolves when it has ended. Never rejects. */
  readonly closed: Promise<void>;
}

/**
 * Dials the node, makes sure that the volume is there, and opens the portal: what `vault attach` does. A link that is lost is dialled
 * again for as long as the attachment lives, and the initiator logs in again.
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
 * @throws {VaultError} where the volume is attached already, the portal's address is taken or not loopback, the node cannot be reached
 * or refuses, or the operating system's initiator cannot log in
 */
export async function runAttachment(
  options: AttachmentOptions,
): Promise<RunningAttachment> {
  if (!options.unsafeNonLoopback) expectLoopback(options.portal);
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
    const keeper = new LinkKeeper({
      identity,
      folder,
      clock,
      primitives,
      log,
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
    const readOnly = options.readOnly ?? false;
    const described = await describe(await keeper.start(), {
      volume: options.volume,
      readOnly,
    });
    const attachment = new Attachment({
      ...options,
      readOnly,
      log,
      clock,
      identity,
      described,
      listener,
      keeper,
      audit,
    });
    attachment.serve(
      serveControl({
        listener: control,
        handlers: attachmentHandlers(attachment.operations),
        log,
      }),
    );
    undo.push(() => attachment.stop());
    await attachment.login();
    return attachment;
  } catch (thrown) {
    for (const step of undo.reverse()) await step();
    throw thrown;
  }
}

async function describe(
  link: Link,
  asked: { readonly volume: string; readonly readOnly: boolean },
): Promise<Description> {
  const channel = await link.open({ kind: "describe", ...asked });
  await channel.close();
  const answer = v.safeParse(Description, channel.answer);
  if (answer.success) return answer.output;
  throw new VaultError("The node's answer makes no sense", {
    hint: "Update vault on both sides.",
  });
}

type Parts = AttachmentOptions & {
  readonly readOnly: boolean;
  readonly log: Log;
  readonly clock: Clock;
  readonly identity: DeviceIdentity;
  readonly described: Description;
  readonly listener: ReturnType<typeof listenTcp>;
  readonly keeper: LinkKeeper;
  readonly audit: AuditLog;
};

class Attachment implements RunningAttachment {
  readonly operations: AttachmentOperations;
  readonly closed: Promise<void>;
  device: string | undefined;
  readonly #parts: Parts;
  readonly #sockets = new Set<TcpDuplex>();
  readonly #since: string;
  #control: ReturnType<typeof serveControl> | undefined;
  #stopping: Promise<void> | undefined;
  #ended = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#since = new Date(parts.clock.now()).toISOString();
    this.closed = new Promise((resolve) => this.#ended = resolve);
    this.operations = {
      status: () => Promise.resolve(this.#status()),
      detach: () => this.stop(),
    };
  }

  get iqn(): string {
    return this.#parts.described.iqn;
  }
  get chap(): boolean {
    return this.#parts.described.chap;
  }
  get portal(): string {
    return this.#parts.listener.address;
  }
  get nodeAddress(): string {
    return this.#parts.identity.address;
  }

  serve(control: ReturnType<typeof serveControl>): void {
    this.#control = control;
    this.#accept();
  }

  async login(): Promise<void> {
    this.device = await this.#parts.osLogin?.login(this);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().catch((thrown) => {
      // The disk is in use: all goes on as before, and it may be tried again.
      this.#stopping = undefined;
      throw thrown;
    });
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.device !== undefined) await this.#parts.osLogin?.logout(this);
    this.device = undefined;
    this.#parts.listener.close();
    for (const socket of this.#sockets) {
      socket.abort(new ConnectionLost("The volume was detached"));
    }
    await this.#parts.keeper.stop();
    this.#parts.audit.close();
    this.#control?.close();
    // Not before whoever asked for it over the control socket has the answer.
    this.#control?.closed.then(this.#ended);
  }

  async #accept(): Promise<void> {
    for (let socket; (socket = await this.#parts.listener.accept());) {
      if (this.#sockets.size >= MAX_PORTAL_CONNECTIONS) {
        socket.abort();
        continue;
      }
      this.#sockets.add(socket);
      this.#serve(socket);
    }
  }

  async #serve(socket: TcpDuplex): Promise<void> {
    const { log, keeper, volume, readOnly } = this.#parts;
    try {
      const link = await keeper.up(LINK_WAIT_MS);
      const channel = await link.open({
        kind: "iscsi",
        volume,
        readOnly,
        portal: this.portal,
      });
      await relay({
        initiator: socket,
        target: channel,
        answerPings: true,
      });
    } catch (thrown) {
      socket.abort();
      if (thrown instanceof ConnectionLost) log.debug(thrown.message);
      else log.warn(`A connection of an initiator ended: ${messageOf(thrown)}`);
    } finally {
      this.#sockets.delete(socket);
    }
  }

  #status(): AttachmentStatus {
    const { volume, identity, readOnly, keeper } = this.#parts;
    return {
      volume,
      node: shortNodeId(identity.nodeId),
      nodeAddress: identity.address,
      portal: this.portal,
      iqn: this.iqn,
      readOnly,
      pid: processId(),
      since: this.#since,
      link: keeper.info(),
      sessions: this.#sockets.size,
      ...(this.device === undefined ? {} : { device: this.device }),
    };
  }
}
