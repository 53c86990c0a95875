/** Time, handed in so that a simulation can make its own. */

/** Time, and waiting for it. All figures are milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch, for certificates and for people. May jump. */
  now(): number;
  /** Milliseconds that only ever grow, for time-outs and rates. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `then` once after `ms` unless the returned function is called first. Does not keep the process alive. */
  after(ms: number, then: () => void): () => void;
}
