/** Since when something has been waiting: what was appended close together has one age. */

/** Entries that were appended so close together have one age. */
const AGE_MS = 1000;
const MAX_AGES = 4096;

export class Ages {
  /** When entries were appended: the first of those up to each number that come after those before. */
  readonly #ages: { upTo: number; readonly atMs: number }[] = [];

  /** When the first of those that wait was appended. */
  get sinceMs(): number | undefined {
    return this.#ages[0]?.atMs;
  }

  /** Entries up to that number were appended now. */
  note(upTo: number, nowMs: number): void {
    const last = this.#ages.at(-1);
    const isOld = last === undefined || nowMs - last.atMs >= AGE_MS;
    if (!last || (isOld && this.#ages.length < MAX_AGES)) {
      this.#ages.push({ upTo, atMs: nowMs });
    } else last.upTo = upTo;
  }

  /** Those before that number wait no more. */
  forget(before: number): void {
    while (this.#ages[0] && this.#ages[0].upTo < before) this.#ages.shift();
  }
}
