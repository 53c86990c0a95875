/**
 * What waits to be written behind the row. Writes go first, in their order and several together; what the cleaner moves goes where no write
 * waits, unless room in the bucket presses.
 *
 * | moves                      | writes wait | then together go                                            |
 * | -------------------------- | ----------- | ----------------------------------------------------------- |
 * | none, and none is coming   |             | as many writes as are uploaded at once                      |
 * | one                        | no          | the move                                                    |
 * | one                        | yes         | as many writes as are uploaded at once                      |
 * | one, and it presses        | yes         | the move; beside it one write, if its turn has come         |
 * | one is coming, and presses | yes         | one write, if its turn has come; else nothing until it came |
 *
 * Beside those that are under way goes one more write whenever one of them has landed, unless moves press: a line that is busy stays so.
 *
 * So a move holds up a write by the upload of one segment at most. Where room presses, the turn of a write comes after so many moves: else a
 * writer that never pauses would make the bucket grow without end. Moves that are coming are read meanwhile and wait for nothing here.
 */

import { type Packed, stillThere } from "./packing.ts";
import type { VolumeMap } from "./volume_map.ts";

/** Segments that are uploaded at once. */
export const UPLOADS = 4;

/** From one write to the next, where moves press. A writer that never pauses has this part of the line at least. */
const MOVES_A_WRITE = 2;

/** A segment that is to be written. */
export interface Waiting {
  packed: Packed;
  readonly resolve: () => void;
  readonly reject: (why: unknown) => void;
}

/** One that has come by another way than through a queue. */
export function unqueued(packed: Packed): Waiting {
  return { packed, resolve: () => {}, reject: () => {} };
}

export class RowQueue {
  readonly #map: VolumeMap;
  readonly #presses: () => boolean;
  readonly #writes: Waiting[] = [];
  readonly #moves: Waiting[] = [];
  /** Moves are coming; it resolves when there is one, or comes none. */
  #coming: PromiseWithResolvers<void> | undefined;
  /** Moves that went since the last write. */
  #moved = 0;
  /** Somebody waits for the next write. */
  #another: PromiseWithResolvers<void> | undefined;

  /** @param presses whether moves press, which is asked anew each time */
  constructor(map: VolumeMap, presses: () => boolean) {
    this.#map = map;
    this.#presses = presses;
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#writes.length === 0 && this.#moves.length === 0;
  }

  /** Resolves when it is in the row. Where it is not to be, `failed` is told at once, and whoever waits a moment later. */
  write(packed: Packed, failed?: (why: unknown) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const refuse = (why: unknown) => {
      failed?.(why);
      reject(why);
    };
    this.#writes.push({ packed, resolve, reject: refuse });
    this.#another?.resolve();
    this.#another = undefined;
    return promise;
  }

  /** Resolves when a write comes that is not there yet. */
  another(): Promise<void> {
    return (this.#another ??= Promise.withResolvers()).promise;
  }

  /** Moves are coming from now on, until what it gives is called. */
  expectMoves(): () => void {
    this.#coming = Promise.withResolvers();
    return () => {
      this.#coming?.resolve();
      this.#coming = undefined;
    };
  }

  /** Resolves when what of it still counts then is in the row; gives how many bytes that are. */
  async move(packed: Packed): Promise<number> {
    const { promise, ...settle } = Promise.withResolvers<void>();
    const move: Waiting = { packed, ...settle };
    this.#moves.push(move);
    if (this.#coming) {
      this.#coming.resolve();
      this.#coming = Promise.withResolvers();
    }
    await promise;
    return move.packed.data.reduce((sum, { length }) => sum + length, 0);
  }

  /** Those that are to be uploaded together now. Of a move it takes what the map still has where it was read. */
  async take(): Promise<Waiting[]> {
    while (this.#coming && this.#moves.length === 0 && this.#isMovesTurn) {
      await this.#coming.promise;
    }
    const presses = this.#presses() && this.#areMoves;
    const most = !presses ? UPLOADS : this.#isMovesTurn ? 0 : 1;
    const writes = this.#writes.splice(0, most);
    if (writes.length > 0) this.#moved = 0;
    const isAlone = writes.length === 0;
    const move = presses || isAlone ? this.#moves.shift() : undefined;
    if (!move) return writes;
    this.#moved++;
    move.packed = stillThere(move.packed, this.#map);
    if (move.packed.extents.length > 0) return [...writes, move];
    move.resolve();
    return writes;
  }

  /** A write that is to go beside those that are under way; undefined where none waits, or moves have their turn. */
  takeAnother(): Waiting | undefined {
    if (this.#presses() && this.#areMoves) return undefined;
    const write = this.#writes.shift();
    if (write) this.#moved = 0;
    return write;
  }

  /** All that wait. */
  takeAll(): Waiting[] {
    return [...this.#writes.splice(0), ...this.#moves.splice(0)];
  }

  /** There are some, or will be. */
  get #areMoves(): boolean {
    return this.#moves.length > 0 || this.#coming !== undefined;
  }

  get #isMovesTurn(): boolean {
    return this.#presses() && this.#moved < MOVES_A_WRITE;
  }
}
