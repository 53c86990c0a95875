/** Whose turn it is with the end of a row: one after the other. Uploads that go on and on see when somebody else waits. */

export class RowTurns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Whether somebody waits for a turn of their own. */
  get areWanted(): boolean {
    return this.#waiting > 0;
  }

  /** Runs `work` when what came before is over. */
  take<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    return this.#next(() => {
      this.#waiting--;
      return work();
    });
  }

  /** The same for uploads, which go on by themselves with what waits for them. */
  upload(work: () => Promise<void>): void {
    // Whoever waits for one of them is told by it.
    void this.#next(work);
  }

  /** Resolves when all that came so far is over. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}
