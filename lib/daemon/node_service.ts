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
import { ChannelAsk, type Description, type IscsiAsk } from "./requests.ts";
import type { ServedVolumes } from "./served_volumes.ts";

/** Conversations of a link at once, those included whose channel is gone already. */
const MAX_CONVERSATIONS = 2 * MAX_CHANNELS;

export interface NodeServiceOptions {
  readonly targets: Targets;
  readonly volumes: ServedVolumes;
  /** Takes the place of the volumes. */
  readonly forward: Forward | undefined;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
  readonly audit: Audit;
}

export class NodeService {
  readonly #options: NodeServiceOptions;

  constructor(options: NodeServiceOptions) {
    // What it tells of, devices and initiators bring about.
    const log = boundedLog(options.log, options.clock);
    this.#options = { ...options, log };
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
    const { targets, clock, primitives, log, audit } = this.#options;
    const serve = (socket: TcpDuplex) =>
      serveConnection(socket, {
        targets,
        targetAddress: sockets.address,
        device: "this machine",
        address: socket.peerAddress,
        readOnly: false,
        clock,
        primitives,
        log,
        audit,
      });
    await converseWithAll(sockets, { log, serve });
  }

  async #answer(link: Link, incoming: IncomingChannel): Promise<void> {
    const ask = v.safeParse(ChannelAsk, incoming.request);
    if (!ask.success) {
      return incoming.refuse(
        "This node does not understand what is asked: update it",
      );
    }
    let described: Description;
    try {
      described = await this.#describe(ask.output);
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown;
      const { message: reason, hint, kind } = thrown;
      return incoming.refuse({
        reason,
        ...(hint === undefined ? {} : { hint }),
        ...(kind === undefined ? {} : { kind }),
      });
    }
    const channel = incoming.accept(described);
    if (ask.output.kind === "describe") await channel.close();
    else {await this.#serveIscsi({
        link,
        channel,
        ask: ask.output,
        iqn: described.iqn,
      });}
  }

  async #describe({ volume, readOnly }: ChannelAsk): Promise<Description> {
    const { forward, volumes } = this.#options;
    if (forward && readOnly) {
      // What passes through is not looked into: a promise that nobody would keep.
      throw new VaultError(
        "A target behind --forward cannot be attached read-only",
        {
          kind: "refused",
          hint: "Make it read-only where it is, and attach it without.",
        },
      );
    }
    if (forward) return { iqn: await forward.find(volume), chap: false };
    const { iqn, chap } = volumes.target(volume);
    return { iqn, chap: chap.users.length > 0 };
  }

  async #serveIscsi(
    asked: { link: Link; channel: Channel; ask: IscsiAsk; iqn: string },
  ): Promise<void> {
    const { link, channel, ask, iqn } = asked;
    const { forward, targets, clock, primitives, log, audit } = this.#options;
    const { name: device, address } = link.peer;
    if (forward) {
      // Who it is passes through, and is not looked at.
      audit({ kind: "attached", volume: iqn, device, address });
      try {
        return await forward.relay({ channel, iqn, portal: ask.portal });
      } finally {
        audit({ kind: "detached", volume: iqn, device, address });
      }
    }
    await serveConnection(channel, {
      targets,
      only: iqn,
      targetAddress: ask.portal,
      device,
      address,
      readOnly: ask.readOnly,
      clock,
      primitives,
      log,
      audit,
    });
  }
}
