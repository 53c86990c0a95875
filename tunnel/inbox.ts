/** Bytes that a socket pushes and a reader pulls, and the wish that the socket pause. */

import { ConnectionLost } from "../lib/base/errors.ts";

/** The socket is not read while more than this waits for the reader. */
export const MAX_UNREAD_BYTES = 256 * 1024;

export class Inbox {
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #lent: Uint8Array | undefined;
  #ended = false;
  #lost: Error | undefined;
  #reader:
    | {
      resolve(bytes: Uint8Array | undefined): void;
      reject(reason: Error): void;
    }
    | undefined;

  /** Whether the socket should bring no more for now. */
  get full(): boolean {
    return this.#unreadBytes > MAX_UNREAD_BYTES;
  }

  /** Why nothing more comes or goes, once that is so. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** What came, in order, lent until the next call; what came before an end or a loss is read before it is told. */
  read(): Promise<Uint8Array | undefined> {
    if (this.#lent) giveBack(this.#lent);
    const next = this.#lent = this.#unread.shift();
    if (next) {
      this.#unreadBytes -= next.length;
      return Promise.resolve(next);
    }
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }

  push(bytes: Uint8Array): void {
    const reader = this.#reader;
    if (reader) {
      this.#reader = undefined;
      this.#lent = bytes;
      return reader.resolve(bytes);
    }
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
  }

  /** The peer has ended its direction. */
  end(): void {
    this.#ended = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  /** The connection was cut. The first reason counts. */
  lose(reason: Error): void {
    this.#lost ??= reason;
    this.#reader?.reject(this.#lost);
    this.#reader = undefined;
  }

  /** Cut from this side: what came is of no interest any more. */
  drop(reason: Error = new ConnectionLost("Aborted")): void {
    this.#unread = [];
    this.#unreadBytes = 0;
    this.lose(reason);
  }
}

/**
 * Frees the memory of bytes that nobody looks at any more. Left to the garbage collector, what a busy socket brings makes it run
 * dozens of times a second.
 */
function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const alone = bytes.byteLength === buffer.byteLength;
  if (alone && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
