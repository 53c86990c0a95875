/** Who has failed lately, by source address: each failure beyond the first few doubles the time for which it is not listened to. */

const FREE_FAILURES = 5;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** A source that was quiet for that long starts anew. */
const FORGET_MS = 600_000;
/** Sources remembered, at most; the one that failed longest ago is forgotten first. */
export const MAX_SOURCES = 4096;

interface Source {
  readonly failures: number;
  readonly lastMs: number;
}

export class Backoff {
  /** In the order of the last failure. */
  readonly #sources = new Map<string, Source>();

  /** How long `source` has to wait yet; 0: it may go on. Times are monotonic. */
  remainingMs(source: string, nowMs: number): number {
    const known = this.#sources.get(source);
    if (!known || known.failures < FREE_FAILURES) return 0;
    const doubled = FIRST_PAUSE_MS * 2 ** (known.failures - FREE_FAILURES);
    const until = known.lastMs + Math.min(doubled, LONGEST_PAUSE_MS);
    return Math.max(0, until - nowMs);
  }

  failed(source: string, nowMs: number): void {
    const known = this.#sources.get(source);
    const stale = known !== undefined && nowMs - known.lastMs > FORGET_MS;
    const failures = known && !stale ? known.failures + 1 : 1;
    this.#sources.delete(source);
    this.#sources.set(source, { failures, lastMs: nowMs });
    if (this.#sources.size <= MAX_SOURCES) return;
    for (const oldest of this.#sources.keys()) {
      this.#sources.delete(oldest);
      break;
    }
  }

  succeeded(source: string): void {
    this.#sources.delete(source);
  }

  get size(): number {
    return this.#sources.size;
  }
}
