/** The audit log's lines about strangers, so many in a period. */

import type { Clock } from "../lib/base/clock.ts";
import type { Audit, AuditEvent } from "../lib/base/audit.ts";

/** Refusals in the audit log, in one period; more are only counted, so that strangers cannot fill a disk. */
export const MAX_REFUSALS_TOLD = 20;
export const REFUSALS_PERIOD_MS = 10_000;

export class RefusalLog {
  readonly #clock: Clock;
  readonly #audit: Audit;
  #periodMs = 0;
  #told = 0;
  #untold = 0;

  constructor(options: { clock: Clock; audit: Audit }) {
    this.#clock = options.clock;
    this.#audit = options.audit;
  }

  tell(event: AuditEvent): void {
    const now = this.#clock.monotonic();
    if (now - this.#periodMs > REFUSALS_PERIOD_MS) {
      if (this.#untold > 0) {
        const reason = `${this.#untold} more were refused and not told of`;
        this.#audit({ kind: "limit", reason, leftOut: this.#untold });
      }
      this.#periodMs = now;
      this.#told = this.#untold = 0;
    }
    if (this.#told++ < MAX_REFUSALS_TOLD) this.#audit(event);
    else this.#untold++;
  }
}
