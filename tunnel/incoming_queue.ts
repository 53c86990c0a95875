/** Channels that the peer has asked for and that nobody has looked at yet. */

import { PeerError } from "../lib/base/errors.ts";
import type { IncomingChannel } from "./channel.ts";
import { MAX_CHANNELS } from "./mux.ts";

export class IncomingQueue {
  readonly #waiting: IncomingChannel[] = [];
  #acceptor: ((incoming: IncomingChannel | undefined) => void) | undefined;
  #ended = false;

  /** @throws {PeerError} where too many wait: those that the peer has cut again are among them, and nothing else counts them */
  push(incoming: IncomingChannel): void {
    const acceptor = this.#acceptor;
    this.#acceptor = undefined;
    if (acceptor) return acceptor(incoming);
    if (this.#waiting.length >= MAX_CHANNELS) {
      throw new PeerError("Channels were asked for and cut, again and again");
    }
    this.#waiting.push(incoming);
  }

  /** The next one, or undefined once the link has ended. */
  next(): Promise<IncomingChannel | undefined> {
    const next = this.#waiting.shift();
    if (next || this.#ended) return Promise.resolve(next);
    return new Promise((resolve) => this.#acceptor = resolve);
  }

  end(): void {
    this.#ended = true;
    this.#waiting.length = 0;
    this.#acceptor?.(undefined);
  }
}
