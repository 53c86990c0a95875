/** How many lines of the audit log each kind of event of each device may have: so many at once, and then one now and then. */

import type { AuditEvent } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";

/** Lines at once, and how long it takes until there may be one more. */
export const MAX_LINES_AT_ONCE = 100;
export const LINE_EVERY_MS = 60_000;

/** Budgets that are kept. Beyond, kinds have one budget each for all devices that have none yet. */
export const MAX_BUDGETS = 4096;

interface Budget {
  readonly kind: AuditEvent["kind"];
  readonly device: string | undefined;
  /** May be a fraction. */
  lines: number;
  countedMs: number;
  leftOut: number;
}

export class AuditBudgets {
  readonly #clock: Clock;
  readonly #budgets = new Map<string, Budget>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the event may have a line. Where not, it is counted. */
  spend(event: AuditEvent): boolean {
    const budget = this.#budgetOf(event);
    const now = this.#clock.monotonic();
    const earned = (now - budget.countedMs) / LINE_EVERY_MS;
    budget.lines = Math.min(MAX_LINES_AT_ONCE, budget.lines + earned);
    budget.countedMs = now;
    if (budget.lines < 1) {
      budget.leftOut += event.leftOut ?? 1;
      return false;
    }
    budget.lines--;
    return true;
  }

  /** A line for each budget that was not enough since the last call. */
  takeLeftOut(): readonly AuditEvent[] {
    const events: AuditEvent[] = [];
    for (const budget of this.#budgets.values()) {
      const { kind, device, leftOut } = budget;
      if (leftOut === 0) continue;
      budget.leftOut = 0;
      events.push({
        kind,
        ...(device === undefined ? {} : { device }),
        reason: `${leftOut} more like these were left out`,
        leftOut,
      });
    }
    return events;
  }

  #budgetOf({ kind, device }: AuditEvent): Budget {
    const known = this.#budgets.get(keyOf(kind, device));
    if (known) return known;
    const full = this.#budgets.size >= MAX_BUDGETS && device !== undefined;
    if (full) return this.#budgetOf({ kind });
    const budget = {
      kind,
      device,
      lines: MAX_LINES_AT_ONCE,
      countedMs: this.#clock.monotonic(),
      leftOut: 0,
    };
    this.#budgets.set(keyOf(kind, device), budget);
    return budget;
  }
}

function keyOf(kind: string, device: string | undefined): string {
  return device === undefined ? kind : `${kind} ${device}`;
}
