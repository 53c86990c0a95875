/** What a running node does with those who come: devices over links, and where it was asked for, initiators of its own machine. */

import * as v from "valibot";
import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import type { Listener } from "../base/duplex.ts";
import { VaultError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { TcpDuplex } from "../os/tcp.ts";
import { serveConnection } from "../target/connection.ts";
import type { Targets } from "../target/targets.ts";
import type { Channel, IncomingChannel } from "../../tunnel/channel.ts";
import type { Link } from "../../tunnel/link.ts";
import { MAX_CHANNELS } from "../../tunnel/mux.ts";
import { boundedLog } from "./bounded_log.ts";
import { converse, converseWithAll } from "./converse.ts";
import type { Forward } from "./forward.ts";
import { InHouse } from "./in_house.ts";
import type { LeaseKeeper } from "./lease_keeper.ts";
import { LeaseService } from "./lease_service.ts";
import { THIS_MACHINE } from "./lease_words.ts";
import { type Leases, notHeld } from "./leases.ts";
import { ChannelAsk, type IscsiAsk, type LeaseAsk } from "./requests.ts";
import type { ServedVolumes } from "./served_volumes.ts";
import { ViewService } from "./view_service.ts";
import type { View, Views } from "./views.ts";

/** Conversations of a link at once, those included whose channel is gone already. */
const MAX_CONVERSATIONS = 2 * MAX_CHANNELS;

export interface NodeServiceOptions {
  readonly targets: Targets;
  readonly volumes: ServedVolumes;
  readonly leases: Leases;
  readonly views: Views;
  /** Takes the place of the volumes. */
  readonly forward: Forward | undefined;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
  readonly audit: Audit;
}

/** What a device names. */
interface Subject {
  readonly iqn: string;
  /** Whether initiators have to prove who they are, where that is known. */
  readonly chap: boolean;
  readonly keeper: LeaseKeeper;
}

/** Under what a conversation of an initiator goes on. */
type Held = NonNullable<ReturnType<LeaseKeeper["find"]>>;

export class NodeService {
  readonly #options: NodeServiceOptions;
  readonly #leaseService: LeaseService;
  readonly #viewService: ViewService;

  constructor(options: NodeServiceOptions) {
    // What it tells of, devices and initiators bring about.
    const log = boundedLog(options.log, options.clock);
    this.#options = { ...options, log };
    this.#leaseService = new LeaseService(options.clock);
    this.#viewService = new ViewService(options.views, options.clock);
  }

  /** Serves every link until the listener closes. */
  async serveLinks(links: Listener<Link>): Promise<void> {
    const { log } = this.#options;
    const serve = async (link: Link) => {
      let conversations = 0;
      for (let incoming; (incoming = await link.accept());) {
        const asked = incoming;
        // A channel that is cut leaves its place at once, and its conversation a little later.
        if (conversations >= MAX_CONVERSATIONS) {
          asked.refuse({ reason: "Too much at once", kind: "conflict" });
          continue;
        }
        conversations++;
        converse(log, () => this.#answer(link, asked))
          .then(() => conversations--);
      }
    };
    await converseWithAll(links, { log, serve });
  }

  /** Serves every connection of this machine's initiators until the listener closes. */
  async serveDirect(sockets: Listener<TcpDuplex>): Promise<void> {
    const { targets, leases, clock, primitives, log, audit } = this.#options;
    const inHouse = new InHouse(leases, primitives);
    const serve = (socket: TcpDuplex) =>
      serveConnection(socket, {
        targets,
        targetAddress: sockets.address,
        device: THIS_MACHINE,
        address: socket.peerAddress,
        readOnly: false,
        tenancy: (target) => inHouse.enter(target),
        ...{ clock, primitives, log, audit },
      });
    await converseWithAll(sockets, { log, serve });
  }

  async #answer(link: Link, incoming: IncomingChannel): Promise<void> {
    const asked = v.safeParse(ChannelAsk, incoming.request);
    if (!asked.success) {
      return incoming.refuse(
        "This node does not understand what is asked: update it",
      );
    }
    const ask = asked.output;
    try {
      if (ask.kind === "lease") await this.#answerLease(link, incoming, ask);
      else await this.#answerIscsi(link, incoming, ask);
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown;
      const { message: reason, hint, kind } = thrown;
      incoming.refuse({
        reason,
        ...(hint === undefined ? {} : { hint }),
        ...(kind === undefined ? {} : { kind }),
      });
    }
  }

  async #answerLease(
    link: Link,
    incoming: IncomingChannel,
    ask: LeaseAsk,
  ): Promise<void> {
    if (ask.view) return await this.#viewService.refuse(incoming.accept());
    const subject = await this.#find(ask.volume);
    this.#expectLeasable(ask);
    // Whoever takes the volume from others wants it as it is.
    const looks = ask.snapshot !== undefined ||
      (ask.mode === "read" && !ask.takeOver && ask.generation === undefined);
    const view = looks ? await this.#viewService.open(ask) : undefined;
    const channel = incoming.accept();
    if (view && !(view instanceof VaultError)) {
      return await this.#viewService.serve({ link, channel, ask, view });
    }
    const { hint } = view ?? {};
    await this.#leaseService.serve({
      ...{ link, channel, ask, ...subject },
      ...(hint === undefined ? {} : { insteadHint: hint }),
    });
  }

  async #answerIscsi(
    link: Link,
    incoming: IncomingChannel,
    ask: IscsiAsk,
  ): Promise<void> {
    const { attachment } = ask;
    const device = link.peer.name;
    const view = this.#viewService.find({ device, attachment });
    if (view) {
      const channel = incoming.accept();
      return await this.#serveView({ link, channel, ask, view });
    }
    const subject = await this.#find(ask.volume);
    const held = this.#expectHeld(link, ask, subject);
    const channel = incoming.accept();
    const { iqn } = subject;
    await this.#serveIscsi({ link, channel, ask, iqn, ...held });
  }

  async #serveView(
    asked: {
      readonly link: Link;
      readonly channel: Channel;
      readonly ask: IscsiAsk;
      readonly view: View;
    },
  ): Promise<void> {
    const { link, channel, ask, view } = asked;
    const { targets, clock, primitives, log, audit } = this.#options;
    const { name: device, address } = link.peer;
    await serveConnection(channel, {
      targets,
      only: view.target.iqn,
      targetAddress: ask.portal,
      ...{ device, address },
      readOnly: true,
      ...{ clock, primitives, log, audit },
    });
  }

  /** @throws {VaultError} where there is none */
  async #find(volume: string): Promise<Subject> {
    const { forward, volumes, leases } = this.#options;
    if (forward) {
      const iqn = await forward.find(volume);
      return { iqn, chap: false, keeper: leases.ofForwarded(iqn) };
    }
    const { iqn, chap } = volumes.target(volume);
    const keeper = leases.ofVolume(volume);
    return { iqn, chap: chap.users.length > 0, keeper };
  }

  #expectLeasable({ mode, snapshot }: LeaseAsk): void {
    if (snapshot !== undefined && mode !== "read") {
      throw new VaultError("Nobody writes to a snapshot", { kind: "usage" });
    }
    if (!this.#options.forward || mode !== "read") return;
    // What passes through is not looked into: a promise that nobody would keep.
    throw new VaultError(
      "A target behind --forward cannot be attached read-only",
      {
        kind: "refused",
        hint: "Make it read-only where it is, and attach it without.",
      },
    );
  }

  /** @throws {VaultError} where the attachment does not hold the lease that it names */
  #expectHeld(link: Link, ask: IscsiAsk, { keeper }: Subject): Held {
    const { attachment, generation, volume } = ask;
    const device = link.peer.name;
    const held = keeper.find({ device, attachment, generation });
    if (held) return held;
    throw notHeld(volume);
  }

  async #serveIscsi(
    asked: Held & {
      readonly link: Link;
      readonly channel: Channel;
      readonly ask: IscsiAsk;
      readonly iqn: string;
    },
  ): Promise<void> {
    const { link, channel, ask, iqn, holder, proof } = asked;
    const { forward, targets, leases, clock, primitives, log, audit } =
      this.#options;
    const { name: device, address } = link.peer;
    const over = forward
      ? this.#relay(forward, { channel, ask, iqn, device, address })
      : serveConnection(channel, {
        targets,
        only: iqn,
        targetAddress: ask.portal,
        ...{ device, address },
        readOnly: holder.mode === "read",
        tenancy: () => Promise.resolve({ proof, release: () => {} }),
        ...{ clock, primitives, log, audit },
      });
    leases.goesOn(proof, {
      abort: (reason) => channel.abort(reason),
      over: over.catch(() => {}),
    });
    await over;
  }

  /** Who it is passes through, and is not looked at. */
  async #relay(
    forward: Forward,
    asked: {
      readonly channel: Channel;
      readonly ask: IscsiAsk;
      readonly iqn: string;
      readonly device: string;
      readonly address: string;
    },
  ): Promise<void> {
    const { channel, ask, iqn, device, address } = asked;
    const { audit } = this.#options;
    audit({ kind: "attached", volume: iqn, device, address });
    try {
      await forward.relay({ channel, iqn, portal: ask.portal });
    } finally {
      audit({ kind: "detached", volume: iqn, device, address });
    }
  }
}
