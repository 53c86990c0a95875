/** Limits of this room, in bytes and counts unless the name says otherwise. Those that a node may want to change are in {@linkcode Limits}. */

/** Commands that one session may have under way: MaxCmdSN never runs further ahead. What Linux asks for by default. */
export const COMMAND_WINDOW = 128;

/** Commands outside of the window (the I bit) that one session may have under way. */
export const MAX_IMMEDIATE_COMMANDS = 32;

/** The same of task management functions: each waits for the tasks that it ends. */
export const MAX_IMMEDIATE_FUNCTIONS = 32;

/** What the Data-Out of one session's commands may hold in memory; an R2T waits for its share. */
export const DATA_OUT_BUDGET_BYTES = 16 * 1024 * 1024;

/** A longer WRITE is written in pieces of this size rather than kept whole. */
export const WRITE_PIECE_BYTES = 1024 * 1024;

/** What reads that wait for a store may hold in memory for one session. */
export const DATA_IN_BUDGET_BYTES = 16 * 1024 * 1024;

export interface Limits {
  /** Sessions that one target serves at a time. */
  readonly sessionsPerTarget: number;
  /** Connections of all targets that have not finished their login. */
  readonly logins: number;
  /** How long a login may take. */
  readonly loginMs: number;
  /** Without a PDU for so long the initiator is pinged; 0: never. */
  readonly pingAfterMs: number;
  /** An initiator that has not shown any life for so long after a ping is gone. */
  readonly pingAnswerMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  sessionsPerTarget: 64,
  logins: 256,
  loginMs: 15_000,
  pingAfterMs: 60_000,
  pingAnswerMs: 60_000,
};
