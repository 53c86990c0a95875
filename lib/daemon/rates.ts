/** Bytes a second over the last few seconds, of counters that only ever grow. */

import type { Clock } from "../base/clock.ts";

/** How often counters are looked at, and over how many looks a rate is taken. */
export const SAMPLE_MS = 1000;
const SAMPLES = 5;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class Rates {
  readonly #clock: Clock;
  readonly #samples = new Map<string, Sample[]>();
  #stop: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Looks at the counters that `read` gives, by name, once a second until `stop`. */
  start(read: () => Iterable<readonly [string, number]>): void {
    this.#look(read());
    this.#stop = this.#clock.after(SAMPLE_MS, () => this.start(read));
  }

  stop(): void {
    this.#stop();
  }

  /** The counter's rate up to now, `bytes` being what it counts at the moment. 0 before it has been looked at. */
  perSecond(name: string, bytes: number): number {
    const first = this.#samples.get(name)?.[0];
    const elapsedMs = first ? this.#clock.monotonic() - first.atMs : 0;
    if (!first || elapsedMs <= 0) return 0;
    return Math.max(0, Math.round((bytes - first.bytes) * 1000 / elapsedMs));
  }

  #look(counters: Iterable<readonly [string, number]>): void {
    const atMs = this.#clock.monotonic();
    const gone = new Set(this.#samples.keys());
    for (const [name, bytes] of counters) {
      gone.delete(name);
      const samples = this.#samples.get(name) ?? [];
      samples.push({ atMs, bytes });
      if (samples.length > SAMPLES) samples.shift();
      this.#samples.set(name, samples);
    }
    for (const name of gone) this.#samples.delete(name);
  }
}
