/** Work in the order in which it is asked for: at once where nothing waits, else after what does. */

import type { Maybe } from "./store.ts";

export class Turns {
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /** Does the work, alone. What it throws or rejects with is its caller's, and nobody else's. */
  take(work: () => Maybe): Maybe {
    if (this.#waiting > 0) return this.#follow(this.#last.then(work));
    const pending = work();
    if (pending) return this.#follow(pending);
  }

  #follow(pending: Promise<void>): Promise<void> {
    this.#waiting++;
    const over = pending.finally(() => this.#waiting--);
    this.#last = over.catch(() => {});
    return over;
  }
}
