/**
 * Memory of some MiB that is used again: each batch and each segment with memory of its own would be waited for long after its end by the
 * collection of what nobody needs. What nobody has wanted for a while is let go.
 */

import { letGo } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";

const MIB = 1024 * 1024;

const IDLE_MS = 5000;

export class Rooms {
  readonly #clock: Clock;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  /** How many of them nobody has wanted since the last look. */
  #spare = 0;
  #stopLooking: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Exactly so long. What is in it is anything. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const at = this.#free.findIndex(({ length }) => length >= bytes);
    // One that is too short makes way for a longer one: there are never more than are taken at once.
    const [free] = this.#free.splice(Math.max(at, 0), 1);
    this.#spare = Math.min(this.#spare, this.#free.length);
    const found = at < 0 ? undefined : free;
    // They differ a little in length.
    const room = found ?? new Uint8Array(Math.ceil(bytes / MIB) * MIB);
    return room.subarray(0, bytes);
  }

  /** Nobody reads it any more. */
  giveBack(room: Uint8Array<ArrayBuffer>): void {
    this.#free.push(new Uint8Array(room.buffer));
    this.#look();
  }

  /** Lets go of what is not taken, at once. */
  clear(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
    for (const room of this.#free.splice(0)) letGo(room);
  }

  #look(): void {
    if (this.#stopLooking || this.#free.length === 0) return;
    this.#spare = this.#free.length;
    this.#stopLooking = this.#clock.after(IDLE_MS, () => {
      this.#stopLooking = undefined;
      this.#free.splice(0, this.#spare);
      this.#look();
    });
  }
}
