/** The initiators at an attachment's portal, and how they are seen off when the volume is detached. */

import type { Clock } from "../base/clock.ts";
import { ConnectionLost, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { TcpDuplex } from "../os/tcp.ts";
import type { LinkKeeper } from "./link_keeper.ts";

/** How long initiators are given to log out before their portal goes. */
export const DETACH_MS = 5_000;

export interface PortalConnectionsOptions {
  readonly volume: string;
  readonly keeper: LinkKeeper;
  readonly clock: Clock;
  readonly log: Log;
}

export class PortalConnections {
  readonly #options: PortalConnectionsOptions;
  readonly #sockets = new Set<TcpDuplex>();
  #left = () => {};

  constructor(options: PortalConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: TcpDuplex): void {
    this.#sockets.add(socket);
  }

  delete(socket: TcpDuplex): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#left();
  }

  /**
   * Has the node ask them to log out, and waits until they have; what is under way is answered meanwhile. Cuts those that are there after
   * {@linkcode DETACH_MS}, and all at once where the node cannot ask. Nobody may come any more.
   */
  async seeOff(): Promise<void> {
    if (this.#sockets.size > 0) {
      const patience = new AbortController();
      await Promise.race([
        this.#askOut(),
        this.#options.clock.sleep(DETACH_MS, patience.signal).catch(() => {}),
      ]);
      patience.abort();
    }
    for (const socket of this.#sockets) {
      socket.abort(new ConnectionLost("The volume was detached"));
    }
  }

  async #askOut(): Promise<void> {
    const { keeper, volume, log } = this.#options;
    const left = new Promise<void>((resolve) => this.#left = resolve);
    try {
      // A link that is paused goes on in time, or does not.
      const link = await keeper.up(DETACH_MS);
      const channel = await link.open({ kind: "leave", volume });
      await channel.close();
    } catch (thrown) {
      log.debug(`Initiators were not asked to log out: ${messageOf(thrown)}`);
      return;
    }
    await left;
  }
}
