/** What a check of `vault doctor` finds. */

export interface Finding {
  /** What was looked at. */
  readonly check: string;
  /** `skipped`: it does not concern this machine. Only `failed` makes doctor fail. */
  readonly state: "ok" | "warning" | "failed" | "skipped";
  /** What was found, in a sentence or less. */
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** A check: what it finds in the order in which people read it. */
export type Check = (stateDir: string) => Promise<readonly Finding[]>;
