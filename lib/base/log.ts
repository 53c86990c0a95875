/** The log, handed in. Nothing is logged per PDU. */

/** One category of the log. Messages are sentences without secrets; `facts` are their figures and names. */
export interface Log {
  debug(message: string, facts?: Record<string, unknown>): void;
  info(message: string, facts?: Record<string, unknown>): void;
  warn(message: string, facts?: Record<string, unknown>): void;
  error(message: string, facts?: Record<string, unknown>): void;
}

/** A log that keeps nothing, for tests and for programs that want none. */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
