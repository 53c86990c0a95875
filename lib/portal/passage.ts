/**
 * From an initiator to a target that may take nothing for a while, as a channel of a paused link does. What it does not take is held here,
 * within a bound, so that the pings behind it are still read, and answered.
 */

import type { Duplex } from "../base/duplex.ts";

/** Nothing more is read while more than this of one connection is held: many commands' unsolicited data, and what R2Ts have asked for. */
export const MAX_HELD_BYTES = 32 * 1024 * 1024;

export class Passage {
  readonly #to: Duplex;
  #heldBytes = 0;
  #failure: { readonly thrown: unknown } | undefined;
  #roomy: (() => void) | undefined;

  constructor(to: Duplex) {
    this.#to = to;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Passes `run` on, which is lent for the call; a promise where it is to be waited for before the next. @throws what an earlier one met */
  pass(run: Uint8Array): Promise<void> | undefined {
    this.#expectNoFailure();
    const { length } = run;
    const write = this.#to.write(this.#to.takes?.(length) ? run : run.slice());
    this.#heldBytes += length;
    write.then(() => this.#done(length), (thrown) => {
      this.#failure ??= { thrown };
      this.#done(length);
    });
    return this.#heldBytes > MAX_HELD_BYTES ? this.#room() : undefined;
  }

  /** Ends the target's side after all that was passed. */
  async close(): Promise<void> {
    await this.#to.close();
    this.#expectNoFailure();
  }

  async #room(): Promise<void> {
    await new Promise<void>((resolve) => this.#roomy = resolve);
    this.#expectNoFailure();
  }

  #done(bytes: number): void {
    this.#heldBytes -= bytes;
    if (this.#heldBytes > MAX_HELD_BYTES && !this.#failure) return;
    this.#roomy?.();
    this.#roomy = undefined;
  }

  #expectNoFailure(): void {
    if (this.#failure) throw this.#failure.thrown;
  }
}
