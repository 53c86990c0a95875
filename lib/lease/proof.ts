/** What shows, at every change of a store, that the lease under which it is made still holds. */

export class Proof {
  readonly generation: number;
  #held = true;

  constructor(generation: number) {
    this.generation = generation;
  }

  /** False for good once the lease has moved on. */
  get held(): boolean {
    return this.#held;
  }

  /** The lease has moved on. Whoever holds this can change nothing from now on. */
  end(): void {
    this.#held = false;
  }
}
