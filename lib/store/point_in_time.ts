/**
 * A copy of a store as it is at one moment, made piece by piece while the store is in use. Holes stay holes.
 *
 *     copied │ copied early │ to come │ copied early │ to come
 *            └ next
 *
 * Invariant: a piece at or behind `next` that is not among the early ones holds in the store what it held at that moment, because a piece
 * that is about to change is copied first. So each byte of the copy is of that moment, and the store never waits for more than the pieces
 * that it changes. A copy that fails hurts nobody but itself.
 */

import { InvariantError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import type { File } from "../base/file.ts";
import { type Extent, extentEnd } from "../base/extent.ts";
import type { Store } from "./store.ts";

/** What is copied at a time: a write to what was not copied yet waits for so much. */
export const PIECE_BYTES = 512 * 1024;

/** How much is written before it is made stable: what waits in memory is written out in one go, and all others wait for that. */
const STABLE_EVERY_BYTES = 64 * 1024 * 1024;

/** What can be told of it while it is made. */
export interface PointInTimeOptions {
  /** One that can be watched; its moment is that of the constructor. */
  readonly store: Store;
  /** Empty. It stays the caller's, to be closed. */
  readonly into: File;
  /** How much of the store is copied. */
  readonly sizeBytes: number;
  readonly clock: Clock;
}

export class PointInTime {
  readonly #options: PointInTimeOptions;
  readonly #buffer = new Uint8Array(PIECE_BYTES);
  readonly #early = new Set<number>();
  readonly #unwatch: () => void;
  #next = 0;
  #writtenBytes = 0;
  #stopped: { readonly why: unknown } | undefined;

  /** @throws {VaultError} where `into` cannot become as long */
  constructor(options: PointInTimeOptions) {
    const { store, into, sizeBytes } = options;
    this.#options = options;
    into.truncate(sizeBytes);
    if (!store.watch) {
      throw new InvariantError("A store that cannot be watched");
    }
    this.#unwatch = store.watch((extent) => this.#save(extent));
  }

  /** How far it is, in bytes of the store. */
  get copiedBytes(): number {
    return Math.min(this.#options.sizeBytes, this.#next * PIECE_BYTES);
  }

  /**
   * Copies the rest, piece after piece. The copy is on stable storage when it resolves.
   *
   * @throws what the store or the file throws, or what {@linkcode stop} was given
   */
  async copy(): Promise<void> {
    const { into, clock, sizeBytes } = this.#options;
    const pieces = Math.ceil(sizeBytes / PIECE_BYTES);
    try {
      let stableBytes = 0;
      while (this.#next < pieces) {
        this.#goOn();
        this.#skipHole();
        if (this.#next >= pieces) break;
        if (!this.#early.delete(this.#next)) this.#copyPiece(this.#next);
        this.#next++;
        if (this.#writtenBytes - stableBytes >= STABLE_EVERY_BYTES) {
          stableBytes = this.#writtenBytes;
          await into.sync();
        }
        await clock.sleep(0);
      }
      this.#unwatch();
      this.#goOn();
      await into.sync();
    } finally {
      this.#unwatch();
    }
  }

  /** Ends it: {@linkcode copy} rejects with `why`. */
  stop(why: unknown): void {
    this.#stopped ??= { why };
    this.#unwatch();
  }

  #goOn(): void {
    if (this.#stopped) throw this.#stopped.why;
  }

  /** What is one hole from here on need not be looked at piece by piece. What was saved early is passed over, too. */
  #skipHole(): void {
    const mapped = this.#options.store.nextMapped(this.#next * PIECE_BYTES);
    const to = mapped
      ? Math.floor(mapped.offset / PIECE_BYTES)
      : Math.ceil(this.#options.sizeBytes / PIECE_BYTES);
    this.#next = Math.max(this.#next, to);
  }

  /** These bytes are about to change. */
  #save(extent: Extent): void {
    if (this.#stopped) return;
    const { sizeBytes } = this.#options;
    const end = Math.min(sizeBytes, extentEnd(extent));
    try {
      let piece = Math.max(
        this.#next,
        Math.floor(extent.offset / PIECE_BYTES),
      );
      for (; piece * PIECE_BYTES < end; piece++) {
        if (this.#early.has(piece)) continue;
        this.#copyPiece(piece);
        this.#early.add(piece);
      }
    } catch (why) {
      this.stop(why);
    }
  }

  #copyPiece(piece: number): void {
    const { store, into, sizeBytes } = this.#options;
    const end = Math.min(sizeBytes, (piece + 1) * PIECE_BYTES);
    for (let at = piece * PIECE_BYTES; at < end;) {
      const mapped = store.nextMapped(at);
      if (!mapped || mapped.offset >= end) return;
      const stop = Math.min(end, extentEnd(mapped));
      const part = this.#buffer.subarray(0, stop - mapped.offset);
      if (store.read(mapped.offset, part)) {
        throw new InvariantError("A store that is watched and waits");
      }
      into.write(mapped.offset, part);
      this.#writtenBytes += part.length;
      at = stop;
    }
  }
}
