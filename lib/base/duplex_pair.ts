/** Two Duplexes in memory, each the other's peer: for tests, and for programs that hold both ends. */

import type { Duplex } from "./duplex.ts";
import { ConnectionLost } from "./errors.ts";

/** How many bytes one direction takes before its writer has to wait. */
const DEFAULT_WINDOW_BYTES = 1024 * 1024;

/**
 * A connected pair. `chunkBytes` cuts what is read into pieces of at most that size, to show that a reader does not depend on how the
 * bytes arrive.
 */
export function duplexPair(
  options: { windowBytes?: number; chunkBytes?: number } = {},
): [Duplex, Duplex] {
  const window = options.windowBytes ?? DEFAULT_WINDOW_BYTES;
  const chunk = options.chunkBytes ?? Number.MAX_SAFE_INTEGER;
  const there = new Pipe(window, chunk);
  const back = new Pipe(window, chunk);
  return [new End(there, back), new End(back, there)];
}

/** One direction: bytes in, bytes out, and who waits for what. */
class Pipe {
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended = false;
  #lost: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  constructor(readonly windowBytes: number, readonly chunkBytes: number) {}

  async read(): Promise<Uint8Array | undefined> {
    while (true) {
      if (this.#lost) throw this.#lost;
      const first = this.#queue[0];
      if (first) return this.#take(first);
      if (this.#ended) return undefined;
      await new Promise<void>((wake) => this.#wakeReader = wake);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) throw this.#lost;
    if (this.#ended) throw new ConnectionLost("Written after close");
    if (bytes.length > 0) {
      this.#queue.push(bytes.slice());
      this.#queuedBytes += bytes.length;
    }
    this.#wakeReader?.();
    while (this.#queuedBytes > this.windowBytes) {
      await new Promise<void>((wake) => this.#wakeWriters.push(wake));
      if (this.#lost) throw this.#lost;
    }
  }

  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  cut(reason: Error): void {
    this.#lost ??= reason;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#wakeReader?.();
    this.#wake();
  }

  #take(first: Uint8Array): Uint8Array {
    const piece = first.subarray(0, this.chunkBytes);
    if (piece.length < first.length) {
      this.#queue[0] = first.subarray(piece.length);
    } else this.#queue.shift();
    this.#queuedBytes -= piece.length;
    if (this.#queuedBytes <= this.windowBytes) this.#wake();
    return piece;
  }

  #wake(): void {
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }
}

class End implements Duplex {
  readonly #out: Pipe;
  readonly #in: Pipe;

  constructor(out: Pipe, into: Pipe) {
    this.#out = out;
    this.#in = into;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#in.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#out.write(bytes);
  }

  close(): Promise<void> {
    this.#out.end();
    return Promise.resolve();
  }

  abort(reason: Error = new ConnectionLost("Aborted")): void {
    this.#out.cut(reason);
    this.#in.cut(reason);
  }
}
