/**
 * Many flushes, few syncs.
 *
 *   idle ──flush──▶ syncing ──done──▶ idle
 *                      │ flush (after a write): waits for one more sync, which all later ones share
 *                      ▼
 *                   syncing, one to follow ──done──▶ syncing
 *
 * A sync covers what was written before it began, so a flush never joins one that began before it: it joins the next.
 */

/** So much is written until a sync begins that nobody has asked for. */
const SYNC_EVERY_BYTES = 2 * 1024 * 1024;

export class GroupCommit {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #unsyncedBytes = 0;

  /** `sync` makes stable all that was written before the call. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** So much was written: what comes fast is made stable meanwhile, so that nobody has to wait for all of it at once. */
  wrote(bytes: number): void {
    this.#unsyncedBytes += bytes;
    // Who needs it to succeed asks for it, and learns.
    if (this.#unsyncedBytes >= SYNC_EVERY_BYTES) this.flush().catch(() => {});
  }

  /** Resolves once a sync that began after this call is over; rejects with what it threw. */
  flush(): Promise<void> {
    if (!this.#running && !this.#next) return this.#begin();
    this.#next ??= this.#follow();
    return this.#next;
  }

  /** Resolves when nothing runs and nothing is to follow, however it ended. */
  async settled(): Promise<void> {
    for (
      let pending = this.#next ?? this.#running;
      pending;
      pending = this.#next ?? this.#running
    ) await pending.catch(() => {});
  }

  async #follow(): Promise<void> {
    await this.#running?.catch(() => {});
    this.#next = undefined;
    await this.#begin();
  }

  #begin(): Promise<void> {
    this.#unsyncedBytes = 0;
    const running = this.#sync().finally(() => {
      this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
