/** The log, handed in. Nothing is logged per PDU. */

/** One category of the log. Messages are sentences without secrets; `facts` are their figures and names. */
export interface Log {
  /** What only somebody who looks for a fault wants to know. */
  debug(message: string, facts?: Record<string, unknown>): void;
  /** What a person who reads the log expects to find in it. */
  info(message: string, facts?: Record<string, unknown>): void;
  /** What went wrong without anything of ours being at fault: a peer that broke the protocol, say. */
  warn(message: string, facts?: Record<string, unknown>): void;
  /** What somebody has to do something about. */
  error(message: string, facts?: Record<string, unknown>): void;
}

/** A log that keeps nothing, for tests and for programs that want none. */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
