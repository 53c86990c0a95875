/**
 * Memory for segments that are uploaded, used again: each with memory of its own would be waited for long after its end by the collection of
 * what nobody needs, and there are four of 8 MiB at a time.
 */

const MIB = 1024 * 1024;

export class Rooms {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** Exactly so long. What is in it is anything. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const at = this.#free.findIndex(({ length }) => length >= bytes);
    // One that is too short makes way for a longer one: there are never more than are taken at once.
    const [free] = this.#free.splice(Math.max(at, 0), 1);
    const found = at < 0 ? undefined : free;
    // They differ a little in length.
    const room = found ?? new Uint8Array(Math.ceil(bytes / MIB) * MIB);
    return room.subarray(0, bytes);
  }

  /** Nobody reads it any more. */
  giveBack(room: Uint8Array<ArrayBuffer>): void {
    this.#free.push(new Uint8Array(room.buffer));
  }

  /** Lets go of what is not taken. */
  clear(): void {
    this.#free.length = 0;
  }
}
