/** A take-over that is under way: who waits for it, and how long those that hold the lease may take. */

import type { Clock } from "../base/clock.ts";
import { VaultError } from "../base/errors.ts";
import type { Voice } from "./lease_voice.ts";

export class TakeOver {
  readonly attachment: string;
  readonly voice: Voice;
  readonly #clock: Clock;
  readonly #untilMs: number;
  readonly #cancel: () => void;

  /** `over` is called when the bound has passed, unless it has ended before. */
  constructor(options: {
    readonly attachment: string;
    readonly voice: Voice;
    readonly boundMs: number;
    readonly clock: Clock;
    readonly over: () => void;
  }) {
    const { clock, boundMs } = options;
    this.attachment = options.attachment;
    this.voice = options.voice;
    this.#clock = clock;
    this.#untilMs = clock.monotonic() + boundMs;
    this.#cancel = clock.after(boundMs, options.over);
  }

  /** What is left of the bound. */
  get leftMs(): number {
    return Math.max(0, Math.ceil(this.#untilMs - this.#clock.monotonic()));
  }

  end(): void {
    this.#cancel();
  }
}

/** What a taker hears that was not there when it mattered. */
export function absent(): VaultError {
  return new VaultError(
    "Your connection was lost when the time to let go of it was over",
    { hint: "Ask for it again." },
  );
}
