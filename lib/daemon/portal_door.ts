/** Where initiators of this machine connect, and what becomes of each connection: a channel of the link. */

import type { Clock } from "../base/clock.ts";
import { ConnectionLost, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { TcpDuplex, TcpListener } from "../os/tcp.ts";
import { relay } from "../portal/relay.ts";
import type { Channel, ChannelRequest } from "../../tunnel/channel.ts";
import { DETACH_MS } from "./lease_lines.ts";
import type { LinkKeeper } from "./link_keeper.ts";

/** The most initiator connections of one attachment. */
export const MAX_PORTAL_CONNECTIONS = 64;
/** How long a new connection of an initiator waits for a link that is down or paused, and for the node's answer. */
export const LINK_WAIT_MS = 10_000;

export interface PortalDoorOptions {
  readonly listener: TcpListener;
  readonly keeper: LinkKeeper;
  /** What a channel is asked for with. */
  readonly request: () => ChannelRequest;
  readonly clock: Clock;
  readonly log: Log;
}

export class PortalDoor {
  readonly #options: PortalDoorOptions;
  readonly #sockets = new Set<TcpDuplex>();
  readonly #waiting = new Set<() => void>();

  constructor(options: PortalDoorOptions) {
    this.#options = options;
  }

  get address(): string {
    return this.#options.listener.address;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Takes connections until it is closed. */
  async open(): Promise<void> {
    for (let socket; (socket = await this.#options.listener.accept());) {
      if (this.#sockets.size >= MAX_PORTAL_CONNECTIONS) {
        socket.abort();
        continue;
      }
      this.#sockets.add(socket);
      void this.#serve(socket);
    }
  }

  /** Takes no more, and cuts those that are there. */
  close(why: string): void {
    this.#options.listener.close();
    for (const socket of this.#sockets) socket.abort(new ConnectionLost(why));
  }

  /**
   * Takes no more connections, has initiators asked to log out, and resolves when they have, or have had {@linkcode DETACH_MS}; what is under
   * way is answered meanwhile. At once where nobody can ask them.
   */
  async seeOff(ask: () => boolean): Promise<void> {
    this.#options.listener.close();
    if (this.#sockets.size === 0 || !ask()) return;
    const patience = new AbortController();
    const cancel = this.#options.clock.after(
      DETACH_MS,
      () => patience.abort(),
    );
    await this.empty(patience.signal);
    cancel();
  }

  /** Resolves when nobody is connected, or the signal aborts. */
  async empty(signal: AbortSignal): Promise<void> {
    while (this.#sockets.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiting.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.#waiting.add(done);
        signal.addEventListener("abort", done);
      });
    }
  }

  async #serve(socket: TcpDuplex): Promise<void> {
    const { log } = this.#options;
    try {
      const channel = await this.#channel();
      await relay({ initiator: socket, target: channel, answerPings: true });
    } catch (thrown) {
      socket.abort();
      if (thrown instanceof ConnectionLost) log.debug(thrown.message);
      else log.warn(`A connection of an initiator ended: ${messageOf(thrown)}`);
    } finally {
      this.#sockets.delete(socket);
      for (const wake of [...this.#waiting]) wake();
    }
  }

  /** An initiator gives up sooner than a link that is paused; it comes again. @throws {ConnectionLost} where there is none in time */
  async #channel(): Promise<Channel> {
    const { keeper, request, clock } = this.#options;
    const opening = keeper.up(LINK_WAIT_MS)
      .then((link) => link.open(request()));
    let late = false;
    const tooLate = Promise.withResolvers<never>();
    const cancel = clock.after(LINK_WAIT_MS, () => {
      late = true;
      tooLate.reject(new ConnectionLost("The node does not answer"));
    });
    opening.then(
      (channel) => late && channel.abort(new ConnectionLost("It is too late")),
      () => {},
    );
    try {
      return await Promise.race([opening, tooLate.promise]);
    } finally {
      cancel();
    }
  }
}
