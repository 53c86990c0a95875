/** A node's side: listens, admits enrolled devices, enrols invited ones. */

import type { Clock } from "../lib/base/clock.ts";
import type { Listener } from "../lib/base/duplex.ts";
import { invariant } from "../lib/base/errors.ts";
import type { Log } from "../lib/base/log.ts";
import type { Primitives } from "../lib/base/primitives.ts";
import type { Authority, NodeIdentity } from "../lib/pki/identity.ts";
import type { Invitations } from "../lib/pki/invitations.ts";
import type { DeviceRecord, Registry } from "../lib/pki/registry.ts";
import type { Audit } from "../lib/base/audit.ts";
import { auditLink } from "./dial.ts";
import { EnrolmentDesk } from "./enrolment_desk.ts";
import { type Link, RESUME_WINDOW_MS } from "./link.ts";
import type { LinkPump } from "./link_pump.ts";
import { MAX_CHANNELS } from "./mux.ts";
import { Reception } from "./reception.ts";
import type { RenewalLimits } from "./record.ts";
import { RefusalLog } from "./refusal_log.ts";
import { selfTest } from "./self_test.ts";
import { listenTls } from "./tls.ts";
import type { TlsListener } from "./transport.ts";

/** Links at once, in all and of one device. */
export const MAX_LINKS = 256;
export const MAX_LINKS_PER_DEVICE = 16;
/** Channels of a device over all its links. Times WINDOW_BYTES, this bounds what one device can make the node hold. */
export const MAX_CHANNELS_PER_DEVICE = 2 * MAX_CHANNELS;

/** How often live links are compared with the registry, for what nobody tells: certificates that expire. */
export const SWEEP_MS = 30_000;

export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly identity: NodeIdentity;
  /** Signs the certificates of devices that join or renew theirs. */
  readonly authority: Authority;
  /** Who is let in. A device that is revoked in it loses its live links at once. */
  readonly registry: Registry;
  readonly invitations: Invitations;
  /** Stores `registry` and `invitations`, which have changed. A device is told that it is enrolled only after this has resolved. */
  readonly persist: () => Promise<void>;
  /** How long a link outlives its connection: {@linkcode RESUME_WINDOW_MS} unless given, and 0 for not at all. */
  readonly resumeWindowMs?: number;
  /** When this end's keys are renewed, where not as usual. */
  readonly renewal?: RenewalLimits;
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

/** Gives links that are up: both ends have proved who they are. */
export interface LinkListener extends Listener<Link> {
  readonly port: number;
  /** Links that are up now. */
  readonly links: readonly Link[];
  /** Records since the start whose MAC, number or place was wrong. */
  readonly macFailures: number;
  /** Shows a renewed certificate of the node to all who connect from now on. */
  setIdentity(identity: NodeIdentity): void;
  /**
   * Dials itself without a certificate, with foreign ones, and with one that nobody enrolled.
   *
   * @throws {VaultError} where any of them is let in: the node must not run then
   */
  selfTest(): Promise<void>;
}

/** @throws {VaultError} where the address cannot be listened on */
export async function listenLinks(
  options: ListenOptions,
): Promise<LinkListener> {
  const node = new ListeningNode(options);
  await node.listen();
  return node;
}

class ListeningNode implements LinkListener {
  address = "";
  port = 0;
  readonly #options: ListenOptions;
  readonly #desk: EnrolmentDesk;
  readonly #refusals: RefusalLog;
  readonly #reception: Reception;
  /** In the order of their arrival. */
  readonly #links = new Set<LinkPump>();
  readonly #ready: Link[] = [];
  #identity: NodeIdentity;
  #acceptor: ((link: Link | undefined) => void) | undefined;
  #macFailures = 0;
  #trustedPems: readonly string[] = [];
  #tls: TlsListener | undefined;
  #stop: (() => void)[] = [];
  #closed = false;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#refusals = new RefusalLog(options);
    this.#desk = new EnrolmentDesk({ ...options, refusals: this.#refusals });
    this.#reception = new Reception({
      ...options,
      desk: this.#desk,
      refusals: this.#refusals,
      identity: () => this.#identity,
      full: (name) => this.#full(name),
      crowded: (name) => this.#crowded(name),
      find: (id) => this.#find(id),
      resumeWindowMs: options.resumeWindowMs ?? RESUME_WINDOW_MS,
      up: (link) => this.#keep(link),
    });
  }

  async listen(): Promise<void> {
    const { hostname, clock, registry } = this.#options;
    this.#tls = await listenTls({
      hostname,
      port: this.#options.port,
      credentials: this.#identity,
      trustedPems: this.#trustedPems = this.#trusted(),
      clock,
      connected: (connection) => void this.#reception.receive(connection),
      refused: ({ host, reason, serverName }) => {
        this.#desk.refused(host, serverName);
        this.#refusals.tell({ kind: "refused", address: host, reason });
      },
      crowded: (host) => this.#refusals.tell({ kind: "limit", address: host }),
    });
    this.port = this.#tls.port;
    const shown = hostname.includes(":") ? `[${hostname}]` : hostname;
    this.address = `${shown}:${this.port}`;
    this.#stop.push(
      this.#options.invitations.watch(() => this.#trustAnew()),
    );
    // Not stopped with the listening: links that are up then end a little later, and a device is revoked at any time.
    registry.watch(({ kind, device }) => {
      if (kind === "revoked") this.#endLinksOf(device);
    });
    this.#sweepLater();
  }

  get links(): readonly Link[] {
    return [...this.#links];
  }

  get macFailures(): number {
    let failures = this.#macFailures;
    for (const link of this.#links) failures += link.stats.macFailures;
    return failures;
  }

  accept(): Promise<Link | undefined> {
    const next = this.#ready.shift();
    if (next || this.#closed) return Promise.resolve(next);
    return new Promise((resolve) => this.#acceptor = resolve);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tls?.close();
    for (const stop of this.#stop) stop();
    for (const link of this.#ready.splice(0)) {
      link.abort("the node is stopping");
    }
    this.#acceptor?.(undefined);
  }

  setIdentity(identity: NodeIdentity): void {
    this.#identity = identity;
    this.#tls?.setCredentials(identity);
  }

  async selfTest(): Promise<void> {
    const { authority, primitives, clock } = this.#options;
    invariant(this.#tls, "A node that listens nowhere tests itself");
    // What is tested is set as everything will be that comes after it.
    this.#tls.setTrusted(this.#trustedPems);
    // Strangers may be coming in hundreds by now, and would crowd it out.
    await this.#tls.atSideDoor((door) =>
      selfTest({ ...door, authority, primitives, clock })
    );
  }

  /**
   * The node's own authority, and the verifiers of open invitations. TLS cannot tell what somebody may do by who vouches for them: the
   * registry decides who opens a link, and the desk who joins.
   */
  #trusted(): readonly string[] {
    const { invitations, clock } = this.#options;
    return [
      this.#identity.caPem,
      ...invitations.open(clock.now()).map(({ verifierPem }) => verifierPem),
    ];
  }

  #trustAnew(): void {
    const trusted = this.#trusted();
    if (trusted.join() === this.#trustedPems.join()) return;
    this.#trustedPems = trusted;
    this.#tls?.setTrusted(trusted);
  }

  /** Why there is no room for one more link of the device, or undefined. */
  #full(name: string): string | undefined {
    if (this.#closed) return "the node is stopping";
    const isFull = () =>
      this.#linksOf(name).length >= MAX_LINKS_PER_DEVICE ||
      this.#links.size >= MAX_LINKS;
    // Whose process was killed comes anew, and what it left behind waits in vain.
    while (isFull()) {
      const paused = this.#linksOf(name).find(({ state }) =>
        state === "paused"
      );
      if (!paused) return "the node has too many links";
      paused.abort("it made place for another link of its device");
      this.#macFailures += paused.stats.macFailures;
      this.#links.delete(paused);
    }
    return undefined;
  }

  #find(id: string): LinkPump | undefined {
    for (const link of this.#links) if (link.id === id) return link;
    return undefined;
  }

  #crowded(name: string): string | undefined {
    const channels = this.#linksOf(name)
      .reduce((sum, { stats }) => sum + stats.channels, 0);
    return channels > MAX_CHANNELS_PER_DEVICE
      ? `a device has at most ${MAX_CHANNELS_PER_DEVICE} channels`
      : undefined;
  }

  #linksOf(name: string): readonly LinkPump[] {
    return [...this.#links].filter((link) => link.peer.name === name);
  }

  #keep(link: LinkPump): void {
    auditLink(link, this.#options.audit);
    this.#links.add(link);
    void link.closed.then(() => {
      if (!this.#links.delete(link)) return;
      this.#macFailures += link.stats.macFailures;
    });
    const acceptor = this.#acceptor;
    this.#acceptor = undefined;
    if (acceptor) acceptor(link);
    else this.#ready.push(link);
  }

  #endLinksOf(device: DeviceRecord): void {
    for (const link of this.#linksOf(device.name)) {
      link.abort(`device "${device.name}" was revoked`, "refused");
    }
  }

  #sweepLater(): void {
    const cancel = this.#options.clock.after(SWEEP_MS, () => {
      const { registry, clock } = this.#options;
      for (const link of this.#links) {
        const standing = registry.standing(link.peer.name, clock.now());
        if (!standing.admitted) link.abort(standing.reason, "refused");
      }
      this.#trustAnew();
      this.#stop = this.#stop.filter((stop) => stop !== cancel);
      if (!this.#closed) this.#sweepLater();
    });
    this.#stop.push(cancel);
  }
}
