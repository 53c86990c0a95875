/**
 * Whether the other end is still there.
 *
 *     quiet for pingAfterMs ──ping──> quiet for pingAnswerMs ──> gone
 *        └────────── any sign of life begins anew ──────┘
 *
 * While what carries the conversation is paused, silence says nothing, and what was asked before the pause may be answered late: then it
 * begins anew, too.
 *
 * A sign of life only sets a flag: there is one timer a connection, and none is set or stopped per PDU.
 */

import type { Clock } from "../base/clock.ts";

export interface IdlenessOptions {
  readonly clock: Clock;
  /** 0: nobody is ever pinged. */
  readonly pingAfterMs: number;
  readonly pingAnswerMs: number;
  /** See {@linkcode Duplex.pauses}. */
  readonly pauses: () => number;
  readonly ping: () => void;
  readonly gone: () => void;
}

export class Idleness {
  readonly #options: IdlenessOptions;
  #active = false;
  #stopTimer: (() => void) | undefined;

  constructor(options: IdlenessOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.pingAfterMs > 0) this.#watch();
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** Something has come. */
  active(): void {
    this.#active = true;
  }

  #watch(): void {
    this.#after(this.#options.pingAfterMs, () => {
      this.#options.ping();
      this.#after(this.#options.pingAnswerMs, () => this.#options.gone());
    });
  }

  /** Calls `quiet` after `ms` without a sign of life. */
  #after(ms: number, quiet: () => void): void {
    this.#active = false;
    const pauses = this.#options.pauses();
    this.#stopTimer = this.#options.clock.after(ms, () => {
      const wasPaused = pauses % 2 === 1 || this.#options.pauses() !== pauses;
      if (this.#active || wasPaused) this.#watch();
      else quiet();
    });
  }
}
