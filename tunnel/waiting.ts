/**
 * Connections that have not proved anything yet. There is room for so many, in all and from one address; a further one takes the place
 * of the oldest, since whoever means it needs milliseconds, and whoever only wants to be in the way is old.
 */

import type { Clock } from "../lib/base/clock.ts";

/** Connections without a finished handshake, in all and from one address. */
export const MAX_WAITING = 256;
export const MAX_WAITING_PER_HOST = 32;

interface Entry<T> {
  readonly host: string;
  readonly socket: T;
  readonly cancel: () => void;
}

export class Waiting<T> {
  /** In the order of arrival. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #perHost = new Map<string, number>();
  readonly #options: {
    clock: Clock;
    timeoutMs: number;
    drop: (socket: T) => void;
    crowded: (host: string) => void;
  };

  constructor(
    options: {
      clock: Clock;
      timeoutMs: number;
      /** Cuts a connection. */
      drop: (socket: T) => void;
      /** Hears of each that was cut for want of room. */
      crowded: (host: string) => void;
    },
  ) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `key` is unlike that of any other connection that is open. */
  add(key: string, host: string, socket: T): void {
    this.remove(key);
    const { clock, timeoutMs } = this.#options;
    const cancel = clock.after(timeoutMs, () => this.#drop(key));
    this.#entries.set(key, { host, socket, cancel });
    const ofHost = (this.#perHost.get(host) ?? 0) + 1;
    this.#perHost.set(host, ofHost);
    if (ofHost > MAX_WAITING_PER_HOST) this.#makeRoom(host);
    else if (this.#entries.size > MAX_WAITING) this.#makeRoom(undefined);
  }

  /** It is over, or has proved itself. With `socket`, only that one: another may have its key by now. */
  remove(key: string, socket?: T): void {
    const entry = this.#entries.get(key);
    if (!entry || (socket !== undefined && entry.socket !== socket)) return;
    entry.cancel();
    this.#entries.delete(key);
    const left = this.#perHost.get(entry.host)! - 1;
    if (left > 0) this.#perHost.set(entry.host, left);
    else this.#perHost.delete(entry.host);
  }

  dropAll(): void {
    for (const key of [...this.#entries.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    this.remove(key);
    if (entry) this.#options.drop(entry.socket);
  }

  #makeRoom(host: string | undefined): void {
    for (const [key, entry] of this.#entries) {
      if (host !== undefined && entry.host !== host) continue;
      this.#drop(key);
      this.#options.crowded(entry.host);
      return;
    }
  }
}
